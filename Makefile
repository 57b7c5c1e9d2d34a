# Everything a developer or continuous integration runs. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Where `make run` listens; UPSTREAM=URL puts the proxy in front of that instead of the demo API.
LISTEN ?= 127.0.0.1:8080
ADMIN ?= 127.0.0.1:9900
DEMO ?= 127.0.0.1:8081
UPSTREAM ?=
# make bench ARGS="--quick"; make run ARGS="--workers 2"
ARGS ?=
export LISTEN ADMIN DEMO UPSTREAM ARGS

# One set of release flags everywhere: another set would build the package again from the start.
RELEASE := -c release --static-swift-stdlib -Xswiftc -cross-module-optimization \
	-Xswiftc -enforce-exclusivity=unchecked
# All tests are Swift Testing's. XCTest's own runner leaks (ASan) and closes on "0 tests".
TESTS := --disable-xctest
SWIFT_FILES := Sources Tests Package.swift

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | \
		awk -F ':.*## ' '{ printf "  make %-18s %s\n", $$1, $$2 }'

.PHONY: packages
packages:
	@scripts/install-packages

.PHONY: build
build: packages ## release binaries in .build/release (meliproxy, demo-api)
	@swift build $(RELEASE)

.PHONY: run
run: packages ## demo API and proxy on LISTEN (127.0.0.1:8080); UPSTREAM=URL for a real API
	@scripts/run

# make stack-scale INSTANCES=5
INSTANCES ?= 2
.PHONY: stack stack-status stack-scale stack-restart stack-down
stack: ## the whole topology as processes on loopback; INSTANCES=3, ARGS="--workers 2"
	@scripts/install-packages stack
	@[ -x .build/release/meliproxy ] && [ -x .build/release/demo-api ] || $(MAKE) build
	@exec scripts/stack up --instances $(INSTANCES) $(if $(UPSTREAM),--upstream $(UPSTREAM)) $(ARGS)

stack-status: ## what of it runs, where and how
	@scripts/stack status

stack-scale: ## another number of instances while it runs: INSTANCES=5
	@scripts/stack scale $(INSTANCES)

stack-restart: ## restart the instances, one after the other
	@scripts/stack restart

stack-down: ## stop it; nothing is left behind
	@scripts/stack down

.PHONY: test
test: ## all tests that fit in 20 minutes: unit, integration, the whole stack
	@scripts/test

.PHONY: check
check: packages ## two minutes on a warm build: format, warnings, unit and tidy tests, lints
	@swift format lint --strict --recursive $(SWIFT_FILES)
	@swift build --build-tests
	@scripts/lint
	@swift test --skip-build $(TESTS) --skip SimulationTests

.PHONY: compose-test
compose-test: ## docker-compose.yml for real under podman, as root; writes docs/compose-test.md
	@scripts/compose-test $(ARGS)

.PHONY: test-long
test-long: packages ## long fuzzing and simulation, both sanitizers, the long stack tests (an hour or more)
	@MELIPROXY_FUZZ_INPUTS=$${MELIPROXY_FUZZ_INPUTS:-10000000} \
		MELIPROXY_LIMIT_EVENTS=$${MELIPROXY_LIMIT_EVENTS:-1000000} swift test $(TESTS) -c release \
		--scratch-path .build-fuzz -Xswiftc -enable-testing \
		--filter "Fuzz|RateMeterTests|RateRefundTests|LimitSetTests"
	@$(MAKE) simulate
	@$(MAKE) asan
	@$(MAKE) tsan
	@scripts/install-packages test
	@scripts/venv test
	@$(MAKE) build
	@.venv/bin/python -m pytest -m long

# SEED=n replays one history with its trace.
SIMULATION_SEEDS ?= 10000
.PHONY: simulate
simulate: packages ## 10,000 seeded histories of a Redis cluster with faults; SEED=n replays one
	@$(if $(SEED),MELIPROXY_SIMULATION_SEED=$(SEED)) MELIPROXY_SIMULATION_SEEDS=$(SIMULATION_SEEDS) \
		swift test $(TESTS) -c release --scratch-path .build-fuzz -Xswiftc -enable-testing \
		--filter SimulationTests

.PHONY: asan
asan: packages ## the Swift tests under the address sanitizer, with leak detection
	@MELIPROXY_RECONNECTS=$${MELIPROXY_RECONNECTS:-1000} \
		scripts/swift-tests --sanitize=address --scratch-path .build-asan

# THREAD_SANITIZER: code that hides a lock from the sanitizer has a visible one under this flag.
TSAN_SUPPRESSIONS := $(wildcard scripts/tsan-suppressions.txt)
.PHONY: tsan
tsan: packages ## the Swift tests under the thread sanitizer
	@TSAN_OPTIONS="$(if $(TSAN_SUPPRESSIONS),suppressions=$(CURDIR)/$(TSAN_SUPPRESSIONS))" \
		scripts/swift-tests --sanitize=thread --scratch-path .build-tsan \
		-Xswiftc -DTHREAD_SANITIZER

.PHONY: bench
bench: ## meliproxy beside nginx, HAProxy, Varnish, Envoy; writes docs/benchmarks.md (20 minutes)
	@scripts/install-packages bench
	@scripts/venv bench
	@$(MAKE) build
	@exec python3 Benchmarks/bench.py $(ARGS)

.PHONY: bench-stack
bench-stack: ## 50,000 requests/s through HAProxy, all on one machine, closed and open loop; writes docs/benchmarks-stack.md (5 to 20 minutes)
	@scripts/install-packages bench stack
	@$(MAKE) build
	@exec python3 Benchmarks/stack.py $(ARGS)

.PHONY: faults
faults: ## faults in the whole stack under load; writes docs/faults.md (30 minutes); ARGS="--only 1,19"
	@scripts/install-packages test
	@scripts/venv test
	@$(MAKE) build
	@swift build --build-tests
	@.venv/bin/python -B Tests/Faults $(ARGS)

.PHONY: rules
rules: ## Prometheus' rules: validity and unit tests (20 seconds); the rest of their tests: make test
	@promtool check rules --lint=all --lint-fatal prometheus/rules/*.yml >/dev/null
	@promtool test rules prometheus/tests/*.yml

.PHONY: mutants
mutants: ## inverts decisions of the cache policy; a test must notice each (4 minutes)
	@scripts/policy-mutants $(ARGS)

.PHONY: docs
docs: packages ## write docs/metrics.md and the table of docs/configuration.md from the catalogues
	@MELIPROXY_WRITE_DOCS=1 swift test $(TESTS) \
		--filter "TidyTests.PageTests|SettingsTests/documentation|LibraryTests/embedded"

.PHONY: dashboards
dashboards: ## write grafana/dashboards/*.json from grafana/boards/
	@python3 -m grafana.generate

.PHONY: dashboard-pictures
dashboard-pictures: ## draw docs/images/dashboard-*.png from a stack on loopback (5 minutes)
	@scripts/install-packages test
	@scripts/venv test
	@$(MAKE) build
	@.venv/bin/python -m grafana.pictures

.PHONY: format
format: ## lay out all Swift sources
	@swift format --in-place --recursive $(SWIFT_FILES)

.PHONY: clean
clean: ## remove what was built; fetched packages and .venv stay
	@swift package clean
	@rm -rf .build-asan .build-tsan .build-fuzz .pytest_cache
