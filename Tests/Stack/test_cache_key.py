"""What makes two requests one: a route's hygiene, and what must never be shared."""
import random

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies

from cache_support import asked, cacheable, numbered, settings, word

HYGIENE = {"key": {"sort_query": True, "ignore_query": ["utm_*", "gclid"]},
           "vary_ignore": ["User-Agent"]}


def test_a_thousand_browsers_one_entry(start, upstream):
    """1,000 User-Agents, shuffled queries and campaign noise are one fetch and one entry."""
    upstream.answer = lambda request: cacheable(
        b"list", fields=[("Vary", "Accept-Encoding, User-Agent")])
    proxy = start(settings=settings(upstream, HYGIENE))
    chance = random.Random(7)
    parameters = ["q=phone", "limit=50", "offset=0", "sort=price"]
    for number in range(1000):
        noise = [f"utm_source=s{number}", f"utm_campaign={chance.random()}", f"gclid={number}"]
        query = parameters + chance.sample(noise, chance.randrange(4))
        chance.shuffle(query)
        response = proxy.fetch("GET", f"/sites/MLA/search?{'&'.join(query)}",
                               [("User-Agent", f"Browser/{number}")])
        assert response.body == b"list"
    assert len(upstream.requests) == 1
    proxy.wait_metric("cache_entries", 1)
    proxy.wait_metric("cache_requests_total", 999, result="hit")


SORT, IGNORE = {"sort_query": True}, {"ignore_query": ["utm_*"]}
ONLY = {"only_query": ["q", "page"]}
SAME = [(SORT, "?b=2&a=1", "?a=1&b=2"), (IGNORE, "?utm_x=1&a=1", "?a=1"), (IGNORE, "?utm_x", ""),
        (ONLY, "?q=1&z=2", "?q=1&y=3"), ({**SORT, **IGNORE}, "?b=1&utm_a=2&a=3", "?a=3&b=1"),
        (ONLY, "?z=1", "")]
OTHER = [(SORT, "?a=1&b=2", "?a=2&b=1"), (SORT, "?a=1&a=2", "?a=2&a=1"), (SORT, "?a=", "?a"),
         (IGNORE, "?xutm_a=1", "?xutm_a=2"), (IGNORE, "?utm=1", "?utm=2"), (ONLY, "?q=1", "?q=2"),
         (ONLY, "?q=1&page=1", "?q=1&page=2"), ({}, "?b=2&a=1", "?a=1&b=2")]


@pytest.mark.parametrize("key, first, second", SAME)
def test_one_key(start, upstream, key, first, second):
    """Targets that are one for the route."""
    upstream.answer = numbered()
    proxy = start(settings=settings(upstream, key=key))
    assert [proxy.fetch("GET", f"/k{query}").body for query in (first, second)] == [b"1", b"1"]
    assert len(upstream.requests) == 1
    assert upstream.requests[0].target == f"/k{first}", "asked for something else"


@pytest.mark.parametrize("key, first, second", OTHER)
def test_two_keys(start, upstream, key, first, second):
    """Targets that stay apart."""
    upstream.answer = lambda request: cacheable(request.target.encode())
    proxy = start(settings=settings(upstream, key=key))
    for query in (first, second, first, second):
        assert proxy.fetch("GET", f"/k{query}").body == f"/k{query}".encode()
    assert len(upstream.requests) == 2


@pytest.mark.parametrize("key, name, values", [
    ({"fields": ["X-Tenant"]}, "X-Tenant", ["a", "b", None]),
    ({"cookies": ["lang"]}, "Cookie", ["lang=es", "lang=pt", None])])
def test_key_by_field_or_cookie(start, upstream, key, name, values):
    """Request fields and cookies can be part of the key, without any Vary."""
    upstream.answer = lambda request: cacheable((request.one(name) or "none").encode())
    proxy = start(settings=settings(upstream, key=key))
    for _ in range(2):
        for value in values:
            response = proxy.fetch("GET", "/k", [(name, value)] if value else [])
            assert response.body == (value or "none").encode()
    assert len(upstream.requests) == len(values)


