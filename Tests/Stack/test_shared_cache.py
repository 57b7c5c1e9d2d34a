"""The tier in Redis: instances that share what they fetch, and fetch it once."""
import signal
import threading
import time

import pytest

import harness
from cache_support import Crowd, Gate, asked, cacheable, numbered, purge, word
from shared_support import SOON, copied, fetched_by, instances, redis, settled, stored
from upstream import RESET, Pause


def test_what_one_has_fetched_the_other_serves(instances, upstream, redis):
    """A miss here, a hit of the shared tier there, then a hit in its memory."""
    upstream.answer = numbered()
    one, two = instances(2)
    assert word(one.fetch("GET", "/a")) == "uri-miss"
    settled(one)
    assert fetched_by(two, "/a") == ("hit", b"1", "l2")
    assert fetched_by(two, "/a") == ("hit", b"1", "l1")
    assert fetched_by(one, "/a") == ("hit", b"1", "l1")
    assert asked(upstream, "/a") == 1
    two.wait_metric("cache_requests_total", 1, tier="redis", result="hit")
    assert len(stored(redis)) == 1


def test_fields_status_and_age_survive(instances, upstream):
    """Nothing of an answer is lost on its way through Redis."""
    upstream.answer = lambda _: cacheable(
        b'{"a":1}', "max-age=600", "404 Not Found",
        [("ETag", '"x"'), ("X-Many", "1"), ("X-Many", "2"), ("Age", "100"),
         ("Content-Type", "application/json")])
    one, two = instances(2)
    first = one.fetch("GET", "/gone")
    settled(one)
    second = two.fetch("GET", "/gone")
    assert (second.status, second.body) == (404, b'{"a":1}')
    assert word(second) == "hit"
    assert 100 <= int(second.one("age")) <= 110
    hidden = {"age", "cache-status", "x-request-id"}
    def kept(answer):
        return [(n.lower(), v) for n, v in answer.fields if n.lower() not in hidden]
    assert kept(first) == kept(second)


def test_variants(instances, upstream):
    """RFC 9111 §4.1 across instances."""
    upstream.answer = lambda request: cacheable(
        request.one("accept-language").encode(), fields=[("Vary", "Accept-Language")])
    one, two = instances(2)
    for language in ("es", "pt"):
        one.fetch("GET", "/v", [("Accept-Language", language)])
    settled(one, 2)
    for language in ("es", "pt"):
        assert fetched_by(two, "/v", [("Accept-Language", language)]) == (
            "hit", language.encode(), "l2")
    assert fetched_by(two, "/v", [("Accept-Language", "fr")])[:2] == ("vary-miss", b"fr")
    assert asked(upstream, "/v") == 3


def test_one_fetch_for_all_instances(instances, upstream):
    """3 instances × 200 clients on one cold key: the upstream is asked once."""
    upstream.answer = lambda _: [Pause(0.3), cacheable(b"x" * 1000)]
    proxies = instances(3)
    crowds = [Crowd(proxy, 200, "/cold") for proxy in proxies]
    for crowd in crowds:
        with crowd:
            assert {(r.status, r.body) for r in crowd.responses()} == {(200, b"x" * 1000)}
    assert len(upstream.requests) == 1


def test_the_leading_instance_dies(instances, upstream):
    """kill -9 in mid-fetch: at most one more request, and every client of the others is answered."""
    upstream.answer = gate = Gate(lambda _: cacheable(b"for all"))
    one, two, three = instances(3, shared={"lease": "1s"})
    one.may_end = True
    with Crowd(one, 10, "/k"):
        harness.wait_until(lambda: len(upstream.requests) == 1, "the leader's fetch")
        with Crowd(two, 50, "/k") as second, Crowd(three, 50, "/k") as third:
            for proxy in (two, three):
                proxy.wait_metric("http_requests_in_flight", lambda value: value >= 50)
            one.signal(signal.SIGKILL)
            gate.open()
            for crowd in (second, third):
                assert {(r.status, r.body) for r in crowd.responses()} == {(200, b"for all")}
    assert len(upstream.requests) == 2


def test_an_uncacheable_answer_does_not_serialise(instances, upstream):
    """The others are told, and fetch at once."""
    upstream.answer = lambda _: [Pause(0.2), cacheable(b"mine", "no-store")]
    one, two = instances(2)
    one.fetch("GET", "/private")
    began = time.monotonic()
    with Crowd(two, 20, "/private") as crowd:
        assert {r.status for r in crowd.responses()} == {200}
    assert time.monotonic() - began < 20 * 0.2
    assert len(upstream.requests) == 21


