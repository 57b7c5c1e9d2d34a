"""A route with `cache: off` is a pure pass-through: nothing stored, answered or collapsed."""
import pytest

import cache_status
import harness
from cache_support import Crowd, asked, cacheable, numbered, settings, words
from upstream import Pause


@pytest.fixture
def off(start, upstream):
    """An instance whose route does not cache."""
    upstream.answer = numbered("public, max-age=3600", [("ETag", '"a"'), ("Age", "7")])
    return start(settings=settings(upstream, "off"))


def test_every_request_goes_on(off, upstream):
    """Each one reaches the upstream, and its answer is what the client gets."""
    for count in range(1, 6):
        response = off.fetch("GET", "/k")
        assert response.body == str(count).encode()
        parameters = cache_status.parse(response).parameters
        assert (str(parameters["fwd"]), parameters["fwd-status"]) == ("bypass", 200)
        assert "stored" not in parameters
        assert response.all("Age") == ["7"], "the upstream's Age, and not ours"
    off.wait_metric("cache_requests_total", 5, result="bypass")
    off.wait_metric("cache_entries", 0)
    off.wait_metric("http_request_duration_seconds_count", 5, cache="bypass")
    assert {line["cache"] for line in off.log_lines()} <= {"bypass"}


@pytest.mark.parametrize("fields", [
    [("If-None-Match", '"a"')], [("If-Modified-Since", "Thu, 18 Aug 2011 02:01:18 GMT")],
    [("Range", "bytes=0-0"), ("If-Range", '"a"')], [("Cache-Control", "only-if-cached")],
    [("Cache-Control", "no-cache"), ("Pragma", "no-cache")], [("If-Match", '"x"')]])
def test_request_fields_go_on_unchanged(off, upstream, fields):
    """Conditionals, ranges and directives are the upstream's to answer."""
    for _ in range(2):
        assert off.fetch("GET", "/k", fields).status == 200
    for request in upstream.requests:
        assert all(request.all(name) == [value] for name, value in fields)
    assert asked(upstream, "/k") == 2


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_every_method_is_bypassed(off, method):
    """One word for all of them."""
    assert words(off, "/k", "/k", method=method) == ["bypass", "bypass"]


def test_nothing_is_collapsed(start, upstream):
    """Ten simultaneous requests are ten requests."""
    upstream.answer = lambda request: [Pause(0.2), cacheable()]
    proxy = start(settings=settings(upstream, "off"))
    with Crowd(proxy, 10, "/k") as crowd:
        assert {response.status for response in crowd.responses()} == {200}
    assert asked(upstream, "/k") == 10


def test_redirects_pass(off, upstream):
    """Content without redirect or cache: a redirect is the client's to follow."""
    upstream.answer = lambda request: cacheable(
        b"", status="301 Moved Permanently", fields=[("Location", "http://elsewhere.example/")])
    for _ in range(2):
        response = off.fetch("GET", "/k")
        assert (response.status, response.one("Location")) == (301, "http://elsewhere.example/")
    assert asked(upstream, "/k") == 2


def test_routes_are_apart(start, upstream):
    """One route caches, the other does not; neither sees the other's entries."""
    upstream.answer = numbered()
    settings_of_two = harness.settings_for(upstream)
    settings_of_two["routes"] = [
        {"name": "live", "match": {"path": "/live/**"}, "upstream": "api", "cache": "off"},
        {"name": "kept", "match": {"path": "/**"}, "upstream": "api", "cache": "on"}]
    proxy = start(settings=settings_of_two)
    assert words(proxy, "/live/a", "/live/a", "/a", "/a") == ["bypass", "bypass", "uri-miss", "hit"]


def test_off_for_the_whole_instance(start, upstream):
    """`cache: {memory: off}` leaves nothing to store in."""
    upstream.answer = numbered()
    proxy = start(settings=settings(upstream, memory="off"))
    assert "hit" not in words(proxy, "/k", "/k")
    assert asked(upstream, "/k") == 2
    proxy.wait_metric("cache_entries", 0)
