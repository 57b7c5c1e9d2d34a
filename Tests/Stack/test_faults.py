"""The fault matrix's own parts: the open load counts what was answered, and the table is whole. The faults
themselves: `make faults`."""
import collections
import subprocess
import sys
import threading
import time
import types

import pytest

import harness
import upstream as upstreams

sys.path.append(str(harness.REPOSITORY / "Tests/Faults"))
import machine  # noqa: E402
import openload  # noqa: E402
import report  # noqa: E402
import rows  # noqa: E402, F401
from run import Run  # noqa: E402
from table import ROWS, Absent, Check, Delegated, Row  # noqa: E402

SECONDS, RATE = 2, 300


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The load, compiled."""
    return openload.build(tmp_path_factory.mktemp("load"))


class Script:
    """An upstream's answers in turn: most are good, some are errors, some are a reset or none at all."""

    def __init__(self):
        self.turn, self.given = 0, collections.Counter()
        self.lock = threading.Lock()

    def __call__(self, request):
        with self.lock:
            self.turn += 1
            kind = {0: "reset", 7: "error", 11: "last", 17: "short"}.get(self.turn % 23, "good")
            self.given[kind] += 1
        if kind == "error":
            return upstreams.response(status="503 Busy")
        if kind == "last":
            return [upstreams.response(fields=[("Connection", "close")]), "close"]
        if kind == "short":
            return [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "close"]
        return [upstreams.RESET] if kind == "reset" else upstreams.response()


def test_the_load_counts_what_was_answered(program):
    script = Script()
    with upstreams.Upstream(script) as upstream:
        with openload.OpenLoad(program, upstream.port, RATE) as load:
            time.sleep(SECONDS)
            answers = load.stop()
    statuses = collections.Counter(one.status for one in answers)
    repeated = sum(one.is_repeated for one in answers)
    assert statuses[503] == script.given["error"]
    assert statuses[200] == script.given["good"] + script.given["last"]
    # A reset before any answer on a kept connection is asked again; on a new one it is a failure.
    assert statuses[-1] - script.given["short"] + repeated == script.given["reset"] > repeated > 0
    assert set(statuses) == {200, 503, -1} and not upstream.errors
    assert len(answers) == script.turn - repeated > RATE * SECONDS / 2
    assert 0.05 < len(answers.of(True)) / len(answers) < 0.15
    assert len({request.target for request in upstream.requests}) > len(answers) / 2
    assert len(answers.failures()) == statuses[503] + statuses[-1]


def test_time_counts_from_when_a_request_was_due(program):
    """An upstream that stops for a while: also those that were due meanwhile are late."""
    pause = threading.Event()

    def answer(request):
        if pause.is_set():
            time.sleep(0.5)
        return upstreams.response()

    with upstreams.Upstream(answer) as upstream, \
            openload.OpenLoad(program, upstream.port, RATE, connections=32) as load:
        time.sleep(0.5)
        pause.set()
        begun = time.monotonic()
        time.sleep(0.5)
        pause.clear()
        time.sleep(0.5)
        answers = load.stop()
    late = answers.between(begun + 0.05, begun + 0.4)
    waited = sum(one.took > 0.1 or one.status == openload.CROWDED for one in late)
    assert len(late) > RATE * 0.3 and waited > len(late) / 2


def test_nobody_listens(program):
    with openload.OpenLoad(program, harness.free_port(), RATE) as load:
        time.sleep(0.5)
        answers = load.stop()
    assert {one.status for one in answers} == {0}
    assert answers.words().startswith(f"{len(answers.of(False))} x refused")


def test_every_number_of_the_matrix_has_a_row():
    assert {row.number for row in ROWS} == set(range(1, 33))
    for row in ROWS:
        if isinstance(row, Delegated):
            assert bool(row.pytest) != bool(row.swift)
            for target in row.pytest:
                file, _, name = target.partition("::")
                text = (harness.REPOSITORY / file).read_text()
                assert f"def {name}" in text, target


def judged(*odd, **bounds):
    """A run of a row with these bounds: 1,000 prompt answers, a fault at second 5, and the odd ones: (due, seconds,
    status, is a miss)."""
    run = Run(Row(1, "a fault", None, **bounds), None, None, types.SimpleNamespace(rate=100))
    run.begun, run.healed = 5, 7
    usual = [(n / 100, 0.001, 200, False) for n in range(1000)]
    run.answers = openload.Answers(openload.Answer(*one, False) for one in sorted((*usual, *odd)))
    run.judge()
    return run


