"""The cache keeps within its memory, whatever it is filled with."""
import random
import time

import pytest

from cache_support import FastOrigin, cacheable, get_all, settings, words
from test_bodies import Memory

MIB = 1 << 20
NOISE = random.Random(3).randbytes(2 * MIB)


def sized(target):
    """A body of as many bytes as the target's second part says."""
    size = int(target.split("?")[0].split("/")[2])
    return cacheable(NOISE[:size])


def churn(start, memory_mib, seconds, size_max):
    """Fills the cache over and over; the bytes it gained, and a last scrape."""
    chance = random.Random(11)
    with FastOrigin(sized) as origin:
        proxy = start(settings=settings(origin, memory=f"{memory_mib}MiB"), workers=2,
                      access_log="/dev/null")
        # As warm as it gets with nothing stored: connections and buffers are there.
        get_all(proxy, (f"/warm/{size_max}?callback=f{n}" for n in range(200)))
        with Memory(proxy) as memory:
            deadline, number = time.monotonic() + seconds, 0
            while time.monotonic() < deadline:
                # Small ones mostly, some large: 10^2 … size_max, evenly by magnitude.
                sizes = (int(100 * (size_max / 100) ** chance.random()) for _ in range(100))
                get_all(proxy, [f"/{chance.randrange(20_000)}/{size}" for size in sizes], batch=20)
                number += 100
                if number % 5000 == 0:
                    check_bounds(proxy.metrics(), memory_mib)
            proxy.assert_alive()
        return memory.growth, proxy.metrics()


def check_bounds(samples, memory_mib):
    """Its own account of itself."""
    assert samples.sum("cache_max_size_bytes", tier="local") == memory_mib * MIB
    assert 0 < samples.sum("cache_size_bytes", tier="local") <= memory_mib * MIB


def check_churn(start, memory_mib, seconds, size_max):
    growth, samples = churn(start, memory_mib, seconds, size_max)
    check_bounds(samples, memory_mib)
    assert samples.sum("cache_size_bytes") > 0.8 * memory_mib * MIB, "it is not even used"
    assert samples.sum("cache_evictions_total") > 0
    assert growth <= 1.1 * memory_mib * MIB, f"{growth / MIB:.1f} MiB of {memory_mib} MiB"


def test_churn(start):
    """Twenty seconds of random sizes: at most 10 % above what was allowed."""
    check_churn(start, 64, 20, MIB)


@pytest.mark.long
def test_churn_for_five_minutes(start):
    """The same until fragmentation would show."""
    check_churn(start, 128, 300, 2 * MIB)


def test_tiny_entries_are_counted_whole(start):
    """Keys, fields and overhead count: 100,000 empty bodies do not outgrow 16 MiB."""
    with FastOrigin(lambda target: cacheable(b"")) as origin:
        proxy = start(settings=settings(origin, memory="16MiB"), access_log="/dev/null")
        get_all(proxy, (f"/warm/{n}?callback=f" for n in range(200)))
        with Memory(proxy) as memory:
            get_all(proxy, (f"/{n}" for n in range(100_000)))
        samples = proxy.metrics()
    assert 0 < samples.sum("cache_size_bytes") <= 16 * MIB
    assert samples.sum("cache_evictions_total") > 0
    assert memory.growth <= 1.1 * 16 * MIB, f"{memory.growth / MIB:.1f} MiB"


def test_variants_are_bounded(start, upstream):
    """One key with 2,000 variants is 32 entries."""
    upstream.answer = lambda request: cacheable(fields=[("Vary", "Foo")])
    proxy = start(upstream)
    for number in range(2000):
        proxy.fetch("GET", "/k", [("Foo", str(number))])
    proxy.wait_metric("cache_entries", lambda entries: 1 <= entries <= 33)


def test_a_body_above_the_limit(start, upstream):
    """Passed on whole and not stored; the limit is on the body, with or without its length."""
    body = b"x" * 200_000

    def answer(request):
        if request.target == "/length":
            return cacheable(body)
        return [b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n" b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)]

    upstream.answer = answer
    proxy = start(settings=settings(upstream, {"body_bytes_max": "100KiB"}))
    for target in ("/length", "/length", "/chunked", "/chunked"):
        assert proxy.fetch("GET", target).body == body
    assert len(upstream.requests) == 4
    proxy.wait_metric("cache_entries", 0)
    proxy.wait_metric("cache_stores_total", 4, outcome="too_large")


def test_a_slow_reader_keeps_what_it_reads(start, upstream):
    """An entry that is evicted while it is sent is sent to its end."""
    whole = NOISE[:MIB]
    upstream.answer = lambda request: cacheable(whole if request.target == "/slow" else NOISE[:MIB])
    proxy = start(settings=settings(upstream, memory="32MiB"))
    assert proxy.fetch("GET", "/slow").body == whole
    with proxy.client(receive_buffer=4096) as client:
        client.send(b"GET /slow HTTP/1.1\r\nHost: test.example\r\n\r\n")
        assert client.reader.fill()
        for number in range(60):
            proxy.fetch("GET", f"/{number}")
        assert client.response().body == whole
    assert proxy.metric("cache_evictions_total") > 0


def test_memory_off(start, upstream):
    """No memory, no cache: everything is passed on."""
    upstream.answer = lambda request: cacheable()
    proxy = start(upstream, arguments=["--cache-memory", "off"])
    assert "hit" not in words(proxy, "/k", "/k")
    assert len(upstream.requests) == 2
