"""Plays the cases of `cache_cases` against a cache: all up to their first pause, then all go on.

Against another cache, as a check of the table itself (Cache-Status is then not looked at):
`python cache_runner.py --target 127.0.0.1:6081 --origin-port 8090 [--only WORD]`.
"""
import argparse
import dataclasses
import time

import cache_cases
import cache_status
import client as clients
import harness
import upstream as upstreams
import wire


class Run:
    """One play of the cases against the port of a cache whose origin is `upstream`."""

    def __init__(self, port, upstream, cases, is_ours=True):
        self.port, self.upstream, self.is_ours = port, upstream, is_ours
        self.cases = {case.name: case for case in cases}
        self.current, self.asked, self.problems = {}, {}, {case.name: [] for case in cases}
        self.bodies, self.begun = {}, {}
        upstream.answer = self.answer

    def answer(self, request):
        """The origin: what the case's present step says."""
        name = request.target.split("?")[0].split("/")[1]
        if name not in self.current:
            return upstreams.response(status="404 Not Found")
        number, step = self.current[name]
        self.asked.setdefault(name, []).append(request)
        return step.origin.render(request, self.body(name, number, step))

    @staticmethod
    def body(name, number, step):
        """The body of the origin's answer in a step: unlike that of any other."""
        return f"{name}, step {number}".encode() if step.origin.body is None else step.origin.body

    def play(self):
        """All cases, phase by phase."""
        phases = {case.name: case.phases() for case in self.cases.values()}
        for phase in range(max(map(len, phases.values()), default=0)):
            if phase:
                time.sleep(cache_cases.PAUSE_SECONDS)
            for name, parts in phases.items():
                begun = self.begun.setdefault(name, time.time())
                late = int(time.time() - begun - phase * cache_cases.PAUSE_SECONDS)
                for number, step in parts[phase] if phase < len(parts) else ():
                    self.step(name, number, later(step, late))
        for name, case in self.cases.items():
            self.check_total(name, case)

    def step(self, name, number, step):
        """One request; whatever is wrong goes to `problems`."""
        self.current[name] = (number, step)
        deadline = time.monotonic() + 1
        problems = list(self.attempt(name, number, step))
        while problems and step.eventually and time.monotonic() < deadline:
            problems = list(self.attempt(name, number, step))
        self.problems[name] += [f"step {number}: {problem}" for problem in problems]

    def attempt(self, name, number, step):
        """What is wrong with one request of a step."""
        before = len(self.asked.get(name, ()))
        try:
            seen = clients.fetch(self.port, step.method, f"/{name}{step.path}",
                                 [(k, str(v)) for k, v in step.req], step.payload, step.host,
                                 timeout=3)
        except (wire.BrokenMessage, OSError) as error:
            yield f"{type(error).__name__}: {error}"
            return
        asked = self.wait_asked(name, before, step.fetches)
        bodies = self.bodies.setdefault(name, {})
        bodies[number] = self.body(name, number, step)
        yield from check(step, seen, asked, bodies.get(step.of), self.is_ours)

    def wait_asked(self, name, before, count):
        """The origin's requests of this step; those in the background get a second to come."""
        deadline = time.monotonic() + (1 if self.is_ours else 0.05)
        while True:
            asked = self.asked.get(name, [])[before:]
            if count is None or len(asked) >= count or time.monotonic() > deadline:
                return asked
            time.sleep(0.005)

    def check_total(self, name, case):
        """Requests that came after their step had ended are seen here."""
        counts = [step.fetches for step in case.steps if step != cache_cases.PAUSE]
        asked = len(self.asked.get(name, ()))
        if None not in counts and asked != sum(counts) and not self.problems[name]:
            self.problems[name].append(f"{asked} requests at the origin, {sum(counts)} expected")


def later(step, late):
    """The step with its ranges of Age and ttl for a run that other cases made late."""
    age = step.age and (step.age[0], step.age[1] + late)
    ttl = step.ttl and (step.ttl[0] - late, step.ttl[1])
    return dataclasses.replace(step, age=age, ttl=ttl)


