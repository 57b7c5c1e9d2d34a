"""redis/meliproxy.lua on a real redis-server: leases, fills, purges, variants, and what listeners hear."""
import threading

import pytest

import harness
import redis_server
from shared_records import (
    ABSENT, LEASED, NO_LEASE, OUTDATED, PURGED, SOFT, STORED, STORED_SOFT, SUPERSEDED, TAKEN,
    UNASKED, UNREADABLE, UNSHARED, VALID, VARY, Functions, LIBRARY, NAMES, Names, Script, generation,
    identity, response, unshared_record, vary_record,
)

TAGGED = (("a", 0), ("p", 0), ("r", 1), ("x", 2), ("t", 3), ("t", 4))


@pytest.fixture(scope="module")
def server():
    """One server for the tests that do not stop it."""
    with redis_server.Server() as running:
        yield running


@pytest.fixture(params=[Functions, Script], ids=["functions", "script"])
def api(request, server):
    """The functions on an empty server, called both ways."""
    with server.connect() as connection:
        connection("FLUSHALL")
        yield request.param(connection)


@pytest.fixture
def functions(server):
    """The functions on an empty server."""
    with server.connect() as connection:
        connection("FLUSHALL")
        yield Functions(connection)


class Listener:
    """A connection that hears invalidations, as an instance has one."""

    def __init__(self, server, *prefixes):
        self.connection = server.connect()
        own = self.connection("CLIENT", "ID")
        tracking = [part for prefix in prefixes or ("r:", "g:", "h:") for part in ("PREFIX", prefix)]
        self.connection("CLIENT", "TRACKING", "ON", "REDIRECT", own, "BCAST", *tracking)
        self.connection("SUBSCRIBE", "__redis__:invalidate")

    def hear(self, writer):
        """What was said up to now: keys, in order."""
        writer("SET", "h:end", "1")
        heard = []
        while True:
            keys = self.connection.receive()[2]
            heard += [key.decode("latin-1") for key in keys]
            if heard and heard[-1] == "h:end" or b"h:end" in keys:
                return [key for key in heard if key != "h:end"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()


# Leases

def test_one_of_fifty_gets_the_lease(server, functions):
    name = Names("hot")
    replies = []
    barrier = threading.Barrier(50)

    def ask(index):
        with server.connect() as connection:
            mine = Functions(connection, load=False)
            barrier.wait()
            replies.append(mine.get(name, f"token-{index}"))

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    leases = [reply[2] for reply in replies]
    assert leases.count(LEASED) == 1 and leases.count(TAKEN) == 49
    assert all(reply[:2] == [ABSENT, None] for reply in replies)
    assert all(0 < reply[3] <= 1000 for reply in replies if reply[2] == TAKEN)


def test_a_fresh_response_needs_no_lease(api):
    name, record = Names("a"), response(lifetime=60)
    assert api.store(name, record) == STORED
    state, stored, lease, number = api.get(name, "other")
    assert (state, lease, number) == (VALID, UNASKED, 0)
    assert stored[:len(record)] == record and len(stored) == len(record) + 2 * 16
    assert api.connection("EXISTS", name.lease) == 0


@pytest.mark.parametrize("now, flags, age, lease", [
    (1_059_999, 0, 0, UNASKED), (1_060_000, 0, 0, LEASED), (1_000_000, 1, 0, LEASED),
    (1_009_999, 0, 50, UNASKED), (1_010_000, 0, 50, LEASED), (0, 0, 0, UNASKED),
], ids=["last-moment", "over", "no-cache", "aged", "aged-over", "clock-behind"])
def test_a_stale_response_comes_with_the_lease(api, now, flags, age, lease):
    name = Names("a")
    assert api.store(name, response(lifetime=60, flags=flags, age=age)) == STORED
    reply = api.get(name, "other", now=now)
    assert reply[0] == VALID and reply[1] is not None and reply[2] == lease


def test_a_known_copy_is_not_sent_again(api):
    name = Names("a")
    api.store(name, response(write_id=0x1122334455667788))
    known = bytes.fromhex("8877665544332211")
    assert api.get(name, known=known) == [VALID, b"", UNASKED, 0]
    assert api.call("peek", [name.object], known) == [VALID, b"", UNASKED, 0]
    assert len(api.get(name, known=b"another!")[1]) > 100


def test_the_lease_is_taken_over_after_it_ended(api):
    name = Names("a")
    first = api.get(name, "first", lease=40)
    assert first[2] == LEASED
    second = harness.wait_until(
        lambda: (reply := api.get(name, "second"))[2] == LEASED and reply, "the lease ended")
    # The first one is late: it stores nothing, and does not end the second one's lease.
    assert api.fill(name, first[3], response(write_id=1), "first") == NO_LEASE
    assert api.call("release_lease", [name.object, name.lease], "first", "", 0) == 0
    assert api.call("renew_lease", [name.lease], "first", 9999) == 0
    assert api.fill(name, second[3], response(write_id=2), "second") == STORED
    assert api.get(name)[1][8:16] == (2).to_bytes(8, "little")


def test_a_lease_that_is_renewed_lasts(api):
    name = Names("a")
    api.get(name, "mine", lease=200)
    assert api.call("renew_lease", [name.lease], "mine", 60_000) == 1
    assert api.connection("PTTL", name.lease) > 50_000


def test_a_lease_given_back_is_free(api):
    name = Names("a")
    api.get(name, "mine")
    assert api.call("release_lease", [name.object, name.lease], "mine", "", 0) == 1
    assert api.get(name, "next")[2] == LEASED


def test_unshared_is_known_to_others(api):
    name = Names("a")
    api.get(name, "mine")
    assert api.call("release_lease", [name.object, name.lease], "mine", unshared_record(), 60_000) == 1
    assert api.get(name, "next") == [UNSHARED, unshared_record(), UNASKED, 0]
    assert 0 < api.connection("PTTL", name.object) <= 60_000


@pytest.mark.parametrize("value", [
    b"", b"x", b"MP", b"MP\x02\x00" + bytes(200), b"MP\x01\x09" + bytes(200),
    response()[:60], response(), response() + bytes(31), response(names=()) + bytes(16),
    response(names=(("a", 0),) * 129) + bytes(16 * 129),
], ids=["empty", "byte", "magic", "version", "kind", "cut", "no-generations", "odd-generations",
        "without", "too-many"])
def test_what_cannot_be_read_is_replaced(api, value):
    name = Names("a")
    api.connection("SET", name.object, value)
    state, shown, lease, number = api.get(name)
    assert (state, shown, lease) == (UNREADABLE, None, LEASED)
    assert api.fill(name, number, response()) == STORED
    assert api.get(name)[0] == VALID


def test_a_record_without_generations_is_not_stored(api):
    name = Names("a")
    assert api.store(name, response(names=())) == OUTDATED


# Purges

@pytest.mark.parametrize("kind, number", [("a", 0), ("r", 1), ("x", 2), ("t", 3), ("t", 4)])
def test_a_purge_of_each_name(api, kind, number):
    name, other = Names("a"), Names("b")
    api.store(name, response(names=TAGGED))
    api.store(other, response(names=(("a", 0), ("p", 0), ("r", 9), ("x", 9))))
    api.bump(kind, number, "s")
    assert api.get(name)[0] == SOFT
    api.bump(kind, number, "h")
    assert api.get(name)[0:2] == [PURGED, None]
    api.bump(kind, number, "s")
    assert api.get(name)[0] == PURGED
    assert api.get(other)[0] == (PURGED if kind == "a" else VALID)


def test_what_is_fetched_anew_is_good_again(api):
    name = Names("a")
    api.store(name, response(names=TAGGED))
    for mode in "hshs":
        api.bump("t", 3, mode)
        assert api.store(name, response(names=TAGGED)) == STORED
        assert api.get(name)[0] == VALID
        api.connection("DEL", name.lease)


@pytest.mark.parametrize("tags", [TAGGED, TAGGED[:4]], ids=["tagged", "untagged"])
@pytest.mark.parametrize("kind, number", [("a", 0), ("r", 1), ("x", 2), ("p", 0), ("t", 3)])
def test_a_purge_during_the_fetch_overtakes_it(api, kind, number, tags):
    name = Names("a")
    lease = api.get(name)
    if kind == "p":
        api.bump_prefix("/t")
    else:
        api.bump(kind, number)
    concerned = kind != "t" or tags is TAGGED
    if concerned:
        assert api.fill(name, lease[3], response(names=tags)) == OUTDATED
        assert api.get(name)[0] == ABSENT
    else:
        # Of another tag; but what else there is was not made yet, and might have been purged.
        assert api.fill(name, lease[3], response(names=tags)) == OUTDATED
        api.store(name, response(names=tags))
        late = api.get(Names("b"))
        api.bump(kind, number)
        assert api.fill(Names("b"), late[3], response(names=tags)) == STORED


@pytest.mark.parametrize("kind, number", [("a", 0), ("r", 1), ("x", 2), ("p", 0), ("t", 3)])
def test_a_purge_overtakes_a_fetch_whose_generations_were_there(api, kind, number):
    name = Names("a")
    api.store(Names("b"), response(names=TAGGED))
    lease = api.get(name)
    if kind == "p":
        api.bump_prefix("/t")
    else:
        api.bump(kind, number)
    assert api.fill(name, lease[3], response(names=TAGGED)) == OUTDATED
    assert api.store(name, response(names=TAGGED)) == STORED
    assert api.get(name)[0] == VALID


def test_a_soft_purge_during_the_fetch_makes_it_stale(api):
    name = Names("a")
    api.store(Names("b"), response(names=TAGGED))
    lease = api.get(name)
    api.bump("t", 3, "s")
    assert api.fill(name, lease[3], response(names=TAGGED)) == STORED_SOFT
    assert api.get(name)[0] == SOFT
    # The next fetch starts after it.
    api.connection("DEL", name.lease)
    assert api.store(name, response(names=TAGGED)) == STORED
    assert api.get(name)[0] == VALID


def test_an_exact_purge_refuses_what_is_being_fetched(api):
    name = Names("a")
    lease = api.get(name)
    assert api.call("purge_keys", [name.object], "") == 0
    assert api.fill(name, lease[3], response()) == NO_LEASE
    assert api.store(name, response()) == STORED
    assert api.call("purge_keys", [name.object, Names("b").object], "") == 1
    assert api.get(name)[0] == ABSENT
    assert api.connection("EXISTS", name.object) == 0


def test_an_exact_soft_purge(api):
    name = Names("a")
    api.store(name, response())
    left = api.connection("PTTL", name.object)
    lease = api.get(name, now=9_000_000)
    assert api.call("soften_keys", [name.object, Names("none").object], "") == 1
    state, record, _, _ = api.get(name, "other")
    assert (state, record[:-32]) == (SOFT, response())
    assert api.fill(name, lease[3], response()) == NO_LEASE
    assert 0 < api.connection("PTTL", name.object) <= left
    api.connection("DEL", name.lease)
    assert api.store(name, response()) == STORED
    assert api.get(name)[0] == VALID


@pytest.mark.parametrize("path, host, covered", [
    ("/t", None, True), ("/", None, True), ("/t", "h", True), ("/t", "other", False),
    ("/tt", None, False), ("", None, True), ("/t", "", False), ("/x", "h", False),
])
def test_a_purge_of_a_prefix(api, path, host, covered):
    name = Names("a")
    api.store(name, response())
    api.bump_prefix(path, host, "s")
    assert api.get(name)[0] == (SOFT if covered else VALID)
    api.bump_prefix(path, host, "h")
    assert api.get(name)[0] == (PURGED if covered else VALID)
    if covered:
        api.connection("DEL", name.lease)
        assert api.store(name, response()) == STORED
    assert api.get(name)[0] == VALID


def test_forgotten_prefixes_count_for_all_before_them(api):
    old, new = Names("old"), Names("new")
    api.store(old, response())
    for index in range(40):
        api.bump_prefix(f"/other/{index}")
    api.store(new, response())
    assert api.get(old)[0] == VALID
    for index in range(40, 70):
        api.bump_prefix(f"/other/{index}")
    assert api.get(old)[0] == PURGED
    assert api.get(new)[0] == VALID
    assert api.connection("STRLEN", "g:l:0000000000000000") < 64 * 40


def test_a_list_of_prefixes_that_was_evicted_forgets_nothing(api):
    old, new = Names("old"), Names("new")
    api.store(old, response())
    api.bump_prefix("/t")
    api.store(new, response())
    api.connection("DEL", "g:l:0000000000000000")
    api.bump_prefix("/other")
    assert api.get(old)[0] == PURGED
    assert api.get(new)[0] == VALID


def test_numbers_grow_though_the_clock_goes_back(api):
    name = Names("a")
    ahead = 8_000_000_000_000_000
    api.connection("SET", "p:clock", ahead.to_bytes(8, "little") + ahead.to_bytes(8, "little"))
    assert api.get(name)[3] == ahead
    numbers = [api.bump("a"), api.bump("a", mode="s"), api.bump("t", 1), api.bump_prefix("/")]
    assert numbers == [ahead + 1, ahead + 2, ahead + 3, ahead + 4]
    assert api.fill(name, ahead, response()) == OUTDATED
    assert api.store(name, response()) == STORED
    # Lost, with a clock that is behind: the purge's own name tells what it was.
    lease = api.get(Names("b"))
    api.connection("DEL", "p:clock")
    assert api.bump("a") == ahead + 3
    assert api.get(name)[0] == PURGED
    assert api.fill(Names("b"), lease[3], response()) == OUTDATED


def test_a_new_clock_that_is_behind_catches_up(api):
    ahead = 8_000_000_000_000_000
    api.connection("SET", generation("t", 3), ahead.to_bytes(8, "little") + bytes(8))
    assert api.store(Names("a"), response(names=TAGGED)) == OUTDATED
    assert api.store(Names("a"), response(names=TAGGED)) == STORED
    assert api.get(Names("a"))[0] == VALID


@pytest.mark.parametrize("value", [b"", b"x" * 16, b"\xff" * 16, b"x"])
def test_a_clock_that_is_none_counts_as_lost(api, value):
    name = Names("a")
    api.store(name, response())
    api.connection("SET", "p:clock", value)
    api.bump("a")
    assert api.get(name)[0] == PURGED
    api.connection("DEL", name.lease)
    assert api.store(name, response()) == STORED


# Eviction

@pytest.mark.parametrize("gone", [
    ["g:a"], ["g:t:3"], ["g:p"], ["p:clock"], ["g:t:3", "p:clock"], ["g:p", "g:l"],
    ["g:p", "g:l", "p:clock"],
], ids=" ".join)
@pytest.mark.parametrize("purge", ["tag", "prefix", "all"])
def test_eviction_never_resurrects(api, gone, purge):
    name = Names("a")
    api.store(name, response(names=TAGGED))
    {"tag": lambda: api.bump("t", 3), "all": lambda: api.bump("a"),
     "prefix": lambda: api.bump_prefix("/t")}[purge]()
    for key in gone:
        parts = key.split(":")
        if parts[0] == "g":
            key = generation(parts[1], int(parts[2]) if len(parts) > 2 else 0)
        api.connection("DEL", key)
    assert api.get(name)[0] == PURGED
    # A second object makes what is missing anew: still not.
    api.store(Names("b"), response(names=TAGGED))
    assert api.get(name)[0] == PURGED


def test_eviction_without_a_purge_harms_nothing(api):
    name = Names("a")
    api.store(name, response(names=TAGGED))
    for kind, number in TAGGED:
        api.connection("DEL", generation(kind, number))
    assert api.get(name)[0] == VALID
    api.bump("t", 99)
    # Now it cannot be told any more.
    assert api.get(name)[0] == PURGED


def test_a_purge_that_is_evicted_during_a_fetch(api):
    name = Names("a")
    lease = api.get(name)
    api.bump("t", 3)
    api.connection("DEL", generation("t", 3))
    assert api.fill(name, lease[3], response(names=TAGGED)) == OUTDATED
    lease = api.get(name, "again")
    api.connection("DEL", "p:clock")
    api.bump("t", 3)
    api.connection("DEL", generation("t", 3), "p:clock")
    assert api.fill(name, lease[3], response(names=TAGGED), "again") == OUTDATED


def test_real_evictions_never_resurrect():
    with redis_server.Server("--maxmemory", "3mb", "--maxmemory-policy", "allkeys-random") as small:
        with small.connect() as connection:
            api = Functions(connection)

            def is_found(index):
                return api.call("peek", [Names(f"a{index}").object], "")[0] == VALID

            filled = 0
            for index in range(900):
                name = Names(f"a{index}")
                names = TAGGED[:4] + (("t", index),)
                lease = api.get(name)
                if lease[2] == LEASED:
                    api.fill(name, lease[3], response(names=names, body=b"x" * 4000))
                filled += is_found(index)
                if index % 3 == 0:
                    api.bump("t", index)
            assert int(dict(line.split(":") for line in connection("INFO", "stats").decode()
                            .split("\r\n") if ":" in line)["evicted_keys"]) > 0
            # Of what was not purged all may be gone: chance may evict a generation that all of them have.
            assert filled > 0 and [index for index in range(0, 900, 3) if is_found(index)] == []


# Variants

class Target:
    """A target and its variants, as instances name them."""

    def __init__(self, name="target"):
        self.base = Names(name)
        self.name = name

    def variant(self, text):
        return Names(f"{self.name}|{text}")


def first_variant(api, target, text="gzip", record=None, token="t", write_id=5):
    """Stores a first variant, whose fetch found nothing at all."""
    lease = api.get(target.base, token)
    assert lease[2] == LEASED
    record = record or vary_record(write_id, "accept-encoding")
    return api.fill_variant(target.variant(text), target.base.lease, target.base, lease[3],
                            response(), b"", record, token)


def next_variant(api, target, text, known, record, token="t"):
    """Stores a variant whose fetch found the record of variants."""
    variant = target.variant(text)
    lease = api.get(variant, token)
    assert lease[2] == LEASED
    return api.fill_variant(variant, variant.lease, target.base, lease[3], response(), known, record,
                            token)


def listed(api, target, record):
    """The variants behind the record."""
    state, stored, _, _ = api.get(target.base)
    assert state == VARY
    assert stored[16:len(record)] == record[16:]
    tail = stored[len(record):]
    return [tail[index:index + 16] for index in range(0, len(tail), 16)]


def test_variants(api):
    target, record = Target(), vary_record(5, "accept-encoding")
    known = (5).to_bytes(8, "little")
    assert first_variant(api, target) == STORED
    assert api.get(target.base)[1:] == [record + target.variant("gzip").id, UNASKED, 0]
    assert api.get(target.variant("gzip"))[0] == VALID
    assert next_variant(api, target, "br", known, vary_record(6, "accept-encoding")) == STORED
    assert listed(api, target, record) == [target.variant("br").id, target.variant("gzip").id]
    # What is listed stays as it is, its write-id too.
    assert next_variant(api, target, "none", known, vary_record(7, "accept-encoding")) == STORED
    assert api.get(target.base)[1][8:16] == known


def test_the_oldest_variant_goes(api):
    target, record = Target(), vary_record(5, "accept-encoding")
    first_variant(api, target, "v0")
    for index in range(1, 34):
        next_variant(api, target, f"v{index}", (5).to_bytes(8, "little"), record)
    assert listed(api, target, record) == [target.variant(f"v{i}").id for i in range(33, 1, -1)]
    assert api.get(target.variant("v1"))[0] == ABSENT
    assert api.get(target.variant("v2"))[0] == VALID


def test_other_fields_begin_anew(api):
    target, known = Target(), (5).to_bytes(8, "little")
    first_variant(api, target)
    more = vary_record(8, "accept-encoding", "cookie")
    assert next_variant(api, target, "br+cookie", known, more) == STORED
    assert listed(api, target, more) == [target.variant("br+cookie").id]
    assert api.get(target.variant("gzip"))[0] == ABSENT
    # A fetch that started from the old record comes too late.
    variant = target.variant("zstd")
    lease = api.get(variant)
    assert api.fill_variant(variant, variant.lease, target.base, lease[3], response(), known,
                            vary_record(9, "accept-encoding")) == SUPERSEDED
    assert api.get(variant, "next")[0] == ABSENT


def test_an_exact_purge_takes_all_variants(api):
    target, record = Target(), vary_record(5, "accept-encoding")
    known = (5).to_bytes(8, "little")
    first_variant(api, target)
    next_variant(api, target, "br", known, record)
    late = {text: api.get(target.variant(text), now=9_000_000) for text in ("br", "zstd")}
    assert api.call("purge_keys", [target.base.object], "") == 1
    for text in ("gzip", "br", "zstd"):
        assert api.get(target.variant(text), "peeking")[0] == ABSENT
    # Listed or not, what was being fetched is not stored.
    api.connection("SET", target.variant("zstd").lease, "t")
    for text, outcome in (("br", NO_LEASE), ("zstd", SUPERSEDED)):
        variant = target.variant(text)
        assert api.fill_variant(variant, variant.lease, target.base, late[text][3], response(),
                                known, record) == outcome
    assert api.get(target.base)[0] == ABSENT


def test_an_exact_soft_purge_takes_all_variants(api):
    target = Target()
    first_variant(api, target)
    next_variant(api, target, "br", (5).to_bytes(8, "little"), vary_record(5, "accept-encoding"))
    assert api.call("soften_keys", [target.base.object], "") == 2
    assert {api.get(target.variant(text))[0] for text in ("gzip", "br")} == {SOFT}


def test_the_record_lives_as_long_as_its_variants(api):
    target = Target()
    first_variant(api, target)
    long = api.connection("PTTL", target.base.object)
    variant = target.variant("br")
    lease = api.get(variant)
    api.fill_variant(variant, variant.lease, target.base, lease[3], response(),
                     (5).to_bytes(8, "little"), vary_record(5, "accept-encoding"), keep=1_000)
    assert long - 5_000 < api.connection("PTTL", target.base.object) <= long
    assert 0 < api.connection("PTTL", variant.object) <= 1_000


# Listeners

def test_listeners_hear_fills_purges_and_wakes(server, api):
    name, target = Names("a"), Target()
    with Listener(server) as listener:
        write = api.connection
        api.get(name)
        assert listener.hear(write) == []
        api.store(Names("b"), response(names=TAGGED))
        assert Names("b").object in listener.hear(write)
        lease = api.get(name, "other")
        assert lease[2] == TAKEN
        api.call("release_lease", [name.object, name.lease], "t", "", 0)
        assert listener.hear(write) == [name.object]
        # Nothing is stored: those who have a copy hear of it all the same.
        assert api.call("purge_keys", [name.object], "k:0000000000000007") == 0
        assert set(listener.hear(write)) == {name.object, "g:!h:k:0000000000000007"}
        api.bump("t", 3, "s")
        assert set(listener.hear(write)) == {generation("t", 3), "g:!s:t:0000000000000003"}
        api.bump_prefix("/t\n", "h")
        assert "g:!h:p:h/t\n" in listener.hear(write)
        first_variant(api, target)
        heard = listener.hear(write)
        assert {target.base.object, target.variant("gzip").object} <= set(heard)
        assert not [key for key in heard if key.startswith(("l:", "p:"))]


def test_listeners_hear_nothing_of_reads(server, api):
    name = Names("a")
    api.store(name, response(names=TAGGED))
    with Listener(server) as listener:
        for known in (b"", b"12345678"):
            api.get(name, known=known)
            api.call("peek", [name.object], known)
        assert listener.hear(api.connection) == []


def test_waking_leaves_a_stale_response_and_its_time(server, api):
    name = Names("a")
    api.store(name, response())
    api.get(name, now=9_000_000)
    with Listener(server) as listener:
        left = api.connection("PTTL", name.object)
        assert api.call("release_lease", [name.object, name.lease], "t", "", 0) == 1
        assert listener.hear(api.connection) == [name.object]
    assert left - 5_000 < api.connection("PTTL", name.object) <= left
    assert api.get(name)[0] == VALID


def test_a_prefix_in_front_of_all_keys(server, api):
    name = Names("a", prefix="shop:")
    with Listener(server, "shop:r:", "shop:g:", "h:") as listener:
        assert api.store(name, response(names=TAGGED)) == STORED
        assert name.object in listener.hear(api.connection)
        api.bump("t", 3, prefix="shop:")
        assert "shop:g:!h:t:0000000000000003" in listener.hear(api.connection)
    assert api.get(name)[0] == PURGED
    assert all(key.startswith(b"shop:") or key == b"h:end" for key in api.connection("KEYS", "*"))


# The library itself

def test_lost_functions_are_told_apart_and_loaded_again(functions):
    connection = functions.connection
    connection("FUNCTION", "FLUSH")
    with pytest.raises(redis_server.ReplyError, match="ERR Function not found"):
        functions.get(Names("a"))
    # Without functions the script does the same, on the same records.
    script = Script(connection)
    assert script.store(Names("a"), response()) == STORED
    connection("SCRIPT", "FLUSH")
    with pytest.raises(redis_server.ReplyError, match="^NOSCRIPT"):
        script.get(Names("a"))
    connection("FUNCTION", "LOAD", "REPLACE", LIBRARY)
    assert functions.get(Names("a"))[0] == VALID


def test_a_user_without_functions_is_told_apart(server, functions):
    functions.connection("ACL", "SETUSER", "plain", "on", ">secret", "~*", "&*", "+@all", "-fcall",
                         "-fcall_ro", "-function")
    with server.connect() as connection:
        connection("AUTH", "plain", "secret")
        with pytest.raises(redis_server.ReplyError, match="^NOPERM.*fcall"):
            Functions(connection, load=False).get(Names("a"))
        assert Script(connection).store(Names("a"), response()) == STORED


def test_what_the_functions_may_do(functions):
    listed_functions = functions.connection("FUNCTION", "LIST", "LIBRARYNAME", "meliproxy_1")[0][5]
    flags = {entry[1].decode(): {flag.decode() for flag in entry[5]} for entry in listed_functions}
    assert set(flags) == {f"meliproxy_1_{name}" for name in NAMES}
    assert {name for name, own in flags.items() if "no-writes" in own} == {"meliproxy_1_peek"}


def test_purges_work_when_there_is_no_memory_left():
    with redis_server.Server("--maxmemory-policy", "noeviction") as full:
        with full.connect() as connection:
            api = Functions(connection)
            name = Names("a")
            assert api.store(name, response(names=TAGGED)) == STORED
            lease = api.get(Names("b"))
            connection("CONFIG", "SET", "maxmemory", "1")
            with pytest.raises(redis_server.ReplyError, match="^OOM"):
                api.get(Names("c"))
            with pytest.raises(redis_server.ReplyError, match="^OOM"):
                api.fill(Names("b"), lease[3], response())
            assert api.call("peek", [name.object], "")[0] == VALID
            api.bump("t", 3)
            assert api.call("peek", [name.object], "")[0] == PURGED
            assert api.call("purge_keys", [name.object], "") == 1
            assert api.call("release_lease", [Names("b").object, Names("b").lease], "t", "", 0) == 1


def test_failover_keeps_library_leases_and_purges():
    with redis_server.Server() as master, master.connect() as connection:
        api = Functions(connection)
        with redis_server.Server("--replicaof", "127.0.0.1", master.port) as replica, \
                replica.connect() as other:
            harness.wait_until(lambda: b"master_link_status:up" in other("INFO", "replication"),
                               "replication")
            # Set ahead, as the clock of the first master might be.
            ahead = 8_000_000_000_000_000
            connection("SET", "p:clock", ahead.to_bytes(8, "little") * 2)
            kept, leased = Names("kept"), Names("leased")
            api.store(kept, response(names=TAGGED))
            lease = api.get(leased)
            assert connection("WAIT", 1, 5_000) == 1
            assert Functions(other, load=False).call("peek", [kept.object], "")[0] == VALID
            with pytest.raises(redis_server.ReplyError, match="^READONLY"):
                Functions(other, load=False).get(kept)
            other.send("FCALL_RO", "meliproxy_1_peek", 1, kept.object, "")
            assert other.receive()[0] == VALID
            master.stop()
            other("REPLICAOF", "NO", "ONE")
            after = Functions(other, load=False)
            assert after.get(leased, "other")[2] == TAKEN
            assert after.get(kept)[0] == VALID
            # A purge on the new master, whose clock is behind, is later than the lease from the old.
            after.bump("t", 3)
            assert after.fill(leased, lease[3], response(names=TAGGED)) == OUTDATED
            assert after.get(kept)[0] == PURGED


def test_names_are_those_of_the_layout():
    assert identity("example/items/1").hex() == "06d5acc6a91d6badf3c942af70133c7f"