@pytest.mark.parametrize("how", ["key", "prefix", "route", "tag", "all"])
@pytest.mark.parametrize("mode", ["hard", "soft"])
def test_purge_reaches_all_instances(instances, upstream, how, mode):
    """Purged on one instance: gone, or stale, on the others, in their memory and in Redis."""
    upstream.answer = numbered("max-age=600", [("Cache-Tag", "news")])
    one, two = instances(2)
    one.fetch("GET", "/a")
    settled(one)
    copied(two, "/a")
    value = {"key": "/a", "prefix": "/", "route": "all", "tag": "news", "all": "true"}[how]
    answer = purge(one, **{how: value, "mode": mode})
    assert answer.status == 200 and b'"shared":"done"' in answer.body, answer
    harness.wait_until(lambda: two.fetch("GET", "/a").body == b"2", "the purge on the other", SOON)
    harness.wait_until(lambda: one.fetch("GET", "/a").body == b"2", "the purge on this one", SOON)


def test_an_unsafe_request_invalidates_everywhere(instances, upstream):
    """RFC 9111 §4.4, across instances."""
    upstream.answer = numbered()
    one, two = instances(2)
    one.fetch("GET", "/item")
    settled(one)
    copied(two, "/item")
    assert one.fetch("POST", "/item", body=b"new").status == 200
    harness.wait_until(lambda: two.fetch("GET", "/item").body != b"1", "the invalidation", SOON)


def test_a_fill_after_a_purge_is_not_stored(instances, upstream, redis):
    """What was being fetched when its key was purged is nobody's answer later."""
    upstream.answer = gate = Gate(numbered())
    one, two = instances(2)
    with Crowd(one, 1, "/a") as crowd:
        harness.wait_until(lambda: upstream.requests, "the fetch")
        assert purge(two, key="/a").status == 200
        gate.open()
        assert crowd.responses()[0].body == b"1"
    assert stored(redis) == []
    assert two.fetch("GET", "/a").body == b"2"
    harness.wait_until(lambda: one.fetch("GET", "/a").body == b"2", "the purge", SOON)


def test_redis_flushed(instances, upstream, redis):
    """FLUSHALL empties the memory of all, and the functions are loaded again."""
    upstream.answer = numbered()
    one, two = instances(2)
    one.fetch("GET", "/a")
    settled(one)
    copied(two, "/a")
    with redis.connect() as connection:
        connection("FLUSHALL")
        connection("FUNCTION", "FLUSH")
    harness.wait_until(lambda: two.fetch("GET", "/a").body == b"2", "the flush", SOON)
    number = iter(range(1000))

    def shares():
        target = f"/again{next(number)}"
        one.fetch("GET", target)
        return fetched_by(two, target)[2] == "l2"
    harness.wait_until(shares, "the functions", SOON)


def test_redis_killed(instances, upstream, redis):
    """Nothing visible but misses; it is used again when it is back."""
    upstream.answer = numbered()
    one, = instances(1)
    one.fetch("GET", "/a")
    settled(one)
    redis.process.kill()
    redis.process.wait()
    one.wait_metric("cache_coherence_live", 0)
    for number in range(20):
        assert one.fetch("GET", f"/{number}").status == 200
    assert one.fetch("GET", "/a").status == 200
    one.wait_metric("redis_connected", 0)


def test_redis_hangs(instances, upstream, redis):
    """SIGSTOP: each request waits no longer than the command's deadline, and soon not at all."""
    upstream.answer = numbered()
    one, two = instances(2, redis_settings={"command_timeout": "50ms"})
    one.fetch("GET", "/a")
    redis.process.send_signal(signal.SIGSTOP)
    try:
        for number in range(30):
            assert one.fetch("GET", f"/{number}").status == 200
        one.wait_metric("cache_coherence_live", 0)
        one.wait_metric("redis_commands_total", lambda value: value > 0, outcome="timeout")
    finally:
        redis.process.send_signal(signal.SIGCONT)
    one.wait_metric("cache_coherence_live", 1, within=20)
    two.wait_metric("cache_coherence_live", 1, within=20)
    assert one.fetch("GET", "/fresh").body == b"1"
    harness.wait_until(lambda: fetched_by(two, "/fresh")[1] == b"1", "sharing again", SOON)


@pytest.mark.parametrize("mode", ["strict", "available"])
def test_a_copy_is_not_used_for_ever(instances, upstream, mode):
    """Without word from Redis a copy in memory answers no longer than `l1_max_age`."""
    upstream.answer = numbered()
    one, = instances(1, shared={"l1_max_age": "1s", "coherence": mode})
    assert one.fetch("GET", "/a").body == b"1"
    settled(one)
    harness.wait_until(lambda: fetched_by(one, "/a")[2] == "l2", "a second look", SOON)
    assert fetched_by(one, "/a") == ("hit", b"1", "l1")
    assert asked(upstream, "/a") == 1


