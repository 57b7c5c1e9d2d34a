"""Header, metric and log line say the same of every request, and the sums are exact."""
import json
from collections import Counter

import pytest

import cache_status
import harness
import upstream as upstreams
from cache_support import ADMIN, TOKEN, Crowd, cacheable, purge, settings
from upstream import Pause

RESULTS = {"hit", "stale-served", "collapsed", "uri-miss", "vary-miss", "miss", "stale", "request",
           "method", "bypass", "partial"}


def result(response):
    """The word of metric and log for what the header says."""
    status = cache_status.parse(response)
    if status.detail in ("swr", "sie"):
        return "stale-served"
    return "collapsed" if status.collapsed else status.word


def origin(request):
    """Answers by the first part of the path."""
    kind = request.target.split("/")[1].split("?")[0]
    first = origin.seen[request.target] == 0
    origin.seen[request.target] += 1
    if kind == "slow":
        return [Pause(0.2), cacheable()]
    if kind == "vary":
        return cacheable(fields=[("Vary", "Foo")])
    if kind == "private":
        return cacheable(cc="private")
    if kind in ("swr", "sie", "stale") and first:
        window = {"swr": ", stale-while-revalidate=600", "sie": ", stale-if-error=600", "stale": ""}
        return cacheable(cc="max-age=10" + window[kind], fields=[("Age", "60"), ("ETag", '"a"')])
    if kind in ("sie", "error"):
        return upstreams.response(status="503 Unavailable")
    if request.all("If-None-Match") and kind == "stale":
        return b"HTTP/1.1 304 Not Modified\r\nCache-Control: max-age=600\r\n\r\n"
    return cacheable()


@pytest.fixture
def loaded(start, upstream):
    """An instance after one of everything, and the answers it gave, settled and logged."""
    origin.seen = Counter()
    upstream.answer = origin
    proxy = start(settings=settings(upstream), workers=2)
    seen = []

    def ask(method, target, *fields, times=1):
        for _ in range(times):
            seen.append(proxy.fetch(method, target, fields))

    ask("GET", "/plain", times=5)
    ask("GET", "/vary", ("Foo", "1"), times=2)
    ask("GET", "/vary", ("Foo", "2"), times=2)
    ask("GET", "/private", times=3)
    ask("GET", "/swr", times=3)
    ask("GET", "/sie", times=3)
    ask("GET", "/stale", times=3)
    ask("GET", "/error", times=2)
    ask("GET", "/plain", ("Cache-Control", "no-cache"), times=2)
    ask("GET", "/plain", ("Range", "bytes=0-0"), times=2)
    ask("GET", "/range", ("Range", "bytes=0-0"))
    ask("GET", "/nothing", ("Cache-Control", "only-if-cached"))
    ask("HEAD", "/plain")
    ask("POST", "/plain", times=2)
    ask("DELETE", "/other")
    ask("GET", "/plain?callback=f", times=2)
    ask("GET", "/plain", ("If-None-Match", '"a"'))
    with Crowd(proxy, 20, "/slow") as crowd:
        seen += crowd.responses()
    harness.wait_until(lambda: len(proxy.log_lines()) == len(seen), "all lines")
    proxy.wait_metric("http_request_duration_seconds_count", len(seen))
    return proxy, seen


def test_header_metric_and_log_agree(loaded):
    """Word by word the three counts are the same."""
    proxy, seen = loaded
    said = Counter(map(result, seen))
    # 504 for only-if-cached was neither a hit nor forwarded; it counts as what was missing.
    said["uri-miss"] += said.pop("None", 0)
    assert {"hit", "stale-served", "collapsed", "uri-miss", "vary-miss", "stale", "request",
            "method", "bypass"} <= set(said) <= RESULTS, said
    metrics = proxy.metrics()
    counted = Counter()
    for sample in metrics.select("cache_requests_total"):
        counted[sample.labels["result"]] += int(sample.value)
    assert +counted == said
    assert Counter(line["cache"] for line in proxy.log_lines()) == said


def test_the_identity(loaded):
    """Every request that met the cache is counted once by it, and once in the histogram."""
    proxy, seen = loaded
    assert proxy.admin("GET", "/-/healthy").status == 200
    with proxy.client() as client:
        client.send(b"GET /a HTTP/1.1\r\n\r\n")
        assert client.response().status == 400
    proxy.wait_metric("http_request_duration_seconds_count", 1, cache="none")
    metrics = proxy.metrics()
    duration = sum(sample.value for sample in metrics.select("http_request_duration_seconds_count")
                   if sample.labels["cache"] != "none")
    assert metrics.sum("cache_requests_total") == duration == len(seen)
    labels = {sample.labels["cache"] for sample in
              metrics.select("http_request_duration_seconds_count") if sample.value}
    assert labels == {"hit", "stale", "miss", "bypass", "none"}


def test_tiers_and_ages(loaded):
    """What came from memory says so, with its age; what did not has neither."""
    proxy, seen = loaded
    for line in proxy.log_lines():
        from_cache = line["cache"] in ("hit", "stale-served")
        assert (line["cache_tier"] == "local") == from_cache or line["cache"] == "collapsed", line
        assert (type(line["age_s"]) is int) == from_cache or line["cache"] == "collapsed", line
        assert not from_cache or line["origin"] == "cache", line
    for sample in proxy.metrics().select("cache_requests_total"):
        wanted = {"hit": "local", "stale-served": "local"}.get(sample.labels["result"])
        assert sample.value == 0 or wanted is None or sample.labels["tier"] == wanted, sample


