"""Responses: delivered exactly, refused, or broken off visibly; never short but whole-looking."""
import re
import socket

import pytest

import framing_responses as table
import harness
import upstream as upstreams
import wire
from framing_responses import Aborted, Delivered, Refused


def settings(upstream):
    return harness.settings_for(
        upstream, client={"interim_responses_max": table.INTERIM_MAX},
        upstream_settings={"response_head_bytes_max": table.HEAD_BYTES_MAX,
                           "first_byte_timeout": "1s", "idle_timeout": "1s", "breaker": "off"})


@pytest.fixture(scope="module")
def shared(shared_instance):
    shared = shared_instance(settings)
    steps = {f"/{case.name}": case.steps for case in table.CASES}
    shared.upstream.answer = lambda request: steps.get(request.target) or upstreams.response()
    return shared


def request_of(case):
    return (f"{case.method} /{case.name} {case.version}\r\nHost: test.example\r\n\r\n").encode()


def observe(client, case):
    """What the client sees: a Response, or the Truncated that ended it."""
    try:
        response = client.response(case.method)
    except wire.Truncated as error:
        return error
    if response.framing == "close":
        assert case.version == "HTTP/1.0", "delimited by close for an HTTP/1.1 client"
    return response


def is_delivered(seen, expected):
    if not isinstance(seen, wire.Response) or seen.status != expected.status:
        return False
    assert seen.body == expected.body
    assert tuple(r.status for r in seen.interim) == expected.interim
    if expected.framing:
        assert seen.framing == expected.framing
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", seen.one("Date") or "")
    for name, value in expected.has.items():
        values = seen.all(name)
        assert value is None or values == (value if isinstance(value, list) else [value])
    for name in expected.lacks:
        assert not seen.all(name), f"{name} was forwarded"
    if expected.order:
        assert tuple(k for k, _ in seen.fields if k in expected.order) == expected.order
    return True


def is_refused(seen, expected):
    if not isinstance(seen, wire.Response) or seen.status not in expected.statuses:
        return False
    assert b"hello" not in seen.body and not seen.all("X-A")
    return True


def is_aborted(seen, client, case):
    if isinstance(seen, wire.Truncated):
        return True
    # Nothing in a close-delimited body shows its end, except that a reset is no end.
    is_reset = case.version == "HTTP/1.0" and client.reader.ended == "reset"
    return seen.status in (502, 504) or is_reset


def matches(expected, seen, client, case):
    if isinstance(expected, Delivered):
        return is_delivered(seen, expected)
    if isinstance(expected, Refused):
        return is_refused(seen, expected)
    return is_aborted(seen, client, case)


@pytest.mark.parametrize("case", table.CASES, ids=lambda case: case.name)
def test_response(case, shared):
    """Each case of the table; the section is that of the RFC."""
    proxy, upstream = shared.ensure(), shared.upstream
    before = len(upstream.requests)
    with proxy.client(timeout=8) as client:
        client.send(request_of(case))
        try:
            seen = observe(client, case)
        except socket.timeout:
            raise AssertionError("no end of an answer within 8 s") from None
        assert any(matches(e, seen, client, case) for e in case.expect), (
            f"expected one of {case.expect}, got {seen!r}, ended {client.reader.ended}")
    proxy.assert_alive()
    assert len(upstream.requests) > before
    if case.poisons:
        number = next(c.number for c in reversed(upstream.connections)
                      if any(r.target == f"/{case.name}" for r in c.requests))
        upstream.connections[number].done.wait(5)
        assert upstream.connections[number].done.is_set(), "the poisoned connection stays open"
    after = proxy.fetch("GET", "/after")
    assert (after.status, after.body) == (200, b"ok"), "the next request got a wrong answer"
    assert not upstream.errors


def test_the_table_is_whole():
    """No name twice, and at least 50 cases."""
    names = [case.name for case in table.CASES]
    assert len(names) == len(set(names)) >= 50


def reuse_then(steps, numbers):
    """An answer that plays `steps` for the second request of the first connection."""
    def answer(request):
        numbers.append(request.target)
        return steps if numbers.count(request.target) == 1 and request.target == "/second" \
            else upstreams.response(request.target.encode())
    return answer


@pytest.mark.parametrize("steps", [[upstreams.CLOSE], [upstreams.RESET]], ids=["close", "reset"])
@pytest.mark.parametrize("method,retried", [("GET", True), ("HEAD", True), ("DELETE", True),
                                            ("PUT", True), ("POST", False), ("PATCH", False)])
def test_a_kept_connection_that_dies(start, steps, method, retried):
    """RFC 9110 §9.2.2: repeated once when idempotent, never when a sent POST may have acted."""
    seen = []
    with upstreams.Upstream(reuse_then(steps, seen)) as upstream:
        proxy = start(upstream)
        with proxy.client() as client:
            assert client.get("/first").status == 200
            body = b"act" if method in ("POST", "PATCH", "PUT") else b""
            response = client.request(method, "/second", body=body)
        if method == "PUT" and response.status == 502:
            retried = False  # A streamed body need not be kept for a second try.
        assert response.status == (200 if retried else 502)
        assert seen.count("/second") == (2 if retried else 1)
        assert len(upstream.connections[0].requests) == 2, "the connection was not reused"


