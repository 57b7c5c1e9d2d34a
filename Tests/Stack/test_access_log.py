"""The access log: fixed schema, escaped, traced, and never in the way of requests."""
import json
import os
import re
import threading
import time

import pytest

import harness
import upstream as upstreams
import wire

ORDER = ["ts", "level", "msg", "trace_id", "span_id", "instance", "client_ip", "method", "route",
         "path", "status", "origin", "cache", "cache_tier", "age_s", "upstream", "attempts",
         "dur_us", "upstream_us", "redis_us", "bytes_in", "bytes_out", "rl_policy", "rl_decision",
         "cb_state", "err"]
REQUIRED = set(ORDER) - {"cache", "cache_tier", "age_s", "redis_us", "rl_policy", "rl_decision",
                         "cb_state"}
TRACE = "0af7651916cd43dd8448eb211c80319c"


def check_schema(line):
    """Keys present, in order, and of their types."""
    keys = list(line)
    assert [k for k in keys if k in ORDER] == [k for k in ORDER if k in keys], keys
    assert REQUIRED <= set(keys), f"missing {REQUIRED - set(keys)}"
    assert set(keys) <= set(ORDER) | {"sample_rate"}, f"unknown {set(keys) - set(ORDER)}"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["ts"])
    assert re.fullmatch(r"[0-9a-f]{32}", line["trace_id"])
    assert re.fullmatch(r"[0-9a-f]{16}", line["span_id"])
    for key in ("status", "attempts", "dur_us", "upstream_us", "bytes_in", "bytes_out"):
        assert line[key] is None or type(line[key]) is int, (key, line[key])
    assert line["origin"] in ("cache", "upstream", "proxy")


def test_schema(start, upstream):
    """One line a request, of the same keys in the same order whatever became of it."""
    proxy = start(settings=harness.settings_for(upstream, route={"match": {"path": "/a/**"}}))
    assert proxy.fetch("POST", "/a/b?secret=1", body=b"hello").status == 200
    assert proxy.fetch("GET", "/none").status == 404
    with proxy.client() as client:
        client.send(b"GET /a HTTP/1.1\r\n\r\n")
        assert client.response().status == 400
    harness.wait_until(lambda: len(proxy.log_lines()) == 3, lambda: proxy.log_lines())
    lines = proxy.log_lines()
    for line in lines:
        check_schema(line)
    assert len({tuple(line) for line in lines}) == 1, "the keys differ between lines"
    line = next(line for line in lines if line["status"] == 200)
    assert (line["method"], line["route"], line["upstream"]) == ("POST", "all", "api")
    assert (line["client_ip"], line["attempts"], line["origin"]) == ("127.0.0.1", 1, "upstream")
    assert line["bytes_in"] >= 5 and line["bytes_out"] >= 2
    assert line["dur_us"] >= line["upstream_us"] > 0
    assert line["path"] == "/a/b", "the query is not logged"
    assert not line["err"]
    missed = next(line for line in lines if line["status"] == 404)
    assert (missed["route"], missed["origin"], missed["attempts"]) == ("_other", "proxy", 0)


def test_errors_are_named(start):
    """`err` has the word of the metric."""
    proxy = start(f"http://127.0.0.1:{harness.free_port()}")
    assert proxy.fetch("GET", "/x").status == 502
    line = proxy.wait_log(lambda line: line["status"] == 502)
    assert (line["err"].split(":")[0], line["origin"]) == ("connect", "proxy")


@pytest.mark.parametrize("path", ['/"quoted"', "/back\\slash", "/%0a%0d%00x", "/a'b<script>",
                                  "/%22%5c", "/{json:true}", "/" + "long/" * 300])
def test_hostile_paths_are_escaped(start, upstream, path):
    """Every line is one JSON object, and the path is the one asked for, cut at 512 bytes."""
    proxy = start(upstream)
    status = proxy.fetch("GET", path).status
    line = proxy.wait_log(lambda line: line["status"] == status)
    check_schema(line)
    assert len(line["path"].encode()) <= 512 + 3
    assert line["path"][:400] == path[:400]
    assert proxy.log_path.read_bytes().count(b"\n") == 1


def test_hostile_bytes_are_escaped(start, upstream):
    """A refused request line with control and high bytes still makes one valid line."""
    proxy = start(upstream)
    for raw in (b"GET /\x1b[31m\xff\xfe\x01 HTTP/1.1\r\nHost: a\r\n\r\n", bytes(range(256)) * 4):
        with proxy.client() as client:
            client.send(raw)
            assert client.response().status in (400, 414, 431)
    harness.wait_until(lambda: len(proxy.log_lines()) == 2, lambda: proxy.log_lines())
    text = proxy.log_path.read_bytes()
    text.decode("utf-8")
    assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", text), "control characters in the log"
    for line in proxy.log_lines():
        check_schema(line)


def test_credentials_are_not_logged(start, upstream):
    """Neither Authorization nor Cookie nor the query."""
    proxy = start(upstream)
    proxy.fetch("GET", "/x?token=hush-query", [("Authorization", "Bearer hush-bearer"),
                                               ("Cookie", "s=hush-cookie")])
    proxy.wait_log(lambda line: line["status"] == 200)
    assert b"hush" not in proxy.log_path.read_bytes()
    assert "hush" not in proxy.stderr()


