"""The metrics page: well formed, exact, bounded, negotiated, and read by the real Prometheus."""
import collections
import gzip
import json
import math
import re
import subprocess
import tempfile
import threading
import time
import urllib.parse

import pytest
from prometheus_client.openmetrics.parser import \
    text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families

import client as clients
import harness
import upstream as upstreams

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
TEXT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"
TRACE = "0af7651916cd43dd8448eb211c80319c"
DURATION_BOUNDS = ("0.0001 0.00025 0.0005 0.001 0.0025 0.005 0.01 0.025 0.05 0.1 0.25 0.5 1.0 2.5 "
                   "5.0 10.0 +Inf").split()


def by_last_segment(request):
    """`/…/503` answers 503, `/…/close` closes, `/…/hang` is silent; everything else 200."""
    word = request.target.rsplit("/", 1)[-1]
    if word == "close":
        return [upstreams.CLOSE]
    if word == "hang":
        return [upstreams.WaitClosed()]
    return upstreams.response(b"body", f"{word} Status" if word.isdigit() else "200 OK")


def three_routes(upstream, dead_port):
    """Settings with a route that works, one whose upstream refuses, and nothing for the rest."""
    return {
        "upstreams": {
            "good": {"url": upstream.url, "first_byte_timeout": "200ms"},
            "dead": {"url": f"http://127.0.0.1:{dead_port}", "breaker": "off",
                     "retries": {"on": []}},
        },
        "routes": [
            {"name": "items", "match": {"path": "/items/{id}", "methods": ["GET", "POST"]},
             "upstream": "good"},
            {"match": {"path": "/things/**"}, "upstream": "good"},
            {"name": "dead", "match": {"path": "/dead/**"}, "upstream": "dead"},
        ],
    }


@pytest.fixture
def routed(start):
    """An instance with three routes, and its upstream."""
    with upstreams.Upstream(by_last_segment) as upstream:
        dead_port = harness.free_port()
        # What is counted here is what reaches the upstream: nothing is collapsed.
        settings = {**three_routes(upstream, dead_port), "cache": {"memory": "off"}}
        yield start(settings=settings, workers=2), upstream


# (method, target, status, route, method label); every answer keeps the connection except 400s.
LOAD = [
    ("GET", "/items/200", 200, "items", "GET"),
    ("HEAD", "/items/200", 200, "items", "HEAD"),
    ("GET", "/items/404", 404, "items", "GET"),
    ("POST", "/items/201", 201, "items", "POST"),
    ("GET", "/items/503", 503, "items", "GET"),
    ("GET", "/items/429", 429, "items", "GET"),
    ("DELETE", "/items/1", 405, None, "DELETE"),
    ("GET", "/things/a/b/200", 200, "/things/**", "GET"),
    ("PUT", "/things/299", 299, "/things/**", "PUT"),
    ("BREW", "/things/200", 200, "/things/**", "_other"),
    ("GET", "/things/hang", 504, "/things/**", "GET"),
    ("POST", "/things/close", 502, "/things/**", "POST"),
    ("GET", "/dead/x", 502, "dead", "GET"),
    ("GET", "/elsewhere", 404, "_other", "GET"),
    ("GET", "/items/1/2", 404, "_other", "GET"),
]


def play_load(proxy, rounds, results):
    """Plays the whole load `rounds` times on one connection; what the client saw into `results`."""
    seen = collections.Counter()
    for _ in range(rounds):
        with proxy.client(timeout=20) as client:
            for method, target, *_ in LOAD:
                body = b"abc" if method in ("POST", "PUT") else b""
                status = client.request(method, target, body=body).status
                seen[method, target, status] += 1
            client.send(b"GET /bad HTTP/1.1\r\n\r\n")
            seen["GET", "/bad", client.response().status] += 1
    results.append(seen)


