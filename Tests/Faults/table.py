"""The rows of the fault matrix as data: what is done, how it is measured, what it has to be."""
import dataclasses
import typing

# In the order of their numbers; a number may have several.
ROWS = []


@dataclasses.dataclass
class Check:
    """One figure beside its bound; `bound` is in words where the figure is no number."""

    words: str
    measured: str
    bound: str
    good: bool
    is_latency: bool = False


@dataclasses.dataclass(frozen=True)
class Row:
    """One fault under load. `act(run)` makes and heals it; what goes for every row is checked by the runner.

    `first_ms`, `then_ms`: how much p99 of hits may grow in the first second and after it; `longest_ms`: the
    longest time to any answer from the fault on. None: it is told and has no bound. `allowed`: statuses
    that are the right answer to a miss. `failed_percent_max`: of all requests, may fail otherwise.
    """

    number: int
    fault: str
    act: typing.Callable
    first_ms: float | None = None
    then_ms: float | None = None
    longest_ms: float | None = None
    allowed: frozenset = frozenset()
    failed_percent_max: float = 0


@dataclasses.dataclass(frozen=True)
class Delegated:
    """A row that tests of their own prove: arguments of pytest, or of `swift test --filter`."""

    number: int
    fault: str
    proves: str
    pytest: tuple = ()
    swift: str = ""


@dataclasses.dataclass(frozen=True)
class Absent:
    """A row that is not run, and why."""

    number: int
    fault: str
    why: str


def add(row):
    """Enters a row."""
    ROWS.append(row)
    ROWS.sort(key=lambda one: one.number)


def row(number, fault, **bounds):
    """Declares a row that is run under load here."""
    def declare(act):
        add(Row(number, fault, act, **bounds))
        return act
    return declare
