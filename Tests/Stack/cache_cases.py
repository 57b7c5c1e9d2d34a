"""How a case of the cache's conformance tables is written.

A case is a list of steps on a path of its own. Each step is one request; its `Answer` is what the
origin says should it be asked; `fetches` is how often it must be asked. PAUSE between two steps is
a wait of 2.2 s, which all cases share: whatever lives for one second is stale after it.
"""
import email.utils
import time
from dataclasses import dataclass, field

PAUSE = "pause"
PAUSE_SECONDS = 2.2
CASES = []


@dataclass(frozen=True)
class At:
    """A date that many seconds from the moment in which it is sent."""

    seconds: float = 0

    def __str__(self):
        return email.utils.formatdate(time.time() + self.seconds, usegmt=True)


@dataclass
class Answer:
    """What the origin says: a response with these fields, or the exact `steps`.

    `unchanged` are the fields of a 304 that answers a conditional request in its place.
    """

    status: int = 200
    fields: tuple = ()
    body: bytes | None = None
    dated: bool = True
    unchanged: tuple | None = None
    steps: list | None = None

    def render(self, request, body):
        """The bytes for this request; `body` is the step's own, unless the answer has one."""
        conditional = request.all("If-None-Match") or request.all("If-Modified-Since")
        if self.steps is not None:
            return self.steps
        if self.unchanged is not None and conditional:
            return _head(304, self.unchanged, self.dated)
        body = b"" if self.status in (204, 304) else body if self.body is None else self.body
        length = () if self.status in (204, 304) else (("Content-Length", len(body)),)
        head = _head(self.status, (*self.fields, *length), self.dated)
        return head if request.method == "HEAD" else head + body


def _head(status, fields, dated):
    lines = [f"HTTP/1.1 {status} Reason", *([f"Date: {At()}"] if dated else [])]
    lines += [f"{name}: {value}" for name, value in fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


@dataclass
class Step:
    """One request and what it must come to; None means that it is not looked at.

    `of` is the step whose body is seen, `text` an exact body, `cache` the words allowed as result
    (`hit`, or a `fwd` word), `sent` what the origin must be told (None: that field must be absent).
    `eventually`: what a refresh in the background brings is asked for until it is there.
    """

    origin: Answer = field(default_factory=Answer)
    fetches: int | None = 0
    method: str = "GET"
    path: str = ""
    req: tuple = ()
    host: str = "test.example"
    payload: bytes = b""
    status: int | tuple = 200
    of: int | None = None
    text: bytes | None = None
    has: dict = field(default_factory=dict)
    lacks: tuple = ()
    sent: dict = field(default_factory=dict)
    age: tuple | None = None
    ttl: tuple | None = None
    cache: tuple | None = None
    stored: bool | None = None
    interim: tuple | None = None
    framing: str | None = None
    size_max: int | None = None
    eventually: bool = False


@dataclass
class Case:
    """A named list of steps and the section that asks for it.

    `choice` is what was chosen, and why, where the RFC leaves it open.
    """

    name: str
    section: str
    steps: list
    choice: str = ""

    def phases(self):
        """The steps with their numbers, split at the pauses."""
        phases, number = [[]], 0
        for step in self.steps:
            if step == PAUSE:
                phases.append([])
            else:
                phases[-1].append((number, step))
                number += 1
        return phases


def case(name, section, *steps, choice=""):
    """Adds a case."""
    CASES.append(Case(name, section, list(steps), choice))


def _fields(cc, fields):
    return (*((("Cache-Control", cc),) if cc is not None else ()), *fields)


def miss(cc=None, *fields, status=200, seen=None, body=None, dated=True, steps=None,
         unchanged=None, **more):
    """A step that the origin answers, with this Cache-Control and these fields.

    The client sees the same status unless `seen` names another (or several).
    """
    answer = Answer(status, _fields(cc, fields), body, dated, unchanged, steps)
    fetches, cache = more.pop("fetches", 1), more.pop("cache", None)
    return Step(answer, status=seen or status, fetches=fetches, cache=cache, **more)


def hit(of=0, **more):
    """A step that the cache answers alone, with the body of step `of`. The origin would say no."""
    origin = Answer(404, (("Cache-Control", "no-store"),), b"the origin was asked")
    if "text" in more:
        of = None
    return Step(origin, fetches=0, of=of, cache=more.pop("cache", ("hit",)), **more)


def validated(of=0, cc="max-age=3600", *fields, **more):
    """A step that the cache answers with the body of step `of` after a 304 with these fields."""
    origin = Answer(500, body=b"not conditional", unchanged=_fields(cc, fields))
    if "text" in more:
        of = None
    return Step(origin, fetches=1, of=of, cache=more.pop("cache", ("stale",)), **more)


def unsafe(method, *fields, status=200, path="", **more):
    """A step with a method that may change the resource."""
    origin = Answer(status, (("Cache-Control", "no-store"), *fields))
    return Step(origin, fetches=1, method=method, path=path, payload=b"change", status=status,
                **more)


def reused(name, section, *fields, later=False, choice="", status=200, dated=True, **more):
    """A case: a 200 with these fields is stored and reused; `later`: also after a pause."""
    first = miss(None, *fields, status=status, dated=dated, stored=True)
    case(name, section, first, *([PAUSE] if later else []), hit(status=status, **more),
         choice=choice)


def refetched(name, section, *fields, later=False, choice="", status=200, dated=True, **more):
    """A case: what has these fields is not reused without asking; `later`: not after a pause."""
    first = miss(None, *fields, status=status, dated=dated)
    again = miss("no-store", **more)
    case(name, section, first, *([PAUSE] if later else []), again, choice=choice)