def run_load(proxy, threads=4, rounds=3):
    """The load from several threads; how often each (method, target, status) was answered."""
    results = []
    workers = [threading.Thread(target=play_load, args=(proxy, rounds, results))
               for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert len(results) == threads, "a client failed"
    return sum(results, collections.Counter())


def test_accounting_is_exact(routed):
    """Clients' answers == http_requests_total == access-log lines == upstream's own count."""
    proxy, upstream = routed
    times = 12
    seen = run_load(proxy)
    assert seen == collections.Counter(
        {**{(m, t, status): times for m, t, status, *_ in LOAD}, ("GET", "/bad", 400): times})
    total = times * (len(LOAD) + 1)
    proxy.wait_metric("connections_active", 0)
    harness.wait_until(lambda: len(proxy.log_lines()) >= total,
                       lambda: f"{len(proxy.log_lines())} of {total} access-log lines")
    page = proxy.metrics()
    lines = proxy.log_lines()
    assert page.sum("http_requests_total") == total == len(lines)

    by_code = collections.Counter()
    for (_, _, status), count in seen.items():
        by_code[str(status)] += count
    counted = {s.labels["code"]: page.sum("http_requests_total", code=s.labels["code"])
               for s in page.select("http_requests_total")}
    assert {code: n for code, n in counted.items() if n} == by_code
    assert collections.Counter(str(line["status"]) for line in lines) == by_code

    by_route = collections.Counter(
        {(s.labels["route"], s.labels["method"], s.labels["code"], s.labels["origin"]): int(s.value)
         for s in page.select("http_requests_total") if s.value})
    logged = collections.Counter()
    for line in lines:
        logged[line["route"], line["method"], str(line["status"]), line["origin"]] += 1
    methods = {"BREW": "_other"}
    folded = collections.Counter()
    for (route, method, code, origin), count in logged.items():
        folded[route, methods.get(method, method), code, origin] += count
    known = {key: n for key, n in by_route.items() if key[2] != "400"}
    assert {key: n for key, n in folded.items() if key[2] != "400"} == known
    for method, _, status, route, label in LOAD:
        if route:
            wanted = sum(times for m, _, s, r, _ in LOAD if (m, s, r) == (method, status, route))
            assert page.sum("http_requests_total", route=route, method=label,
                            code=str(status)) >= wanted
    for route in {s.labels["route"] for s in page.select("http_requests_total")}:
        assert page.sum("http_request_duration_seconds_count", route=route) == page.sum(
            "http_requests_total", route=route), route


def test_origin_says_whose_answer_it_is(routed):
    """A 5xx of the upstream's and one of the proxy's are told apart."""
    proxy, _ = routed
    run_load(proxy, 1, 1)
    proxy.wait_metric("http_requests_total", len(LOAD) + 1)
    page = proxy.metrics()
    assert page.sum("http_requests_total", code="503", origin="upstream") == 1
    assert page.sum("http_requests_total", code="502", origin="proxy") == 2
    assert page.sum("http_requests_total", code="504", origin="proxy") == 1
    assert page.sum("http_requests_total", code="404", origin="upstream") == 1
    assert page.sum("http_requests_total", code="404", origin="proxy") == 2
    assert page.sum("http_requests_total", code="200", origin="proxy") == 0


def test_connections_and_attempts_add_up(routed):
    """accepted - closed == active; requests + errors == attempts; what the upstream itself saw."""
    proxy, upstream = routed
    run_load(proxy)
    open_clients = [proxy.client() for _ in range(7)]
    for client in open_clients:
        assert client.get("/items/200").status == 200
    proxy.wait_metric("connections_active", 7)
    page = proxy.metrics()
    accepted, closed = page.sum("connections_accepted_total"), page.sum("connections_closed_total")
    assert accepted - closed == page.sum("connections_active") == 7
    assert accepted == 12 + 7
    assert page.sum("http_requests_in_flight") == 0
    for name in ("good", "dead"):
        attempts = page.sum("upstream_request_duration_seconds_count", upstream=name)
        assert attempts == (page.sum("upstream_requests_total", upstream=name)
                            + page.sum("upstream_errors_total", upstream=name))
    received = [r for r in upstream.requests]
    answered = [r for r in received if not r.target.endswith(("close", "hang"))]
    assert page.sum("upstream_requests_total", upstream="good") == len(answered)
    assert page.sum("upstream_errors_total", upstream="good", reason="timeout") == 12
    assert page.sum("upstream_errors_total", upstream="dead", reason="connect") == 12
    assert page.sum("upstream_requests_total", upstream="dead") == 0
    assert page.sum("upstream_connections_opened_total", upstream="good") == len(
        upstream.connections)
    idle = page.sum("upstream_connections", upstream="good", state="idle")
    assert page.sum("upstream_connections", upstream="good", state="active") == 0
    assert idle == sum(not c.done.is_set() for c in upstream.connections)
    for client in open_clients:
        client.close()
    proxy.wait_metric("connections_active", 0)


def test_aborted_requests_are_counted_once(start):
    """Clients that leave and answers that break off: one count and one line each, no more."""
    def answer(request):
        if request.target == "/cut":
            return [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", upstreams.Pause(0.01),
                    upstreams.CLOSE]
        return [upstreams.WaitClosed()]

    with upstreams.Upstream(answer) as upstream:
        proxy = start(upstream, workers=2)
        for number in range(30):
            with proxy.client() as client:
                # Each its own: who leaves has not left yet for who comes next, and would be followed.
                target = "/cut" if number % 3 == 0 else f"/left/{number}"
                client.send(clients.head("GET", target))
                if number % 3 == 0:
                    with pytest.raises(clients.wire.Truncated):
                        client.response()
                else:
                    harness.wait_until(lambda n=number: len(upstream.requests) > n, "it arrives")
                    client.reset()
        proxy.wait_metric("http_requests_in_flight", 0)
        harness.wait_until(lambda: len(proxy.log_lines()) >= 30, "the log")
        proxy.wait_metric("connections_active", 0)
        page = proxy.metrics()
        assert page.sum("http_requests_total") == 30 == len(proxy.log_lines())
        assert page.sum("http_request_duration_seconds_count") == 30
        assert page.sum("http_request_errors_total", reason="client_abort") == 20
        assert page.sum("connections_accepted_total") == 30 == page.sum("connections_closed_total")
        assert page.sum("upstream_request_duration_seconds_count") == (
            page.sum("upstream_requests_total") + page.sum("upstream_errors_total"))


def test_bytes_are_counted(start):
    """Received bytes are at least the bodies sent; sent bytes exactly what the client read."""
    with upstreams.Upstream(lambda r: upstreams.response(b"z" * 100_000)) as upstream:
        proxy = start(upstream)
        with proxy.client() as client:
            assert client.request("POST", "/x", body=b"b" * 50_000).status == 200
            read = client.reader.received_bytes
        proxy.wait_metric("connections_active", 0)
        sent = proxy.metric("http_sent_bytes_total")
        received = proxy.metric("http_received_bytes_total")
    assert sent in (read, 100_000), f"{sent} counted, {read} read"
    assert 50_000 <= received <= 50_500


def check_page(families, kinds):
    """Rules that hold in both formats (observability: correctness)."""
    names = [family.name for family in families]
    assert len(names) == len(set(names)), "a family appears twice"
    seen = set()
    for family in families:
        assert family.documentation, f"{family.name} has no HELP"
        kinds[family.name] = family.type
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in seen, f"twice: {key}"
            seen.add(key)
            assert math.isfinite(sample.value) and sample.value >= 0, sample
        if family.type == "histogram":
            check_histogram(family)


def check_histogram(family):
    children = collections.defaultdict(dict)
    for sample in family.samples:
        labels = {k: v for k, v in sample.labels.items() if k != "le"}
        child = children[tuple(sorted(labels.items()))]
        if sample.name.endswith("_bucket"):
            child.setdefault("buckets", []).append((sample.labels["le"], sample.value))
        else:
            child[sample.name.rsplit("_", 1)[-1]] = sample.value
    for labels, child in children.items():
        bounds = [float(le) for le, _ in child["buckets"]]
        counts = [count for _, count in child["buckets"]]
        assert bounds == sorted(set(bounds)) and bounds[-1] == math.inf, family.name
        assert counts == sorted(counts), f"{family.name}{labels} falls"
        assert counts[-1] == child["count"], f"{family.name}{labels}"
        if family.name == "meliproxy_http_request_duration_seconds":
            assert [le for le, _ in child["buckets"]] == DURATION_BOUNDS


def test_both_formats_parse(routed):
    """The official parsers read both pages, and find the same families."""
    proxy, _ = routed
    run_load(proxy, 1, 1)
    text = proxy.admin("GET", "/metrics")
    assert text.one("Content-Type") == TEXT_TYPE
    page = text.body.decode()
    assert page.endswith("\n") and "# EOF" not in page and "\n\n" not in page
    names = re.findall(r"^# TYPE (\S+) ", page, re.MULTILINE)
    assert names == sorted(set(names)), "families are not sorted, or one comes twice"
    kinds, open_kinds = {}, {}
    check_page(list(text_string_to_metric_families(page)), kinds)
    answer = proxy.admin("GET", "/metrics", [("Accept", OPENMETRICS)])
    assert answer.one("Content-Type") == OPENMETRICS_TYPE
    page = answer.body.decode()
    assert page.endswith("# EOF\n") and "_created" not in page
    check_page(list(openmetrics_families(page)), open_kinds)
    assert kinds == open_kinds


def test_promtool_accepts_the_page(routed):
    """`promtool check metrics`: names, units, HELP."""
    proxy, _ = routed
    run_load(proxy, 1, 1)
    result = subprocess.run(["promtool", "check", "metrics"], capture_output=True, timeout=20,
                            input=proxy.admin("GET", "/metrics").body)
    assert result.returncode == 0, (result.stdout + result.stderr).decode()
    assert not result.stdout + result.stderr, (result.stdout + result.stderr).decode()


NEGOTIATION = [
    (None, None, "text", "identity"),
    ("*/*", None, "text", "identity"),
    ("text/plain", None, "text", "identity"),
    ("text/plain;version=0.0.4;charset=utf-8", "identity", "text", "identity"),
    ("text/html, */*;q=0.1", None, "text", "identity"),
    ("application/json", None, "text", "identity"),
    (OPENMETRICS, None, "openmetrics", "identity"),
    ("application/openmetrics-text", None, "openmetrics", "identity"),
    ("application/openmetrics-text;q=0,text/plain", None, "text", "identity"),
    ("application/openmetrics-text;version=1.0.0;q=0.3,text/plain;q=0.7", None, "text", "identity"),
    ("application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
     "text/plain;version=0.0.4;q=0.5,*/*;q=0.1", "gzip", "openmetrics", "gzip"),
    ("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
     "application/openmetrics-text;version=0.0.1;q=0.5,"
     "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
     "gzip", "openmetrics", "gzip"),
    ("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,"
     "text/plain;version=0.0.4;q=0.5", "gzip", "text", "gzip"),
    ("*/*", "gzip", "text", "gzip"),
    ("*/*", "deflate, gzip;q=1.0", "text", "gzip"),
    ("*/*", "GZIP", "text", "gzip"),
    ("*/*", "gzip;q=0", "text", "identity"),
    ("*/*", "br, zstd", "text", "identity"),
    ("*/*", "identity;q=1, gzip;q=0.5", "text", "identity"),
    ("*/*", "", "text", "identity"),
]


@pytest.fixture(scope="module")
def quiet():
    """An instance for questions about the page only."""
    with upstreams.Upstream() as upstream, harness.Proxy(upstream) as proxy:
        proxy.may_end = False
        assert proxy.fetch("GET", "/x").status == 200
        yield proxy


@pytest.mark.parametrize("accept,encoding,kind,coding", NEGOTIATION)
def test_negotiation(quiet, accept, encoding, kind, coding):
    """Accept x Accept-Encoding gives type and coding."""
    fields = [("Accept", accept)] if accept is not None else []
    fields += [("Accept-Encoding", encoding)] if encoding is not None else []
    response = quiet.admin("GET", "/metrics", fields)
    assert response.status == 200
    assert response.one("Content-Type") == (TEXT_TYPE if kind == "text" else OPENMETRICS_TYPE)
    assert (response.one("Content-Encoding") or "identity") == coding
    body = gzip.decompress(response.body) if coding == "gzip" else response.body
    assert body.endswith(b"# EOF\n") == (kind == "openmetrics")
    assert b"meliproxy_http_requests_total" in body


def test_head_of_metrics(quiet):
    """HEAD has the fields of GET and no body."""
    response = quiet.admin("HEAD", "/metrics")
    assert response.status == 200 and response.one("Content-Type") == TEXT_TYPE
    assert int(response.one("Content-Length") or 1) > 0
    assert not response.body


def test_query_of_metrics_is_ignored(quiet):
    """Unknown parameters do no harm."""
    assert quiet.admin("GET", "/metrics?name[]=x&format=json").status == 200


def test_children_are_born_at_zero(start):
    """Known codes of a route, reasons and states exist before they are first counted."""
    with upstreams.Upstream() as upstream:
        proxy = start(settings=three_routes(upstream, harness.free_port()))
        page = proxy.metrics()
    for route in ("items", "/things/**", "dead"):
        for code in ("200", "429", "502", "503", "504"):
            samples = page.select("http_requests_total", route=route, code=code)
            assert samples and all(s.value == 0 for s in samples), (route, code)
    for reason in ("dns", "connect", "tls", "timeout", "reset", "protocol", "pool_full"):
        assert page.select("upstream_errors_total", upstream="good", reason=reason), reason
    for reason in ("bad_request", "header_too_large", "body_too_large", "timeout", "client_abort",
                   "smuggling"):
        assert page.select("http_request_errors_total", reason=reason), reason
    for reason in ("limit", "fd", "shutdown"):
        assert page.select("connections_rejected_total", reason=reason), reason
    assert page.sum("ready") == 1 and page.sum("draining") == 0
    assert page.sum("config_last_reload_successful") == 1
    assert abs(page.sum("config_last_reload_success_timestamp_seconds") - time.time()) < 60
    assert page.sum("build_info") == 1
    assert 0 <= time.time() - page.sum("process_start_time_seconds") < 60
    for name in ("process_cpu_seconds_total", "process_open_fds", "process_max_fds",
                 "process_resident_memory_bytes", "process_virtual_memory_bytes"):
        assert page.select(name), name


@pytest.mark.parametrize("raw,reason", [
    (b"GET /x HTTP/1.1\r\n\r\n", "bad_request"),
    (b"GET /x HTTP/1.1\r\nHost: a\r\nX: " + b"v" * 70_000 + b"\r\n\r\n", "header_too_large"),
    (b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
     "smuggling"),
    (b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n", "body_too_large"),
])
def test_refusals_are_counted_by_reason(start, raw, reason):
    """Each refusal has its reason."""
    with upstreams.Upstream() as upstream:
        proxy = start(settings=harness.settings_for(upstream, client={"body_bytes_max": "1MiB"}))
        with proxy.client() as client:
            client.send(raw)
            assert client.response().status >= 400
        proxy.wait_metric("http_request_errors_total", 1, reason=reason)
        assert proxy.metric("http_request_errors_total") == 1


def hostile_requests(count):
    """Pipelined requests whose paths, methods and hosts never repeat; none has a route."""
    return b"".join(
        b"%s /%x/%x HTTP/1.1\r\nHost: h%x.example\r\n\r\n"
        % (b"GET" if n % 3 else b"M%X" % n, n * 2654435761 % 2**32, n, n) for n in range(count))


def play_hostile(proxy, requests):
    """Sends the requests in batches over one connection, counting the answers."""
    heads = requests.split(b"\r\n\r\n")[:-1]
    with proxy.client(timeout=30) as client:
        for start_at in range(0, len(heads), 500):
            batch = heads[start_at:start_at + 500]
            client.send(b"\r\n\r\n".join(batch) + b"\r\n\r\n")
            answered, tail = 0, b""
            while answered < len(batch):
                assert client.reader.fill(), f"closed after {start_at + answered} requests"
                text = tail + bytes(client.reader.buffer)
                client.reader.buffer.clear()
                answered += text.count(b"HTTP/1.1 404 ")
                tail = text[-12:]  # one byte shorter than what is counted


def test_a_hundred_thousand_names_add_no_series(routed):
    """Random paths, methods and hosts never become labels."""
    proxy, _ = routed
    play_hostile(proxy, hostile_requests(10))
    proxy.wait_metric("http_requests_total", 10)
    before = proxy.metrics().series()
    play_hostile(proxy, hostile_requests(100_000))
    proxy.wait_metric("http_requests_total", 100_010)
    page = proxy.metrics()
    assert page.series() == before
    assert page.sum("http_requests_total", route="_other", code="404") == 100_010
    assert page.sum("http_requests_total", method="_other") > 30_000


def test_hostile_names_leave_the_page_well_formed(routed):
    """Quotes, backslashes and bytes in paths, hosts and methods: both pages still parse."""
    proxy, _ = routed
    for target in ('/"', "/\\", "/%22%0a%ff", "/items/%22%5c%0a", "/items/" + "x" * 5000):
        assert proxy.fetch("GET", target).status in (200, 400, 404)
    assert proxy.fetch("M'`|~", "/things/x").status == 200
    check_page(list(text_string_to_metric_families(
        proxy.admin("GET", "/metrics").body.decode())), {})


def test_exemplars_carry_the_trace(start):
    """In OpenMetrics only: a bucket of the latency points to the request's trace."""
    with upstreams.Upstream() as upstream:
        proxy = start(upstream)
        assert proxy.fetch("GET", "/x", [
            ("traceparent", f"00-{TRACE}-b7ad6b7169203331-01")]).status == 200
        proxy.wait_metric("http_requests_total", 1, code="200")

        def exemplars():
            page = proxy.admin("GET", "/metrics", [("Accept", OPENMETRICS)]).body.decode()
            return [s for f in openmetrics_families(page) for s in f.samples if s.exemplar]

        found = harness.wait_until(exemplars, "an exemplar")
        ours = [s for s in found if s.name == "meliproxy_http_request_duration_seconds_bucket"]
        assert ours and all(s.exemplar.labels == {"trace_id": TRACE} for s in ours)
        assert all(s.exemplar.value <= float(s.labels["le"]) for s in ours)
        assert b"trace_id" not in proxy.admin("GET", "/metrics").body


def test_metrics_are_not_public(routed):
    """The public port does not know the page."""
    proxy, _ = routed
    for target in ("/metrics", "/-/ready", "/-/healthy", "/api/v1/config"):
        response = proxy.fetch("GET", target)
        assert response.status == 404 and b"meliproxy_" not in response.body


def test_scrapes_under_load_never_fall(routed):
    """Counters never decrease and histograms agree with themselves while requests run."""
    proxy, _ = routed
    done = threading.Event()

    def load():
        with proxy.client() as client:
            while not done.is_set():
                assert client.get("/items/200").status == 200

    threads = [threading.Thread(target=load) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        last = {}
        for _ in range(15):
            families = proxy.metrics().families
            check_page(families, {})
            for family in families:
                if family.type not in ("counter", "histogram"):
                    continue
                for sample in family.samples:
                    key = (sample.name, tuple(sorted(sample.labels.items())))
                    assert sample.value >= last.get(key, 0), key
                    last[key] = sample.value
            time.sleep(0.05)
    finally:
        done.set()
        for thread in threads:
            thread.join()


class Prometheus:
    """A real server scraping one target every second."""

    def __init__(self, directory, target):
        self.port = harness.free_port()
        settings = {"global": {"scrape_interval": "1s"}, "scrape_configs": [
            {"job_name": "meliproxy", "sample_limit": 5000, "label_value_length_limit": 128,
             "static_configs": [{"targets": [target]}]}]}
        path = harness.write_settings(directory, settings)
        self.log = open(f"{directory}/log", "wb")
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={path}", f"--storage.tsdb.path={directory}/data",
             f"--web.listen-address=127.0.0.1:{self.port}", "--storage.tsdb.retention.time=1h",
             "--enable-feature=exemplar-storage"], stdout=self.log, stderr=self.log)

    def query(self, expression):
        """The samples of an instant query; empty while the server is not up."""
        return self._api("query?" + urllib.parse.urlencode({"query": expression}),
                         lambda data: data["result"])

    def exemplars(self, expression):
        """The trace ids of the exemplars of a selector."""
        now = time.time()
        query = urllib.parse.urlencode({"query": expression, "start": now - 60, "end": now + 60})
        return self._api("query_exemplars?" + query, lambda data: [
            e["labels"].get("trace_id") for series in data for e in series["exemplars"]])

    def _api(self, target, pick):
        try:
            response = clients.fetch(self.port, "GET", "/api/v1/" + target)
        except OSError:
            return []
        document = json.loads(response.body) if response.status == 200 else {}
        return pick(document["data"]) if document.get("status") == "success" else []

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)
        self.log.close()