def test_stores_and_the_rest(loaded):
    """What the headers call stored is what is counted, and the entries are there."""
    proxy, seen = loaded
    stored = sum(cache_status.parse(response).stored for response in seen)
    metrics = proxy.metrics()
    # The refresh in the background stored one that no header tells of; the 304 may count too.
    assert metrics.sum("cache_stores_total", outcome="stored") - stored in (1, 2)
    assert metrics.sum("cache_stores_total", outcome="error") == 0
    # plain, vary twice, swr, sie, stale, slow; plain was invalidated by POST.
    assert 5 <= metrics.sum("cache_entries", tier="local") <= 7
    assert metrics.sum("cache_stale_served_total", reason="revalidate") == \
        sum(cache_status.parse(response).detail == "swr" for response in seen)
    assert metrics.sum("cache_stale_served_total", reason="error") == \
        sum(cache_status.parse(response).detail == "sie" for response in seen)
    assert metrics.sum("cache_revalidations_total", outcome="not_modified") == 1
    assert metrics.sum("cache_revalidations_total", outcome="error") == 2
    assert metrics.sum("cache_flights_total", role="follower") == \
        sum(cache_status.parse(response).collapsed for response in seen)
    assert metrics.sum("cache_size_bytes") > 0 < metrics.sum("cache_max_size_bytes")


def test_every_series_is_there_from_the_start(start, upstream):
    """Closed vocabularies are exposed at zero, so that rates begin at zero."""
    metrics = start(upstream).metrics()
    values = {name: {sample.labels[label] for sample in metrics.select(name)}
              for name, label in [("cache_requests_total", "result"),
                                  ("cache_stores_total", "outcome"),
                                  ("cache_revalidations_total", "outcome"),
                                  ("cache_flights_total", "role"),
                                  ("cache_stale_served_total", "reason")]}
    assert values == {
        "cache_requests_total": RESULTS,
        "cache_stores_total": {"stored", "uncacheable", "too_large", "error"},
        "cache_revalidations_total": {"not_modified", "modified", "error"},
        "cache_flights_total": {"leader", "follower", "hit_for_miss"},
        "cache_stale_served_total": {"revalidate", "error"}}
    assert metrics.sum("cache_requests_total") == 0
    assert metrics.sum("cache_max_size_bytes", tier="local") >= 64 << 20


def test_upstream_status_comes_first(start, upstream):
    """RFC 9211 §2: each cache adds its member at the end; the upstream's are kept in order."""
    upstream.answer = lambda request: cacheable(fields=[
        ("Cache-Status", "Origin; hit, \"a,b\"; fwd=miss"), ("Cache-Status", "cdn; fwd=stale")])
    proxy = start(upstream)
    for expected in ("uri-miss", "hit"):
        status = cache_status.parse(proxy.fetch("GET", "/k"))
        assert (status.before, status.word) == (["Origin", "a,b", "cdn"], expected)


def test_forwarded_status_is_told(start, upstream):
    """`fwd-status` is the upstream's, on what was forwarded."""
    upstream.answer = lambda request: upstreams.response(status="404 Not Found")
    proxy = start(upstream)
    parameters = cache_status.parse(proxy.fetch("GET", "/k")).parameters
    assert (str(parameters["fwd"]), parameters["fwd-status"]) == ("uri-miss", 404)
    assert "stored" not in parameters


def explain(proxy, **query):
    """The admin API's account of what would happen."""
    text = "&".join(f"{key}={value}" for key, value in query.items())
    response = proxy.admin("GET", f"/api/v1/explain?{text}", [ADMIN])
    assert (response.status, response.one("Content-Type")) == (200, "application/json")
    return json.loads(response.body)


def test_explain_changes_nothing(loaded, upstream):
    """It names the route, asks nobody and counts nothing."""
    proxy, _ = loaded
    before, asked = proxy.metrics(), len(upstream.requests)
    for target in ("/plain", "/never", "/plain%3Fcallback=f"):
        told = explain(proxy, method="GET", target=target, client="192.0.2.1")
        assert "all" in json.dumps(told)
    explain(proxy, method="POST", target="/plain", client="192.0.2.1")
    after = proxy.metrics()
    for name in ("cache_requests_total", "cache_entries", "http_requests_total",
                 "cache_purges_total", "cache_stores_total"):
        assert after.sum(name) == before.sum(name), name
    assert len(upstream.requests) == asked


def test_explain_on_the_command_line(loaded):
    """The same from a shell."""
    proxy, _ = loaded
    done = harness.run("explain", "--admin", f"127.0.0.1:{proxy.admin_port}", "--token", TOKEN,
                       "/plain")
    assert done.returncode == 0, done.stderr
    assert "all" in done.stdout


def test_purges_are_counted(loaded):
    """By kind; a refused one is not."""
    proxy, _ = loaded
    for parameters in ({"tag": "a"}, {"key": "/x"}, {"prefix": "/x"}, {"all": "true"}):
        assert purge(proxy, **parameters).status == 200
    purge(proxy, (), all="true")
    for kind in ("tag", "key", "prefix", "all"):
        proxy.wait_metric("cache_purges_total", 1, kind=kind)
    proxy.wait_metric("cache_entries", 0)
