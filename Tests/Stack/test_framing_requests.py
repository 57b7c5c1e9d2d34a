"""Requests: what is malformed never reaches the upstream, what is well formed arrives exactly."""
import re

import pytest

import framing_requests as table
import harness
import upstream as upstreams
from framing_requests import Answered, Forwarded, Rejected

HOP_BY_HOP = ("Keep-Alive", "Proxy-Connection", "TE", "Upgrade", "Trailer")


def settings(upstream):
    return harness.settings_for(
        upstream, forwarded="append",
        client={"head_bytes_max": table.HEAD_BYTES_MAX, "fields_max": table.FIELDS_MAX,
                "target_bytes_max": table.TARGET_BYTES_MAX, "body_bytes_max": table.BODY_BYTES_MAX,
                "lingering_timeout": "500ms"})


@pytest.fixture(scope="module")
def shared(shared_instance):
    shared = shared_instance(settings)
    shared.upstream.answer = lambda request: upstreams.response(request.target.encode())
    return shared


def stray_bytes(upstream):
    """Bytes at the upstream that belong to no whole request."""
    return sum(c.reader.received_bytes - c.whole_bytes for c in upstream.connections)


def fence(proxy, upstream, expected):
    """Proves by one more request that nothing but `expected` whole requests is on its way."""
    assert proxy.fetch("GET", "/fence").status == 200
    wanted = expected + ["/fence"]
    targets = [request.target for request in upstream.requests]
    assert targets == wanted


def check_trace(request, kind):
    match = re.fullmatch(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}",
                         request.one("traceparent") or "")
    assert match, f"traceparent is {request.all('traceparent')}"
    assert int(match[1], 16) and int(match[2], 16) and match[2] != table.SPAN
    if kind:
        assert (match[1] == table.TRACE) == (kind == "continued")


def check_received(request, expected, upstream):
    assert (request.method, request.target) == (expected.method, expected.target)
    assert request.version == "HTTP/1.1"
    assert request.body == expected.body
    assert request.one("Host") == f"127.0.0.1:{upstream.port}"
    assert ", ".join(request.all("Via")).endswith(f"{expected.version} meliproxy")
    assert (request.one("Connection") or "keep-alive").lower() == "keep-alive"
    check_trace(request, expected.trace)
    for name, value in expected.has.items():
        values = request.all(name)
        assert values == value if isinstance(value, list) else ", ".join(values) == value
    for name in HOP_BY_HOP + tuple(expected.lacks):
        if name.startswith("trailer:"):
            assert name[8:].lower() not in [key.lower() for key, _ in request.trailers]
        else:
            assert not request.all(name), f"{name} was forwarded: {request.all(name)}"
    if expected.order:
        names = [key for key, _ in request.fields if key in expected.order]
        assert tuple(names) == expected.order


def check_answer(client, expected):
    response = client.response(expected.method)
    assert response.status == 200, response
    assert response.body == (b"" if expected.method == "HEAD" else expected.target.encode())
    if expected.version == "1.0" and not expected.closes:
        assert (response.one("Connection") or "").lower() == "keep-alive"
    if expected.closes:
        assert client.wait_closed() == "fin" and not client.reader.buffer


@pytest.mark.parametrize("case", table.CASES, ids=lambda case: case.name)
def test_request(case, shared):
    """Each case of the table; the section is that of the RFC."""
    proxy, upstream = shared.ensure(), shared.upstream
    upstream.requests.clear()
    stray = stray_bytes(upstream)
    errors = len(upstream.errors)
    partial = False
    forwarded = [e for e in case.expect if isinstance(e, Forwarded)]
    with proxy.client() as client:
        client.send(case.raw)
        for expected in case.expect:
            if isinstance(expected, Forwarded):
                check_answer(client, expected)
                continue
            response = client.response()
            assert response.status in expected.statuses, response
            if isinstance(expected, Rejected):
                partial = partial or expected.partial
                client.wait_closed()
                assert not client.reader.buffer, "bytes after the refusal"
    proxy.assert_alive()
    received = list(upstream.requests)
    fence(proxy, upstream, [e.target for e in forwarded])
    for request, expected in zip(received, forwarded):
        check_received(request, expected, upstream)
    if not partial:
        assert stray_bytes(upstream) == stray, "a part of the refused request reached the upstream"
        assert len(upstream.errors) == errors, f"malformed towards the upstream: {upstream.errors}"


def test_the_table_is_whole():
    """No name twice, and at least 110 cases."""
    names = [case.name for case in table.CASES]
    assert len(names) == len(set(names)) >= 110


@pytest.mark.parametrize("name", ["simple", "cl", "chunks-many", "trailer-is-not-merged",
                                  "pipelined-with-bodies", "empty-line-before", "cl-te",
                                  "obs-fold-space", "target-too-long", "chunks-data-too-long"])
def test_request_byte_by_byte(name, shared):
    """How the bytes are split between reads changes nothing."""
    proxy, upstream = shared.ensure(), shared.upstream
    upstream.requests.clear()
    case = next(case for case in table.CASES if case.name == name)
    with proxy.client() as client:
        for byte in case.raw:
            client.send(bytes([byte]))
        for expected in case.expect:
            if isinstance(expected, Forwarded):
                check_answer(client, expected)
            else:
                assert client.response().status in expected.statuses
    proxy.assert_alive()
    forwarded = [e for e in case.expect if isinstance(e, Forwarded)]
    for request, expected in zip(upstream.requests, forwarded):
        check_received(request, expected, upstream)
    fence(proxy, upstream, [e.target for e in forwarded])


def test_chunk_sizes_do_not_limit_the_body(shared):
    """Ten thousand chunks of one byte arrive as ten thousand bytes."""
    proxy, upstream = shared.ensure(), shared.upstream
    upstream.requests.clear()
    with proxy.client() as client:
        client.send(table.chunked(b"1\r\nz\r\n" * 10_000 + b"0\r\n\r\n"))
        assert client.response().status == 200
    assert upstream.requests[0].body == b"z" * 10_000


def test_a_hundred_pipelined_requests_are_answered_in_order(shared):
    """One write, a hundred answers (RFC 9112 §9.3.2)."""
    proxy, upstream = shared.ensure(), shared.upstream
    upstream.requests.clear()
    with proxy.client() as client:
        client.send(b"".join(table.get(target=b"/%d" % n) for n in range(100)))
        bodies = [client.response().body for _ in range(100)]
    assert bodies == [b"/%d" % n for n in range(100)]
    assert [request.target for request in upstream.requests] == [f"/{n}" for n in range(100)]


def test_an_answer_of_the_proxy_is_a_problem_document(shared):
    """Refusals are application/problem+json (RFC 9457)."""
    import json
    proxy = shared.ensure()
    with proxy.client() as client:
        client.send(b"GET /x HTTP/1.1\r\n\r\n")
        response = client.response()
    assert response.one("Content-Type").startswith("application/problem+json")
    problem = json.loads(response.body)
    assert problem["status"] == 400 and problem["title"]
    assert response.one("Date") and (response.one("Connection") or "").lower() == "close"
