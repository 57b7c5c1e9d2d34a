"""The open load of Benchmarks/openloop.c against servers that answer as scripted."""
import collections
import json
import os
import subprocess
import threading
import time
from dataclasses import dataclass

import pytest

import harness
from Benchmarks import ramp
from upstream import CLOSE, RESET, Bytewise, Pause, Upstream, response

SOURCE = harness.REPOSITORY / "Benchmarks/openloop.c"
NO_ERRORS = {"cut": 0, "reset": 0, "timeout": 0, "malformed": 0, "unsent": 0}
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LENGTH_10 = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The load, with warnings as errors and sanitizers."""
    path = tmp_path_factory.mktemp("openloop") / "openloop"
    subprocess.run(["cc", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-o", path, SOURCE,
                    "-fsanitize=address,undefined", "-fno-sanitize-recover=all"], check=True)
    return path


@pytest.fixture
def load(program):
    """Runs it against a server; what it prints."""
    def run(server, rate, seconds, *more, path="/item"):
        command = [program, "--rate", rate, "--seconds", seconds, *more, server.url + path]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                              env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}, timeout=60,
                              check=False)
        assert (done.returncode, done.stderr) == (0, "")
        said = json.loads(done.stdout)
        ends = said["ok"] + sum(said["others"].values()) + sum(said["errors"].values())
        assert ends == said["requests"], "every request that was due ends once"
        return said
    return run


def numbered(special, otherwise=response()):
    """An answer by the number of the request, from 1 on, over all connections."""
    lock, counts = threading.Lock(), [0]

    def answer(_):
        with lock:
            counts[0] += 1
            return special.get(counts[0], otherwise)
    return answer


def test_it_sends_exactly_what_is_due(load):
    with Upstream() as server:
        said = load(server, 500, 0.4, "--warmup", 0.2, "--connections", 3)
        assert len(server.connections) == 3 and not server.errors
        assert len(server.requests) == 300
    assert {request.method for request in server.requests} == {"GET"}
    assert {request.one("host") for request in server.requests} == {f"127.0.0.1:{server.port}"}
    assert said["requests"] == said["ok"] == 200 and said["errors"] == NO_ERRORS
    assert said["requested_rate"] == 500 and 0 < said["achieved_rate"] <= 750
    assert said["closed"] == said["reopened"] == said["refused"] == 0
    assert 0 < said["latency_us"]["p50"] <= said["latency_us"]["p99"] <= said["latency_us"]["max"]


def test_a_stall_counts_for_all_that_were_due_meanwhile(load):
    """Four connections: four requests see it from their sending on, 60 from when they were due."""
    lock, counts = threading.Lock(), [0]

    def answer(_):
        with lock:
            counts[0] += 1
            if counts[0] == 100:
                time.sleep(0.3)  # the slow peer of this test
        return response()

    with Upstream(answer) as server:
        said = load(server, 200, 2, "--connections", 4)
    assert said["ok"] == 400
    assert said["latency_us"]["max"] >= 290_000
    # Of 400 the 60 that were due in the stall took from 300 ms down to nothing.
    assert said["latency_us"]["p90"] >= 80_000


def test_what_it_cannot_send_counts_too(load):
    """One connection that never answers: the first times out, the others are not sent in time."""
    with Upstream(lambda _: [Pause(3), CLOSE]) as server:
        said = load(server, 100, 0.5, "--connections", 1, "--timeout", 1)
    assert said["errors"]["timeout"] >= 1 and said["ok"] == 0
    assert said["errors"]["timeout"] + said["errors"]["unsent"] == 50
    assert said["latency_us"]["p50"] >= 900_000 and said["achieved_rate"] == 0


ANSWERS = {
    "in chunks": CHUNKED + b"5;x=y\r\nhello\r\n1F\r\n" + b"a" * 31 + b"\r\n0\r\nEnd: x\r\n\r\n",
    "no body": b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    "a large body": response(b"x" * 100_000),
    "a large head": response(fields=[(f"X-{n}", "y" * 9000) for n in range(8)]),
    "after an interim answer": b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + response(),
    "byte by byte": [Bytewise(CHUNKED + b"3\r\nabc\r\n0\r\n\r\n")],
    "in two pieces": [LENGTH_10 + b"12345", Pause(0.01), b"67890"],
}


@pytest.mark.parametrize("case", ANSWERS)
def test_answers_are_read_to_their_ends(load, case):
    with Upstream(numbered({}, ANSWERS[case])) as server:
        said = load(server, 100, 0.2, "--connections", 2)
        assert len(server.connections) == 2
    assert said["ok"] == said["requests"] == 20 and said["errors"] == NO_ERRORS


LAST = {
    "announced": response(fields=[("Connection", "close")]),
    "without a length": [b"HTTP/1.1 200 OK\r\n\r\nuntil the end", CLOSE],
    "HTTP/1.0": [b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", CLOSE],
    "not announced": [response(), CLOSE],
}


@pytest.mark.parametrize("case", LAST)
def test_closed_connections_are_opened_again(load, case):
    # The pause between two requests is long enough to see that a connection was closed.
    with Upstream(numbered({3: LAST[case], 5: LAST[case]})) as server:
        said = load(server, 20, 0.5, "--connections", 1)
        assert len(server.connections) == 3
    assert said["ok"] == 10 and said["errors"] == NO_ERRORS
    assert said["closed"] == said["reopened"] == 2


FAILURES = {
    "cut": ([LENGTH_10 + b"12345", CLOSE], [CHUNKED + b"5\r\nhello\r\n", CLOSE],
            [b"HTTP/1.1 200 OK\r\n", CLOSE], [CLOSE]),
    "reset": ([LENGTH_10 + b"12345", Pause(0.05), RESET],),
    "timeout": ([Pause(1.5), CLOSE],),
    "malformed": (b"hello\r\n\r\n", b"HTTP/1.1 20 OK\r\n\r\n", CHUNKED + b"x\r\nhello\r\n",
                  b"HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\n1",
                  LENGTH_10.replace(b"10", b"9" * 400), LENGTH_10 + b"12345678901",
                  CHUNKED + b"2\r\nhello\r\n"),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_failures_are_counted_and_not_repeated(load, kind):
    count = len(FAILURES[kind])
    special = {3 * number: steps for number, steps in enumerate(FAILURES[kind], 1)}
    due = 3 * count + (60 if kind == "timeout" else 20)
    with Upstream(numbered(special)) as server:
        said = load(server, 40, due / 40, "--connections", 2,
                    "--timeout", 0.8 if kind == "timeout" else 10)
        assert len(server.requests) == due and len(server.connections) == 2 + count
    assert said["ok"] == due - count and said["errors"] == {**NO_ERRORS, kind: count}
    assert said["reopened"] == count and said["closed"] == (count if kind in ("cut", "reset") else 0)


def test_other_statuses_are_counted_by_class(load):
    special = {2: response(status="503 No"), 3: response(status="404 No"), 4: response(status="429 No"),
               5: b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
               6: b"HTTP/1.1 204 No Content\r\n\r\n"}
    with Upstream(numbered(special)) as server:
        said = load(server, 20, 0.5, "--connections", 1)
    assert said["others"] == {"2xx": 1, "3xx": 1, "4xx": 2, "5xx": 1}
    assert said["ok"] == 5 and said["errors"] == NO_ERRORS and said["closed"] == 0


def test_paths_are_shuffled_the_same_way_and_numbered(load, tmp_path):
    paths = tmp_path / "paths"
    known = [f"/known/{number}" for number in range(24)]
    paths.write_text("\n".join([*known, "/new/#?x=1"]) + "\n", encoding="utf-8")
    orders = []
    for first in (7, 100):
        with Upstream() as server:
            load(server, 200, 0.25, "--connections", 1, "--paths", paths, "--first", first,
                 "--host", "api.example")
        orders.append([request.target for request in server.requests])
        assert {request.one("host") for request in server.requests} == {"api.example"}
    counts = collections.Counter(orders[0])
    assert counts == {**dict.fromkeys(known, 2), "/new/7?x=1": 1, "/new/8?x=1": 1}
    assert orders[1] == [{"/new/7?x=1": "/new/100?x=1", "/new/8?x=1": "/new/101?x=1"}.get(path, path)
                         for path in orders[0]]
    assert orders[0][:25] == [path.replace("/new/8", "/new/7") for path in orders[0][25:]]
    assert [path for path in orders[0][:25] if path in known] != known


@pytest.mark.parametrize("arguments", [
    [], ["--rate", "1"], ["--rate", "0", "--seconds", "1"], ["--rate", "x", "--seconds", "1"],
    ["--rate", "1", "--seconds", "1", "--connections", "0"], ["--unknown", "1"]])
def test_wrong_arguments(program, arguments):
    done = subprocess.run([program, *arguments, "http://127.0.0.1:1/"], capture_output=True,
                          check=False)
    assert done.returncode == 2 and b"usage" in done.stderr


def test_nobody_listens(program):
    done = subprocess.run([program, "--rate", "1", "--seconds", "1", "http://127.0.0.1:1/"],
                          capture_output=True, check=False)
    assert done.returncode == 1 and b"0 of 64 connections" in done.stderr


@dataclass
class Figures:
    """What ramp.py looks at."""

    requested: float
    achieved: float
    p99_us: float
    errors: int = 0


@pytest.mark.parametrize("limit", [900, 4321, 20_000, 31_000])
def test_the_ramp_finds_the_limit(limit):
    def run(rate):
        return Figures(rate, min(rate, limit), 1000)
    held, runs = ramp.highest(run, 5000)
    assert limit * 0.95 <= held <= limit / (1 - ramp.SHORTFALL_MAX)
    assert len(runs) < ramp.RUNS_MAX and any(one.requested > limit for one in runs)


def test_the_ramp_forgives_one_hiccup_of_each_rate():
    seen = []

    def run(rate):
        seen.append(rate)
        return Figures(rate, rate, 90_000 if seen.count(rate) == 1 or rate > 10_000 else 1000)
    assert 9_500 <= ramp.highest(run, 5000)[0] <= 10_000


def test_nothing_holds():
    held, runs = ramp.highest(lambda rate: Figures(rate, rate, 1000, errors=1), 5000)
    assert held is None and len(runs) >= ramp.RUNS_MAX


def test_a_rate_that_does_not_last_gives_way_to_a_lower_one():
    runs = ramp.sustained(lambda rate: Figures(rate, rate, rate), 27_000)
    assert [ramp.holds(one) for one in runs] == [False, False, True]


@pytest.mark.parametrize("figures, expected", [
    (Figures(1000, 990, 25_000), True), (Figures(1000, 989, 1), False),
    (Figures(1000, 1000, 25_001), False), (Figures(1000, 1000, 1, errors=1), False)])
def test_what_holds(figures, expected):
    assert ramp.holds(figures) == expected