def test_other_cookies_are_no_part_of_the_key(start, upstream):
    """Only the named cookie counts, wherever it stands."""
    upstream.answer = numbered()
    proxy = start(settings=settings(upstream, key={"cookies": ["lang"]}))
    cookies = ["lang=es", "a=1; lang=es", "lang=es; b=2", "lang=es; slang=pt"]
    assert {proxy.fetch("GET", "/k", [("Cookie", c)]).body for c in cookies} == {b"1"}


@pytest.mark.parametrize("query", ["?callback=f", "?a=1&callback=f", "?callback=", "?callback",
                                   "?access_token=t", "?a&access_token=t&b", "?call%62ack=f"])
def test_jsonp_and_tokens_are_not_stored(start, upstream, query):
    """MercadoLibre's JSONP is always 200, whatever really happened; a token is a credential."""
    upstream.answer = numbered()
    proxy = start(upstream)
    for count in (1, 2, 3):
        response = proxy.fetch("GET", f"/k{query}")
        assert (response.body, word(response)) == (str(count).encode(), "bypass")
    proxy.wait_metric("cache_entries", 0)
    assert [proxy.fetch("GET", f"/k?callbacks={n}").body for n in (1, 1)] == [b"1", b"1"]


def test_bypass_query_is_a_setting(start, upstream):
    """The list of the route replaces the default one."""
    upstream.answer = numbered()
    proxy = start(settings=settings(upstream, key={"bypass_query": ["live"]}))
    assert [proxy.fetch("GET", "/k?live=1").body for _ in range(2)] == [b"1", b"2"]
    assert [proxy.fetch("GET", "/k?callback=f").body for _ in range(2)] == [b"1", b"1"]


WHO = strategies.sampled_from([None, "Bearer alpha", "Bearer beta", "Basic YWxwaGE="])
SAYS = strategies.sampled_from(["max-age=60", "no-cache", "private", "max-age=60, proxy-revalidate",
                                "private, s-maxage=60",
                                "max-age=0, stale-while-revalidate=60",
                                "stale-if-error=60, max-age=1", "immutable, max-age=60",
                                "no-store"])
STEPS = strategies.lists(strategies.tuples(WHO, SAYS, strategies.sampled_from(["a", "b"]),
                                           strategies.sampled_from(["GET", "HEAD", "POST"])),
                         min_size=2, max_size=12)


@pytest.fixture(scope="module")
def echoing(shared_instance):
    """An instance before an origin that answers with the credential it was given."""
    shared = shared_instance(settings)
    shared.says = {}
    shared.upstream.answer = lambda request: cacheable(
        (request.one("Authorization") or "nobody").encode(), shared.says[request.target],
        fields=[("ETag", '"%s"' % hash(request.one("Authorization")))])
    return shared


@given(steps=STEPS, salt=strategies.integers(0, 2**64))
@hypothesis_settings(max_examples=60, deadline=None,
                     suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_tokens_never_meet(echoing, steps, salt):
    """Unless the response says that it is for all, no credential's body is seen by another's."""
    proxy = echoing.ensure()
    for credential, says, path, method in steps:
        target = f"/{salt}/{path}"
        echoing.says[target] = says
        fields = [("Authorization", credential)] if credential else []
        response = proxy.fetch(method, target, fields)
        if method != "HEAD":
            assert response.body.decode() in ((credential or "nobody"), "nobody"), steps


def test_private_bodies_are_not_kept(start, upstream):
    """Ten clients with tokens leave no entry behind."""
    upstream.answer = lambda request: cacheable(request.one("Authorization").encode())
    proxy = start(upstream)
    for number in range(10):
        token = f"Bearer {number}"
        assert proxy.fetch("GET", "/me", [("Authorization", token)]).body == token.encode()
    proxy.wait_metric("cache_entries", 0)
    assert asked(upstream, "/me") == 10
