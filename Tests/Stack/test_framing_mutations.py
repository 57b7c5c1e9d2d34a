"""Seeded mutations of both tables: whatever comes in, what goes out is well formed."""
import random
import socket
import threading

import pytest

import framing_requests
import framing_responses
import harness
import upstream as upstreams
import wire

# What tends to matter to a parser of HTTP.
MORSELS = [b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b";", b",", b"0", b"\r\n\r\n",
           b"0\r\n\r\n",
           b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n",
           b"HTTP/1.1", b"ffffffffffffffff", b"-1", b"\xff", b"Expect: 100-continue\r\n",
           b"HTTP/1.1 100 Continue\r\n\r\n", b"GET /s HTTP/1.1\r\nHost: s\r\n\r\n"]


def mutate(chance, data):
    """`data` with one to four random edits."""
    data = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data) + 1)
        kind = chance.randrange(5)
        if kind == 0:
            data[at:at] = chance.choice(MORSELS)
        elif kind == 1:
            del data[at:at + chance.randint(1, 8)]
        elif kind == 2 and at < len(data):
            data[at] = chance.randrange(256)
        elif kind == 3:
            end = min(len(data), at + chance.randint(1, 40))
            data[at:at] = data[at:end]
        else:
            data[at:at + chance.randint(0, 4)] = chance.choice(MORSELS)
    return bytes(data)


def in_threads(count, work, threads=6):
    """Runs `work(number)` for all numbers below `count`; the first failure is raised."""
    failures, numbers, lock = [], iter(range(count)), threading.Lock()

    def run():
        while not failures:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            try:
                work(number)
            except BaseException as error:
                error.add_note(f"mutation {number}")
                failures.append(error)

    workers = [threading.Thread(target=run) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(300)
    if failures:
        raise failures[0]


def check_requests(start, count, seed):
    raws = [c.raw for c in framing_requests.CASES if len(c.raw) < 2000]
    with upstreams.Upstream() as upstream:
        proxy = start(workers=2, settings=harness.settings_for(upstream, client={
            "half_close_timeout": "50ms", "lingering_timeout": "50ms", "expect_timeout": "50ms"}))

        def work(number):
            chance = random.Random(seed * 1_000_003 + number)
            raw = mutate(chance, chance.choice(raws))
            with proxy.client() as client:
                cut = chance.randrange(len(raw) + 1)
                client.send(raw[:cut])
                client.send(raw[cut:])
                try:
                    client.sock.shutdown(socket.SHUT_WR)
                except OSError:
                    pass
                client.wait_closed(10)
                if client.reader.buffer:
                    wire.read_response_head(client.reader)

        in_threads(count, work)
        proxy.assert_alive()
        assert proxy.fetch("GET", "/after").status == 200
        assert not upstream.errors, upstream.errors[:3]
        proxy.wait_metric("http_requests_in_flight", 0)
        proxy.wait_metric("connections_active", 0)


def check_responses(start, count, seed):
    """Whole responses, then those that come in two pieces. What follows the end of one of these may come so
    late that it cannot be told from the answer to the next request on that connection, whoever sends it.
    """
    check_answers(start, count // 2, seed, is_cut=False)
    check_answers(start, count // 2, seed + 1000, is_cut=True)


def check_answers(start, count, seed, is_cut):
    raws = [b"".join(getattr(s, "data", s) for s in c.steps
                     if isinstance(s, (bytes, upstreams.Bytewise)))
            for c in framing_responses.CASES]
    raws = [raw for raw in raws if 0 < len(raw) < 2000]

    def answer(request):
        if request.target == "/after":
            return upstreams.response(b"after")
        chance = random.Random(seed * 1_000_003 + int(request.target[1:]))
        raw = mutate(chance, chance.choice(raws))
        cut = chance.randrange(len(raw) + 1) if is_cut else 0
        return [raw[:cut], raw[cut:], chance.choice([upstreams.CLOSE, upstreams.RESET,
                                                     upstreams.Pause(0.01)]), upstreams.CLOSE]

    with upstreams.Upstream(answer) as upstream:
        proxy = start(workers=2, settings=harness.settings_for(
            upstream, upstream_settings={"breaker": "off"}))

        def work(number):
            version = "HTTP/1.0" if number % 5 == 0 else "HTTP/1.1"
            method = "HEAD" if number % 7 == 0 else "GET"
            with proxy.client() as client:
                client.send(f"{method} /{number} {version}\r\nHost: test.example\r\n\r\n".encode())
                try:
                    response = client.response(method)
                except wire.Truncated:
                    return
                assert version == "HTTP/1.0" or response.framing != "close"
                if version == "HTTP/1.1" and not is_cut:
                    after = client.get("/after")
                    assert (after.status, after.body) == (200, b"after"), "answers are mixed up"

        in_threads(count, work)
        proxy.assert_alive()
        assert not upstream.errors, upstream.errors[:3]
        proxy.wait_metric("http_requests_in_flight", 0)


def test_mutated_requests(start):
    """The upstream never receives a malformed byte; the instance lives; no connection is lost."""
    check_requests(start, 3000, 1)


def test_mutated_responses(start):
    """The client never receives a malformed byte, nor another request's answer."""
    check_responses(start, 3000, 1)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 6))
def test_more_mutated_requests(start, seed):
    """The same with other seeds."""
    check_requests(start, 20_000, seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 6))
def test_more_mutated_responses(start, seed):
    """The same with other seeds."""
    check_responses(start, 20_000, seed)