def test_a_retry_is_made_once(start):
    """Two dead connections in a row: 502, no third try."""
    seen = []

    def answer(request):
        seen.append(request.target)
        return upstreams.response() if request.target == "/first" else [upstreams.CLOSE]

    with upstreams.Upstream(answer) as upstream:
        proxy = start(upstream)
        with proxy.client() as client:
            assert client.get("/first").status == 200
            assert client.get("/second").status == 502
        assert seen.count("/second") == 2


def test_a_fresh_connection_that_dies_is_not_retried_for_post(start):
    """A POST whose body went out is sent once."""
    with upstreams.Upstream(lambda request: [upstreams.CLOSE]) as upstream:
        proxy = start(upstream)
        assert proxy.fetch("POST", "/x", body=b"act").status == 502
        assert len(upstream.requests) == 1


def test_idle_close_is_noticed(start):
    """A connection that the upstream closed while idle is not used for the next POST."""
    def answer(request):
        return [upstreams.response(), upstreams.CLOSE] if request.target == "/first" \
            else upstreams.response(b"second")

    with upstreams.Upstream(answer) as upstream:
        proxy = start(upstream)
        with proxy.client() as client:
            assert client.get("/first").status == 200
            assert upstream.connections[0].done.wait(5)
            proxy.wait_metric("upstream_connections", 0, state="idle")
            response = client.request("POST", "/second", body=b"act")
        assert (response.status, response.body) == (200, b"second")


@pytest.mark.parametrize("reason", ["connect", "dns"])
def test_unreachable(start, reason):
    """No connection, or no such name: 502, counted by reason."""
    settings = harness.settings_for(f"http://127.0.0.1:{harness.free_port()}")
    if reason == "dns":
        # The name of an upstream is looked up at the start; that of an outbound proxy is not.
        settings["upstreams"]["api"]["proxy"] = "http://no-such-host.invalid:80"
    proxy = start(settings=settings)
    response = proxy.fetch("GET", "/x")
    assert response.status == 502
    assert response.one("Content-Type").startswith("application/problem+json")
    # A connection that is refused is tried once more; a name that does not exist is not.
    proxy.wait_metric("upstream_errors_total", 2 if reason == "connect" else 1, reason=reason)
    proxy.wait_metric("http_requests_total", 1, code="502", origin="proxy")


@pytest.mark.parametrize("fields,body", [
    (b"", b"hello"), (b"Content-Length: 10\r\n", b"hello"),
    (b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n")])
def test_reset_right_behind_the_data(start, fields, body):
    """Bytes and RST that arrive together: the break is seen at once, not at a timeout."""
    steps = [b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n" + body, upstreams.RESET]
    with upstreams.Upstream(lambda request: steps) as upstream:
        proxy = start(settings=harness.settings_for(
            upstream, upstream_settings={"breaker": "off"}))
        for _ in range(60):
            with proxy.client(timeout=5) as client:
                client.send(b"GET /x HTTP/1.1\r\nHost: test.example\r\n\r\n")
                try:
                    assert client.response().status == 502
                except wire.Truncated:
                    pass


def test_a_timeout_is_not_retried(start):
    """Silence is no dead connection: the request is not sent again, nor is the wait doubled."""
    def answer(request):
        return [upstreams.WaitClosed()] if request.target == "/hang" else upstreams.response()

    with upstreams.Upstream(answer) as upstream:
        proxy = start(settings=harness.settings_for(
            upstream, upstream_settings={"first_byte_timeout": "300ms"}))
        with proxy.client() as client:
            assert client.get("/x").status == 200
            assert client.get("/hang").status == 504
        assert [r.target for r in upstream.requests].count("/hang") == 1


def test_first_byte_timeout_is_counted(start):
    """504 after first_byte_timeout; the upstream's connection is closed."""
    with upstreams.Upstream(lambda request: [upstreams.WaitClosed()]) as upstream:
        proxy = start(settings=harness.settings_for(
            upstream, upstream_settings={"first_byte_timeout": "300ms"}))
        assert proxy.fetch("GET", "/x").status == 504
        assert upstream.connections[-1].done.wait(5)
        proxy.wait_metric("upstream_errors_total", 1, reason="timeout")


def test_connect_timeout(start):
    """An upstream that never accepts: 504 (or 502) after connect_timeout, counted once."""
    with upstreams.FullQueue() as full:
        proxy = start(settings=harness.settings_for(
            full.url, upstream_settings={"connect_timeout": "300ms"}))
        assert proxy.fetch("GET", "/x").status in (502, 504)
        proxy.wait_metric("upstream_errors_total", 1)


def test_total_timeout(start):
    """An answer that drips past total_timeout is broken off."""
    drip = [table.ok([b"Content-Length: 1000"], b"")] + [b"d", upstreams.Pause(0.1)] * 1000
    with upstreams.Upstream(lambda request: drip) as upstream:
        proxy = start(settings=harness.settings_for(
            upstream, upstream_settings={"total_timeout": "1s"}))
        with proxy.client() as client:
            client.send(b"GET /x HTTP/1.1\r\nHost: test.example\r\n\r\n")
            with pytest.raises(wire.Truncated):
                client.response()
        assert upstream.connections[0].done.wait(5)
