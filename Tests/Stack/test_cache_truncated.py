"""A response that the upstream cut short is never stored and never passes for whole."""
import pytest

import harness
import wire
from cache_support import asked, cacheable, settings, word
from upstream import CLOSE, RESET, Pause

WHOLE = b"0123456789"
LENGTH = cacheable(WHOLE, fields=[("ETag", '"a"'), ("X-A", "1")])
CHUNKED = (b"HTTP/1.1 200 OK\r\nCache-Control: max-age=3600\r\nTransfer-Encoding: chunked\r\n"
           b"Trailer: X-T\r\n\r\n4\r\n0123\r\n6;a=b\r\n456789\r\n0\r\nX-T: 1\r\n\r\n")


def until(message, mark, more=0):
    """The message up to and with the last `mark`, and `more` bytes of what follows."""
    return message[:message.rindex(mark) + len(mark) + more]


CUTS = {
    "nothing": b"", "status-line": b"HTTP/1.1 20", "before-the-reason": b"HTTP/1.1 200",
    "status-line-without-lf": b"HTTP/1.1 200 OK\r", "field-name": until(LENGTH, b"Cache-C"),
    "field-value": until(LENGTH, b"max-age=36"), "last-field": until(LENGTH, b"X-A: 1"),
    "before-the-empty-line": until(LENGTH, b"X-A: 1\r\n"),
    "in-the-empty-line": until(LENGTH, b"X-A: 1\r\n\r"),
    "before-the-body": LENGTH[:-10], "first-byte": LENGTH[:-9], "half": LENGTH[:-5],
    "last-byte-missing": LENGTH[:-1],
    "chunked-before-the-body": until(CHUNKED, b"X-T\r\n\r\n"),
    "in-chunk-size": until(CHUNKED, b"X-T\r\n\r\n", 1),
    "after-chunk-size": until(CHUNKED, b"X-T\r\n\r\n4\r\n"),
    "in-chunk-data": until(CHUNKED, b"\r\n01"), "after-chunk-data": until(CHUNKED, b"0123"),
    "between-chunks": until(CHUNKED, b"0123\r\n"), "in-chunk-extension": until(CHUNKED, b"6;a"),
    "in-the-last-data": until(CHUNKED, b"45678"),
    "before-the-last-chunk": until(CHUNKED, b"456789\r\n"),
    "in-the-last-chunk": until(CHUNKED, b"456789\r\n0"),
    "last-chunk-without-lf": until(CHUNKED, b"456789\r\n0\r"),
    "after-the-last-chunk": until(CHUNKED, b"456789\r\n0\r\n"),
    "in-trailers": until(CHUNKED, b"X-T:"),
    "before-the-end-of-trailers": until(CHUNKED, b": 1\r\n"),
    "in-the-end-of-trailers": until(CHUNKED, b": 1\r\n\r"),
    "bad-chunk-size": until(CHUNKED, b"X-T\r\n\r\n") + b"zz\r\n",
    "chunk-longer-than-said": until(CHUNKED, b"0123") + b"45\r\n0\r\n\r\n",
    "interim-only": b"HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\n",
}


@pytest.fixture(scope="module")
def shared(shared_instance):
    """One instance; the first answer to a target is cut where its name says, later ones not."""
    def proxy_settings(upstream):
        return settings(upstream, upstream_settings={"retries": {"max": 0}, "breaker": "off",
                                                     "idle_timeout": "300ms",
                                                     "first_byte_timeout": "300ms"})

    shared = shared_instance(proxy_settings)

    def answer(request):
        name, end = request.target[1:].split("/")
        if asked(shared.upstream, request.target) > 1:
            return LENGTH
        return [CUTS[name], {"fin": CLOSE, "rst": RESET, "stall": Pause(0.8)}[end], CLOSE]

    shared.upstream.answer = answer
    return shared


def observe(proxy, target):
    """The answer, or None when it was visibly broken off."""
    try:
        return proxy.fetch("GET", target)
    except wire.Truncated:
        return None


@pytest.mark.parametrize("end", ["fin", "rst", "stall"])
@pytest.mark.parametrize("name", CUTS)
def test_cut(shared, name, end):
    """A failure for whom it was fetched; the next one gets the whole, from the upstream."""
    proxy, target = shared.ensure(), f"/{name}/{end}"
    seen = observe(proxy, target)
    assert seen is None or seen.status in (502, 504), seen
    second = proxy.fetch("GET", target)
    assert (second.status, second.body, word(second) == "hit") == (200, WHOLE, False)
    third = proxy.fetch("GET", target)
    assert (third.status, third.body, word(third)) == (200, WHOLE, "hit")
    assert asked(shared.upstream, target) == 2


@pytest.mark.parametrize("end", ["fin", "rst"])
@pytest.mark.parametrize("name", ["half", "in-chunk-data", "after-the-last-chunk"])
def test_cut_while_refreshing(start, upstream, name, end):
    """What is stored stays until something whole replaces it."""
    answers = [cacheable(b"old", "max-age=10, stale-while-revalidate=600", fields=[("Age", "60")]),
               [CUTS[name], {"fin": CLOSE, "rst": RESET}[end]], LENGTH]
    upstream.answer = lambda request: answers[min(len(upstream.requests), len(answers)) - 1]
    proxy = start(settings=settings(upstream))
    bodies = [proxy.fetch("GET", "/k").body]

    def is_whole():
        bodies.append(proxy.fetch("GET", "/k").body)
        return bodies[-1] == WHOLE

    # After a refresh that failed the next one waits a second.
    harness.wait_until(is_whole, "the whole answer", every=0.02)
    assert set(bodies) == {b"old", WHOLE}, "a part was served, or nothing whole ever came"


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nConnection: close\r\n",
                                  b"HTTP/1.0 200 OK\r\n", b"HTTP/1.1 200 OK\r\n"])
def test_delimited_by_close(start, upstream, head):
    """Passed on, and never stored: its end cannot be told from a cut."""
    upstream.answer = lambda request: [head + b"Cache-Control: max-age=3600\r\n\r\n" + WHOLE, CLOSE]
    proxy = start(upstream)
    for count in (1, 2, 3):
        response = proxy.fetch("GET", "/k")
        assert (response.body, len(upstream.requests)) == (WHOLE, count)
        assert word(response) != "hit"
    proxy.wait_metric("cache_entries", 0)


def test_the_table_is_whole():
    """At least 20 ways, none of them the whole message."""
    assert len(CUTS) >= 20
    assert not {LENGTH, CHUNKED} & set(CUTS.values())