def check(step, seen, asked, body, is_ours):
    """What is wrong with an answer, as texts."""
    statuses = step.status if isinstance(step.status, tuple) else (step.status,)
    if seen.status not in statuses:
        yield f"status {seen.status}, expected {step.status}; {seen.fields}"
    if step.fetches is not None and len(asked) != step.fetches:
        yield f"{len(asked)} requests at the origin, expected {step.fetches}; {seen.fields}"
    expected = step.text if step.text is not None else body
    if expected is not None and step.method != "HEAD" and seen.status not in (204, 304) \
            and seen.body != expected:
        yield f"body {seen.body[:200]!r}, expected {expected[:200]!r}"
    if step.size_max is not None and len(seen.body) > step.size_max:
        yield f"{len(seen.body)} bytes"
    yield from check_fields(step, seen, asked)
    if is_ours:
        yield from check_status(step, seen)


def check_fields(step, seen, asked):
    """Fields of the answer and of what the origin was asked."""
    for name, value in step.has.items():
        values = seen.all(name)
        wanted = value if isinstance(value, list) else [value]
        if value is None and len(values) != 1 or value is not None and values != wanted:
            yield f"{name}: {values}, expected {'one' if value is None else wanted}"
    for name in step.lacks:
        if seen.all(name):
            yield f"{name}: {seen.all(name)}, expected none"
    for name, value in step.sent.items() if asked else ():
        values = asked[0].all(name)
        if values != ([] if value is None else value if isinstance(value, list) else [value]):
            yield f"the origin was sent {name}: {values}, expected {value}"
    if step.interim is not None and tuple(r.status for r in seen.interim) != step.interim:
        yield f"interim {[r.status for r in seen.interim]}, expected {step.interim}"
    if step.framing and seen.framing != step.framing:
        yield f"framing {seen.framing}, expected {step.framing}"
    ages = seen.all("Age")
    is_number = len(ages) == 1 and ages[0].isdigit()
    if step.age and not (is_number and step.age[0] <= int(ages[0]) <= step.age[1]):
        yield f"Age {ages}, expected {step.age}"


def check_status(step, seen):
    """Cache-Status, and the one Age of every answer from the cache."""
    try:
        status = cache_status.parse(seen)
    except (AssertionError, ValueError) as error:
        yield f"Cache-Status: {error}"
        return
    if step.cache and status.word not in step.cache:
        yield f"result {status.word}, expected one of {step.cache}"
    if step.stored is not None and status.stored != step.stored:
        yield f"stored is {status.stored}: {seen.all('Cache-Status')}"
    if step.ttl and not (status.ttl is not None and step.ttl[0] <= status.ttl <= step.ttl[1]):
        yield f"ttl {status.ttl}, expected {step.ttl}"
    if status.word == "hit" and (len(seen.all("Age")) != 1 or not seen.all("Age")[0].isdigit()):
        yield f"Age {seen.all('Age')} in an answer from the cache"


def main():
    """Prints what another cache does with the cases."""
    import cache_tables
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--target", required=True, help="HOST:PORT of the cache, on loopback")
    parser.add_argument("--origin-port", type=int, required=True, help="where its origin is")
    parser.add_argument("--only", default="", help="a part of the names")
    options = parser.parse_args()
    cases = [case for case in cache_tables.CASES if options.only in case.name]
    with upstreams.Upstream(port=options.origin_port) as upstream:
        run = Run(int(options.target.rpartition(":")[2]), upstream, cases, is_ours=False)
        harness.wait_until(lambda: not _refused(run.port), "the cache answers")
        run.play()
    failed = {name: texts for name, texts in run.problems.items() if texts}
    for name, texts in failed.items():
        mark = " (a choice)" if run.cases[name].choice else ""
        print(f"{name}{mark}", *texts, sep="\n    ")
    print(f"{len(cases) - len(failed)} passed, {len(failed)} failed")


def _refused(port):
    try:
        clients.fetch(port, "GET", "/")
    except OSError:
        return True
    return False


if __name__ == "__main__":
    main()
