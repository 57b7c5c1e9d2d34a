"""One row: load, fault, heal, well again; then what the answers say."""
import contextlib
import time

from machine import Others
from openload import CROWDED, OpenLoad
from table import Check

BEFORE_SECONDS = 4
AFTER_SECONDS = 3
# Requests a second, and the p99 of hits, in seconds, up to which the machine is said to bear them: with room
# for what a fault costs, and at all.
RATES = (5000, 3500, 2500, 1800, 1200, 800)
EASY_SECONDS, P99_SECONDS_MAX = 0.005, 0.02


class Run:
    """What a row's `act` is given."""

    def __init__(self, row, system, program, options, below=float("inf")):
        self.row, self.system, self.program, self.options = row, system, program, options
        self.rate, self.others = 0, 0.0
        self.rates = ([options.rate] if options.rate else
                      [rate for rate in RATES if rate < below] or RATES[-1:])
        self.checks, self.remarks = [], []
        self.begun = self.healed = None
        self.answers = None
        self._later = []

    @contextlib.contextmanager
    def fault(self):
        """The stretch of time in which the fault lasts."""
        self.begun = time.monotonic()
        yield
        self.healed = time.monotonic()

    def since(self):
        """Seconds since the fault began."""
        return time.monotonic() - self.begun

    def below(self, words, value, bound, unit="", is_latency=False, digits=0):
        """A figure that has to be at most this."""
        self.checks.append(Check(words, f"{value:.{digits}f}{unit}", f"≤ {bound:g}{unit}",
                                 value <= bound, is_latency))

    def none(self, words, things):
        """Something of which there must not be any."""
        things = list(things)
        self.checks.append(Check(words, f"{len(things)}" + (f" ({things[:3]})" if things else ""),
                                 "0", not things))

    def holds(self, words, good, measured="no"):
        """Something that has to be so."""
        self.checks.append(Check(words, "yes" if good else str(measured), "yes", bool(good)))

    def remark(self, text):
        """A figure without a bound."""
        self.remarks.append(text)

    def fit(self):
        """Takes the highest of a few rates that the machine bears just now: what others do on it is no fault
        of the system."""
        pids = self.system.pids() | {self.system.demo.process.pid}
        for self.rate in self.rates:
            with Others(pids) as others, OpenLoad(self.program, self.system.front, self.rate) as load:
                time.sleep(4)
                answers = load.stop()
            self.others = others.taken
            if is_borne(answers.between(answers[0].due + 1), EASY_SECONDS):
                break

    def later(self, judge):
        """What is to be done with all answers once they are there."""
        self._later.append(judge)

    def measure(self):
        """Does all of it. `checks` is complete afterwards."""
        self.system.wait_well()
        self.fit()
        given_up = self.given_up()
        with OpenLoad(self.program, self.system.front, self.rate) as load:
            time.sleep(BEFORE_SECONDS)
            try:
                self.row.act(self)
                begun = time.monotonic()
                self.system.wait_well()
                self.remark(f"all well {time.monotonic() - begun:.1f} s after it was healed")
                time.sleep(AFTER_SECONDS)
            finally:
                self.answers = load.stop()
        self.judge()
        if (given_up := self.given_up() - given_up) > 0:
            self.remark(f"connections to Redis given up for want of an answer: {given_up:.0f}")
        for judge in self._later:
            judge(self.answers)

    def given_up(self):
        """Connections to Redis that answered too late; a fault of Redis', or of the busy machine."""
        return self.system.sum("redis_reconnects_total", reason="timeout")

    def judge(self):
        """What goes for every row: errors, and how long answers took."""
        row, answers = self.row, self.answers
        before = answers.between(self.begun - BEFORE_SECONDS + 1, self.begun)
        during = answers.between(self.begun)
        failures = answers.failures(row.allowed)
        most = row.failed_percent_max
        self.checks.insert(0, Check(
            f"failed of {len(answers)} requests", str(len(failures))
            + (f" ({failures.words()})" if failures else ""), f"≤ {most:g} %" if most else "0",
            len(failures) * 100 <= most * len(answers)))
        quiet = before.of(False).p99()
        first = answers.between(self.begun, self.begun + 1).of(False).p99()
        then = answers.between(self.begun + 1, max(self.healed, self.begun + 3)).of(False).p99()
        for words, value, bound in (
                ("added p99 of hits, first second", (first - quiet) * 1e3, row.first_ms),
                ("added p99 of hits, then", (then - quiet) * 1e3, row.then_ms),
                ("longest", during.longest() * 1e3, row.longest_ms)):
            if bound is None:
                self.remark(f"{words} {value:.1f} ms")
            else:
                self.below(words, value, bound, " ms", is_latency=True, digits=1)
        self.remark(f"p99 of hits before {quiet * 1e3:.1f} ms")
        if repeated := sum(one.is_repeated for one in answers):
            self.remark(f"{repeated} asked again on a new connection")

    def doubt(self):
        """Why what was missed may be the busy machine's; or nothing."""
        if all(check.good for check in self.checks) or not (self.answers and self.begun):
            return ""
        if not is_borne(self.answers.between(self.begun - BEFORE_SECONDS + 1, self.begun)):
            return "the machine did not bear the load even before the fault"
        if any(one.status == CROWDED for one in self.answers):
            return "the load was short of connections"
        if all(check.good or check.is_latency for check in self.checks):
            return "latencies alone were missed"
        return ""


def is_borne(answers, seconds=P99_SECONDS_MAX):
    """Whether nothing failed and hits were prompt."""
    return not answers.failures() and answers.of(False).p99() < seconds
