"""Rows that tests of their own prove, and rows that are not run, each with the reason."""
from table import Absent, Delegated, add

add(Delegated(8, "the connection that hears of invalidations falls silent",
              "nothing older than 1.0 s (strict) or `l1_max_age`", (
                  "Tests/Stack/test_shared_hearing.py::test_the_channel_falls_silent",)))
add(Delegated(15, "the upstream breaks off in a body: length, chunks, resets",
              "never stored, never delivered as whole", ("Tests/Stack/test_cache_truncated.py",)))
add(Delegated(17, "the upstream answers 429 or 503 with Retry-After",
              "nothing is sent until it is over, then one; stale is served", (
                  "Tests/Stack/test_resilience.py::test_pause_that_the_upstream_asks_for",
                  "Tests/Stack/test_resilience.py::test_refusal_at_the_gate")))
add(Delegated(18, "the resolver hangs",
              "dials wait off the loop and end at their deadline; others notice nothing",
              ("Tests/Stack/test_dns.py",)))
add(Delegated(23, "a cold key, 600 clients at three instances at once; its leader is killed",
              "one fetch in the cluster; one more at most", (
                  "Tests/Stack/test_shared_cache.py::test_one_fetch_for_all_instances",
                  "Tests/Stack/test_shared_cache.py::test_the_leading_instance_dies")))
add(Delegated(24, "1,000 connections that send a head byte by byte; bodies too slow",
              "cut at the deadline; p99 of others below twice and 5 ms", (
                  "Tests/Stack/test_timeouts.py::test_a_thousand_slowloris_connections",
                  "Tests/Stack/test_timeouts.py::test_head_that_never_ends",
                  "Tests/Stack/test_timeouts.py::test_body_slower_than_the_minimum")))
add(Delegated(25, "10,000 idle connections; more than `connections_max`",
              "at most 8 KB each; refused and counted, places come back", (
                  "Tests/Stack/test_timeouts.py::test_ten_thousand_idle_connections",
                  "Tests/Stack/test_timeouts.py::test_connection_limit",
                  "Tests/Stack/test_timeouts.py::test_descriptors_come_back")))
add(Absent(26, "memory at the limit of a cgroup",
           "not run: containers here have no memory controller to write to. That the cache stays within its "
           "bytes, and the instance within them and a bound, is Tests/Stack/test_cache_memory.py"))
add(Delegated(28, "the clock steps by an hour, forth and back; slow clocks",
              "meters, leases and ages stay within their bounds",
              swift="RateRefundTests|RateMeterTests|LeaseTests"))
add(Delegated(29, "what is malformed or ambiguous: lengths, codings, line ends, NUL, folds, hosts",
              "400 and closed, never forwarded; mutations of it crash nothing", (
                  "Tests/Stack/test_framing_requests.py", "Tests/Stack/test_framing_responses.py",
                  "Tests/Stack/test_framing_mutations.py")))
add(Delegated(30, "poisoning: keys, Vary, ranges, HEAD, Set-Cookie, Authorization",
              "as RFC 9111 has it; 32 variants of a key at most", (
                  "Tests/Stack/test_cache_key.py", "Tests/Stack/test_cache_conformance.py",
                  "Tests/Stack/test_cache_memory.py")))
add(Delegated(31, "three instances, one key at four times its limit; without Redis; allocations",
              "never more than allowed; no failures; a hit under limits allocates nothing", (
                  "Tests/Stack/test_limits_shared.py::test_three_instances_share_one_limit",
                  "Tests/Stack/test_limits_shared.py::test_without_redis",
                  "Tests/Stack/test_allocations.py")))