def test_too_large_for_redis(instances, upstream, redis):
    """Larger answers stay in memory."""
    upstream.answer = lambda _: cacheable(b"x" * 10_000)
    one, two = instances(2, shared={"entry_max": "4KiB"})
    one.fetch("GET", "/large")
    one.wait_metric("cache_stores_total", 1, tier="redis", outcome="too_large")
    for _ in range(20):
        assert fetched_by(one, "/large")[::2] == ("hit", "l1")
        time.sleep(0.01)  # the lease's end is heard meanwhile
    assert two.fetch("GET", "/large").body == b"x" * 10_000
    assert stored(redis) == []


def test_a_failing_upstream_frees_the_lease(instances, upstream):
    """What fails for one instance is tried by the next one at once."""
    answers = iter([RESET])
    upstream.answer = lambda _: next(answers, cacheable(b"ok"))
    one, two = instances(2)
    assert one.fetch("GET", "/f").status == 502
    began = time.monotonic()
    assert two.fetch("GET", "/f").status == 200
    assert time.monotonic() - began < 4, "it waited for a lease that nobody had"


def test_records_that_are_none(instances, upstream, redis):
    """Whatever stands under a name: a miss, counted, and overwritten."""
    upstream.answer = numbered()
    one, two = instances(2)
    one.fetch("GET", "/a")
    settled(one)
    name, = stored(redis)
    with redis.connect() as connection:
        value = connection("GET", name)
        connection("SETRANGE", name, len(value) // 2, b"\xff\xff\xff\xff")
    harness.wait_until(lambda: two.fetch("GET", "/a").body == b"2", "a new fetch", SOON)
    two.wait_metric("cache_record_faults_total", lambda value: value >= 1)


def test_purge_needs_no_redis(instances, upstream, redis):
    """Without Redis a purge is done here, said to be pending, and done there when Redis is back."""
    upstream.answer = numbered()
    one, = instances(1)
    one.fetch("GET", "/a")
    redis.process.kill()
    redis.process.wait()
    one.wait_metric("redis_connected", 0)
    answer = purge(one, key="/a")
    assert answer.status == 200 and b'"shared":"pending"' in answer.body
    assert one.fetch("GET", "/a").body == b"2"


def test_purges_arrive_within_100_ms(instances, upstream):
    """Of 60 purges, all but one, from the answer of one instance to the next answer of the other."""
    upstream.answer = numbered()
    one, two = instances(2)
    delays = []
    with two.client() as client:
        for number in range(60):
            target = f"/p{number}"
            one.fetch("GET", target)
            assert client.get(target).status == 200
            began = time.monotonic()
            assert purge(one, key=target).status == 200
            while client.get(target).body == b"1":
                assert time.monotonic() - began < SOON
            delays.append(time.monotonic() - began)
    assert sorted(delays)[58] < 1, "far above the 100 ms that a quiet machine needs"


def test_shared_by_threads(instances, upstream):
    """Many keys, many threads, two instances: each key is fetched once."""
    upstream.answer = numbered()
    proxies = instances(2)
    failures = []

    def work(proxy):
        with proxy.client() as client:
            for number in range(100):
                answer = client.get(f"/m{number}")
                if (answer.status, answer.body) != (200, b"1"):
                    failures.append((number, answer.status, answer.body))

    threads = [threading.Thread(target=work, args=(proxies[n % 2],)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[:5]
    assert len(upstream.requests) == 100


def test_what_is_only_here_outlives_its_second_look(instances, upstream):
    """Too large for Redis: looked at again after `l1_max_age`, and still this instance's answer."""
    upstream.answer = numbered("max-age=600", [("X-Large", "x" * 5000)])
    one, = instances(1, shared={"entry_max": "4KiB", "l1_max_age": "1s"})
    one.fetch("GET", "/large")
    harness.wait_until(lambda: fetched_by(one, "/large")[2] == "l2" or
                       one.metric("redis_commands_total", op="cache_get") > 2, "a second look", SOON)
    assert fetched_by(one, "/large")[:2] == ("hit", b"1")
    assert asked(upstream, "/large") == 1


def test_compressed_bodies(instances, upstream, redis):
    """`compress: zlib`: small in Redis, whole for clients."""
    body = b'{"word": "the same again"}' * 2000
    upstream.answer = lambda _: cacheable(body, fields=[("Content-Type", "application/json")])
    one, two = instances(2, shared={"compress": "zlib"})
    one.fetch("GET", "/text")
    settled(one)
    assert fetched_by(two, "/text") == ("hit", body, "l2")
    with redis.connect() as connection:
        assert connection("STRLEN", stored(redis)[0]) < len(body) // 4
