"""redis/limits.lua against a real redis-server, as a function and as a script."""
import random
import time

import pytest

import harness
import redis_server

SOURCE = (harness.REPOSITORY / "redis/limits.lua").read_text()
SCRIPT = SOURCE.partition("\n")[2]
US = 1_000_000


@pytest.fixture(scope="module")
def server():
    made = redis_server.Server()
    yield made
    made.stop()


@pytest.fixture(params=["function", "script"])
def lease(request, server):
    """Asks: each question is (key, kind, limit, period, count, least or mark, left)."""
    redis = server.connect()
    redis("FLUSHALL")
    if request.param == "function":
        redis("FUNCTION", "LOAD", "REPLACE", SOURCE)

    def ask(*questions, lease_us=20_000):
        keys = [question[0] for question in questions]
        arguments = []
        for _, kind, limit, period, count, least, left in questions:
            rate = limit
            if isinstance(limit, tuple):  # burst, count
                limit, rate = limit
            interval = -(-period * 1000 // rate)
            arguments += [kind, limit, period, interval, lease_us, count, least, left]
        if request.param == "function":
            numbers = redis("FCALL", "meliproxy_limits_1_lease", len(keys), *keys, *arguments)
        else:
            numbers = redis("EVAL", SCRIPT, len(keys), *keys, *arguments, "lease")
        return [tuple(numbers[i:i + 5]) for i in range(0, len(numbers), 5)]

    ask.redis = redis
    ask.is_function = request.param == "function"
    yield ask
    redis.close()


KINDS = ["b", "f", "s"]


@pytest.mark.parametrize("kind", KINDS)
def test_grants_until_nothing_is_left(lease, kind):
    period = 3600 * US
    assert lease(("k", kind, 10, period, 4, 1, 0))[0][:3:2] == (4, 6)
    assert lease(("k", kind, 10, period, 4, 1, 0))[0][:3:2] == (4, 2)
    # What there is, as long as it is of use.
    assert lease(("k", kind, 10, period, 4, 3, 0))[0][0] == 0
    assert lease(("k", kind, 10, period, 4, 1, 0))[0][:3:2] == (2, 0)
    granted, retry, left, _, _ = lease(("k", kind, 10, period, 4, 1, 0))[0]
    assert granted == 0 and left == 0
    assert 0 < retry <= period + 20_000
    # Other keys have their own.
    assert lease(("other", kind, 10, period, 4, 1, 0))[0][0] == 4


@pytest.mark.parametrize("kind", KINDS)
def test_what_comes_back_can_be_granted_again(lease, kind):
    period = 3600 * US
    mark = lease(("k", kind, 10, period, 10, 1, 0))[0][3]
    assert lease(("k", kind, 10, period, 1, 1, 0))[0][0] == 0
    assert lease(("k", kind, 10, period, -3, mark, 0))[0][2] == 3
    assert lease(("k", kind, 10, period, 5, 1, 0))[0][0] == 3
    assert lease(("k", kind, 10, period, 5, 1, 0))[0][0] == 0
    # More than was ever granted does not make room that never was.
    lease(("k", kind, 10, period, -10_000, mark, 0))
    assert lease(("k", kind, 10, period, 100, 1, 0))[0][0] == 10


@pytest.mark.parametrize("kind", KINDS)
def test_a_group_is_granted_whole_or_not_at_all(lease, kind):
    period = 3600 * US
    lease(("full", kind, 5, period, 5, 1, 0))
    refused = lease(("a", kind, 10, period, 3, 1, 1), ("full", kind, 5, period, 3, 1, 0),
                    ("alone", kind, 10, period, 3, 1, 0))
    assert [reply[0] for reply in refused] == [0, 0, 3]
    # Nothing was spent on the one that had room; only the other says to wait.
    assert refused[0][1:3] == (0, 10) and refused[1][1] > 0
    both = lease(("a", kind, 10, period, 3, 1, 1), ("b", kind, 10, period, 4, 1, 0))
    assert [reply[0] for reply in both] == [3, 4]


@pytest.mark.parametrize("kind", KINDS)
def test_tokens_return_with_time_and_keys_expire(lease, kind):
    period = 200_000
    assert lease(("k", kind, 4, period, 4, 1, 0), lease_us=5_000)[0][0] == 4
    deadline = time.monotonic() + 5
    while (reply := lease(("k", kind, 4, period, 4, 4, 0), lease_us=5_000)[0])[0] == 0:
        assert reply[1] <= period + 5_000
        assert time.monotonic() < deadline
        time.sleep(reply[1] / US)
    harness.wait_until(lambda: lease.redis("EXISTS", "k") == 0, "the key expires", within=5)


def test_the_announced_wait_is_enough_and_not_too_long(lease):
    for kind in KINDS:
        lease(("w" + kind, kind, 3, 300_000, 3, 1, 0), lease_us=5_000)
        wait = lease(("w" + kind, kind, 3, 300_000, 1, 1, 0), lease_us=5_000)[0][1]
        assert wait <= 306_000
        time.sleep(wait / US)
        assert lease(("w" + kind, kind, 3, 300_000, 1, 1, 0), lease_us=5_000)[0][0] == 1, kind


def test_a_sliding_window_never_grants_more_than_fits_into_any_period(lease):
    """Grants, counted from when they are made to when they may last be spent, in every period."""
    limit, period, lease_us, log = 30, 150_000, 3_000, []
    random.seed(1)
    end = time.monotonic() + 1.2
    def now():
        seconds, microseconds = lease.redis("TIME")
        return int(seconds) * US + int(microseconds)

    while time.monotonic() < end:
        before = now()
        granted = lease(("k", "s", limit, period, random.randint(1, 7), 1, 0), lease_us=lease_us)[0][0]
        if granted:
            log.append((before, now(), granted))
        time.sleep(random.random() * 0.004)
    for first, (start, _, _) in enumerate(log):
        # Those that were granted within a period for certain; the first may be spent until its lease ends.
        inside = sum(count for _, after, count in log[first:] if after - start < period + lease_us)
        assert inside <= limit
    total = sum(count for _, _, count in log)
    assert total >= 0.8 * limit * 1.2 * US / (period + lease_us)


def test_a_long_log_stays_short(lease):
    for _ in range(1_000):
        lease(("k", "s", 1_000_000, 3600 * US, 1, 1, 0))
    assert lease.redis("STRLEN", "k") < 100
    random.seed(2)
    for _ in range(2_000):
        lease(("j", "s", 1_000, 3600 * US, random.randint(1, 20), 1, 0))
    assert lease.redis("STRLEN", "j") < 4_000


@pytest.mark.parametrize("kind", KINDS)
def test_a_clock_that_steps_back_denies_for_one_refill_at_most(lease, kind):
    """What is stored lies hours ahead of this server's clock, as on a new master it might."""
    ahead = int(time.time() * US) + 10 * 3600 * US
    stored = {"b": str(ahead), "f": f"{ahead // (10 * US)}:10"}.get(kind)
    if kind == "s":
        packed = lease.redis("EVAL", "return cmsgpack.pack({tonumber(ARGV[1]), 10})", 0, ahead)
        stored = packed
    lease.redis("SET", "k", stored)
    granted, retry, _, _, _ = lease(("k", kind, 10, 10 * US, 1, 1, 0))[0]
    assert granted == 0
    assert 0 < retry <= 10 * US + 20_000


def test_a_bucket_has_burst_and_rate_of_their_own(lease):
    """Burst 5, 100 a second."""
    assert lease(("k", "b", (5, 100), US, 9, 1, 0))[0][0] == 5
    wait = lease(("k", "b", (5, 100), US, 1, 1, 0))[0][1]
    assert wait <= 10_000


@pytest.mark.parametrize("kind", KINDS)
def test_rubbish_is_no_state(lease, kind):
    lease.redis("SET", "k", b"\xc1rubbish")
    assert lease(("k", kind, 10, 3600 * US, 1, 1, 0))[0][0] == 1


def test_broken_questions_are_errors(lease):
    with pytest.raises(redis_server.ReplyError):
        lease(("k", "x", 10, US, 1, 1, 0))
    with pytest.raises(redis_server.ReplyError):
        lease(("k", "b", 10, US, 1, 1, 5))


def test_several_instances_share_one_bucket(lease):
    """Greedy takers of 1 to 20: together they get the burst, and the rate after that."""
    random.seed(3)
    start, granted = time.monotonic(), 0
    while time.monotonic() - start < 1.0:
        granted += lease(("k", "b", (200, 1_000), US, random.randint(1, 20), 1, 0))[0][0]
    took = time.monotonic() - start
    assert granted <= 200 + 1_000 * took + 1
    assert granted >= 0.97 * (200 + 1_000 * took)


@pytest.mark.parametrize("kind", KINDS)
def test_how_long_a_grant_is_good_and_when_more_is_left(lease, kind):
    period = 3600 * US
    granted, good, left, _, reset = lease(("k", kind, 10, period, 4, 1, 0))[0]
    assert (granted, left) == (4, 6)
    # One of a fixed window ends with it.
    assert good == 20_000 or kind == "f" and 0 < good < 20_000
    assert 0 < reset <= period + 20_000
    short = lease(("s", kind, 10, 10_000, 4, 1, 0), lease_us=5_000_000)[0]
    assert short[1] == 5_000_000 or kind == "f" and short[1] <= 10_000


def test_instances_are_counted_while_they_are_heard_of(lease):
    def count(name, keep=60 * US):
        if lease.is_function:
            return lease.redis("FCALL", "meliproxy_limits_1_instances", 1, "i", name, keep)
        return lease.redis("EVAL", SCRIPT, 1, "i", name, keep, "instances")

    assert [count("a"), count("b"), count("a"), count("c")] == [1, 2, 2, 3]
    assert 0 < lease.redis("PTTL", "i") <= 60_000
    harness.wait_until(lambda: count("b", keep=1) == 1, "those not heard of are gone")