def test_prometheus_scrapes_it(routed):
    """up == 1, the counts arrive as they are, the exemplar's trace can be found."""
    proxy, _ = routed
    run_load(proxy, 1, 1)
    proxy.fetch("GET", "/items/200", [("traceparent", f"00-{TRACE}-b7ad6b7169203331-01")])
    with tempfile.TemporaryDirectory() as directory:
        prometheus = Prometheus(directory, f"127.0.0.1:{proxy.admin_port}")
        try:
            def value(expression):
                result = prometheus.query(expression)
                return float(result[0]["value"][1]) if result else None

            harness.wait_until(lambda: value("up") == 1, "up == 1", 20, 0.1)
            total = "sum(meliproxy_http_requests_total)"
            harness.wait_until(lambda: value(total) == len(LOAD) + 2, "the counts arrive", 10, 0.1)
            assert value("scrape_samples_scraped") > 100
            assert value("count(meliproxy_http_request_duration_seconds_bucket{le=\"0.25\"})")
            harness.wait_until(
                lambda: TRACE in prometheus.exemplars(
                    "meliproxy_http_request_duration_seconds_bucket"), "the exemplar", 10, 0.1)
        finally:
            prometheus.stop()


def test_series_names_are_of_the_catalogue(quiet):
    """Every family starts with meliproxy_ or process_, and no label holds an address or a path."""
    for sample in quiet.metrics().samples:
        assert re.match(r"(meliproxy|process)_[a-z0-9_]+\Z", sample.name), sample.name
        assert not re.search(r"127\.0\.0\.1:\d+", "".join(sample.labels.values())), sample
