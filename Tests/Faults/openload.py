"""The open load as a process, and what its records say about a stretch of time."""
import dataclasses
import itertools
import pathlib
import struct
import subprocess
import time

SOURCE = pathlib.Path(__file__).with_name("load.c")
RECORD = struct.Struct("<QIhBB")
CROWDED = -3
WORDS = {0: "refused", -1: "broken off", -2: "no answer in 25 s", CROWDED: "no connection left"}
# New items of each load are its own.
_first = itertools.count(int(time.time()) * 10_000, 10_000_000)


@dataclasses.dataclass(frozen=True)
class Answer:
    """One request. Times in seconds; `status` is HTTP's, or a key of WORDS."""

    due: float
    took: float
    status: int
    is_miss: bool
    is_repeated: bool


class Answers(list):
    """Answers in the order in which they were due."""

    def between(self, begin, end=float("inf")):
        """Those that were due in this stretch of time."""
        return Answers(one for one in self if begin <= one.due < end)

    def of(self, is_miss):
        """Hits or misses alone."""
        return Answers(one for one in self if one.is_miss == is_miss)

    def failures(self, allowed=frozenset()):
        """All but 200; `allowed` are statuses that misses may have."""
        return Answers(one for one in self
                       if one.status != 200 and not (one.is_miss and one.status in allowed))

    def p99(self):
        """Seconds; 0 of nothing."""
        taken = sorted(one.took for one in self)
        return taken[len(taken) * 99 // 100] if taken else 0.0

    def longest(self):
        """Seconds; 0 of nothing."""
        return max((one.took for one in self), default=0.0)

    def words(self):
        """`3 x 503, 1 x refused`."""
        counts = {}
        for one in self:
            word = WORDS.get(one.status, str(one.status)) + (" to a miss" if one.is_miss else "")
            counts[word] = counts.get(word, 0) + 1
        return ", ".join(f"{count} x {word}" for word, count in sorted(counts.items()))


def build(directory):
    """Compiles the load; the path of the program."""
    program = pathlib.Path(directory) / "load"
    subprocess.run(["cc", "-O2", "-o", program, SOURCE], check=True)
    return program


class OpenLoad:
    """Runs from the constructor to `stop()`."""

    def __init__(self, program, port, rate, connections=1500, keys=1000, misses=100):
        self.file = program.with_name(f"answers-{next(_first)}")
        self.process = subprocess.Popen(
            [program, *map(str, (port, rate, connections, keys, misses, next(_first), self.file))],
            stdin=subprocess.DEVNULL)

    def stop(self):
        """What came of every request."""
        self.process.terminate()
        assert self.process.wait(40) == 0, "the load failed"
        data = self.file.read_bytes()
        self.file.unlink()
        return Answers(sorted(
            (Answer(due / 1e6, took / 1e6, status, bool(is_miss), bool(is_repeated))
             for due, took, status, is_miss, is_repeated in RECORD.iter_unpack(data)),
            key=lambda one: one.due))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.file.unlink(missing_ok=True)