def goods(run):
    """{figure: whether it is within its bound}"""
    return {check.words: check.good for check in run.checks}


@pytest.mark.parametrize("status, is_miss, bounds, good", [
    (200, False, {}, True),
    (503, False, {}, False),
    (503, True, {}, False),
    (503, True, {"allowed": {503}}, True),
    (503, False, {"allowed": {503}}, False),
    (500, True, {"allowed": {503}}, False),
    (-1, True, {"allowed": {503}}, False),
    (-1, False, {"failed_percent_max": 0.05}, False),
    (-1, False, {"failed_percent_max": 0.1}, True),
])
def test_what_counts_as_failed(status, is_miss, bounds, good):
    assert goods(judged((5.5, 0.001, status, is_miss), **bounds)) == {"failed of 1001 requests": good}


@pytest.mark.parametrize("bound, words, due, late", [
    ("longest_ms", "longest", 4.999, False),
    ("longest_ms", "longest", 5.0, True),
    ("longest_ms", "longest", 9.5, True),
    ("first_ms", "added p99 of hits, first second", 5.999, True),
    ("first_ms", "added p99 of hits, first second", 6.0, False),
    ("then_ms", "added p99 of hits, then", 5.999, False),
    ("then_ms", "added p99 of hits, then", 6.0, True),
    ("then_ms", "added p99 of hits, then", 8.0, False),
])
def test_when_an_answer_is_late(bound, words, due, late):
    odd = [(due, 0.2, 200, False)] * 3
    assert goods(judged(*odd, **{bound: 100})) == {"failed of 1003 requests": True, words: not late}


@pytest.mark.parametrize("odd, doubt", [
    ([], ""),
    ([(5.5, 0.001, 503, False)], ""),
    ([(5.5, 0.2, 200, False)], "latencies alone were missed"),
    ([(5.5, 0.2, 200, False), (5.5, 0.001, 503, False)], ""),
    ([(5.5, 0.001, 503, False), (5.6, 0, openload.CROWDED, True)], "the load was short of connections"),
    ([(4.5, 0.001, 503, False)], "the machine did not bear the load even before the fault"),
    ([(4.5, 0.05, 200, False)] * 9 + [(5.5, 0.2, 200, False)],
     "the machine did not bear the load even before the fault"),
])
def test_what_is_measured_again(odd, doubt):
    """Never what failed from the fault on, unless the load itself was at its end."""
    assert judged(*odd, longest_ms=100).doubt() == doubt


def test_what_others_take_of_the_machine():
    """Our own work is not theirs."""
    spinning = subprocess.Popen(["sh", "-c", "while :; do :; done"])
    try:
        with machine.Others([]) as others, machine.Others([spinning.pid]) as without:
            harness.wait_until(lambda: machine.busy_seconds(spinning.pid) > 0.5, "half a second's work", 30)
        assert others.taken > without.taken
    finally:
        spinning.kill()
        spinning.wait()


@pytest.mark.parametrize("good, mark, cell", [(True, "✓", "errors: 0 (0)"), (False, "✗", "errors: **0** (0)")])
def test_a_figure_out_of_bounds_is_seen(good, mark, cell):
    row = next(one for one in ROWS if not isinstance(one, (Absent, Delegated)))
    line = report.line(row, [Check("errors", "0", "0", good)], ["a | b"], "today")
    assert line.startswith(report.start(row)) and line.endswith(f"| {cell} | {mark} | a \\| b | today |")


def test_a_run_of_some_rows_leaves_the_others_as_they_were():
    first, second, third = ROWS[:3]
    lines = [report.line(row, [], [], "yesterday") for row in (first, second)]
    before = report.page(ROWS[:3], lines, "")
    after = report.page(ROWS[:3], [report.line(second, [], [], "today")], before)
    assert [line.rsplit("|", 2)[1].strip() for line in after.splitlines()[-3:]] == ["yesterday", "today", ""]
    assert after.splitlines()[-1] == f"{report.start(third)} not run | | | |"