@pytest.mark.parametrize("given", [True, False])
def test_one_trace_everywhere(start, upstream, given):
    """Client's answer, log line and the upstream's traceparent carry one trace id."""
    proxy = start(upstream)
    fields = [("traceparent", f"00-{TRACE}-b7ad6b7169203331-01")] if given else []
    response = proxy.fetch("GET", "/x", fields)
    line = proxy.wait_log(lambda line: line["status"] == 200)
    _, trace, span, _ = upstream.requests[0].one("traceparent").split("-")
    assert response.one("X-Request-Id") == line["trace_id"] == trace
    assert (trace == TRACE) == given
    assert line["span_id"] == span


def test_answers_of_the_proxy_are_traced(start):
    """Also an answer that no upstream gave has its id."""
    proxy = start(f"http://127.0.0.1:{harness.free_port()}")
    response = proxy.fetch("GET", "/x")
    line = proxy.wait_log(lambda line: line["status"] == 502)
    assert response.one("X-Request-Id") == line["trace_id"]


def test_broken_off_answer_is_logged(start):
    """An answer that was cut says so."""
    cut = [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", upstreams.Pause(0.1),
           upstreams.CLOSE]
    with upstreams.Upstream(lambda request: cut) as upstream:
        proxy = start(upstream)
        with proxy.client() as client:
            client.send(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
            with pytest.raises(wire.Truncated):
                client.response()
        line = proxy.wait_log(lambda line: line["path"] == "/x")
        assert line["err"] and line["status"] == 200


def test_text_format(start, upstream):
    """One line a request, with method, path and status to be seen."""
    proxy = start(upstream, log_format="text")
    assert proxy.fetch("GET", "/some/path").status == 200
    text = harness.wait_until(lambda: proxy.log_path.exists() and proxy.log_path.read_text(),
                              "a line")
    assert text.count("\n") == 1 and "GET" in text and "/some/path" in text and "200" in text


def test_sampling(start, upstream):
    """One in ten of the good ones, with the rate in the line; every error."""
    proxy = start(settings=harness.settings_for(
        upstream, log={"access": {"sample_rate": 10, "slow": "10s"}}))
    upstream.answer = lambda r: upstreams.response(
        status="500 Oops" if r.target == "/bad" else "200 OK")
    with proxy.client() as client:
        for _ in range(200):
            assert client.get("/good").status == 200
        for _ in range(5):
            assert client.get("/bad").status == 500
    harness.wait_until(lambda: sum(l["status"] == 500 for l in proxy.log_lines()) == 5,
                       lambda: proxy.log_lines())
    good = [line for line in proxy.log_lines() if line["status"] == 200]
    assert 5 <= len(good) <= 50
    assert all(line["sample_rate"] == 10 for line in good)


def test_log_file_is_reopened_or_appended(start, upstream, tmp_path):
    """A file that exists is appended to."""
    path = tmp_path / "access.log"
    path.write_text('{"old":true}\n')
    proxy = start(upstream, access_log=path)
    proxy.fetch("GET", "/x")
    harness.wait_until(lambda: len(path.read_text().splitlines()) == 2, lambda: path.read_text())
    assert json.loads(path.read_text().splitlines()[0]) == {"old": True}


def test_stalled_sink_drops_and_counts(start, upstream, tmp_path):
    """Nobody reads the log: requests go on, lines are dropped and counted."""
    fifo = tmp_path / "log.fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        proxy = start(upstream, access_log=fifo)
        slowest, path = 0.0, "/" + "p" * 400
        stalled = threading.Event()
        with proxy.client() as client:
            deadline = time.monotonic() + 30
            while not stalled.is_set() and time.monotonic() < deadline:
                client.send((f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n" * 200).encode())
                for _ in range(200):
                    begun = time.monotonic()
                    assert client.response().status == 200
                    slowest = max(slowest, time.monotonic() - begun)
                if proxy.metric("log_dropped_total") > 0:
                    stalled.set()
        assert stalled.is_set(), "nothing was dropped"
        assert slowest < 1, f"a request took {slowest:.2f} s"
    finally:
        os.close(reader)


def test_full_disk_drops_and_counts(start, upstream):
    """A disk without room: requests go on, and every line is counted."""
    proxy = start(upstream, access_log="/dev/full")
    with proxy.client() as client:
        assert {client.get("/a").status for _ in range(20)} == {200}

        # A line that was lost is counted with the next one, which is lost as well.
        def dropped():
            assert client.get("/a").status == 200
            return proxy.metric("log_dropped_total") >= 20
        harness.wait_until(dropped, "counted lines")


def test_log_off(start, upstream):
    """`--access-log off` writes nothing."""
    proxy = start(upstream, access_log="off")
    assert proxy.fetch("GET", "/x").status == 200
    proxy.wait_metric("http_requests_total", 1)
    assert '"path"' not in proxy.stderr()
