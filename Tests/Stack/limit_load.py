"""Instances that share limits by one Redis, requests to them at a pace, and what the answers say for certain."""
import threading
import time

import pytest

import client as clients
import harness
from limit_support import settings, statuses

WARM = {"name": "warm", "when": {"path": "/warm"}, "rate": "1000000/1s"}


@pytest.fixture
def instances(start, upstream, redis):
    """A function that starts instances with these rules, which have asked `redis` for the first time."""
    def begin(*rules, count=3, timeout="2s", workers=1, cache="off", **redis_settings):
        made = []
        for _ in range(count):
            wanted = settings(upstream, [*rules, WARM])
            wanted["redis"] = {"address": f"127.0.0.1:{redis.port}", "command_timeout": timeout,
                               "breaker": {"failures": 1000}, **redis_settings}
            wanted["cache"] = {"memory": "64MiB", "redis": {"enabled": cache == "on"}}
            made.append(start(settings=wanted, workers=workers))
        for proxy in made:
            warm(proxy)
            # Every one knows of the others, or will when it needs to.
            assert proxy.fetch("GET", "/c/x").status in (200, 429)
        return made
    return begin


def warm(proxy):
    """Waits until the instance has a lease from Redis, on every worker that takes connections."""
    def has_lease():
        statuses(proxy, "/warm", 5)
        return proxy.metric("rate_limit_lease_total", outcome="granted") > 0
    harness.wait_until(has_lease, "a lease", every=0.05)


def redis_calls(redis):
    """Calls of functions and scripts so far."""
    with redis.connect() as connection:
        rows = connection("INFO", "commandstats").decode().splitlines()
    return sum(int(row.split("calls=")[1].split(",")[0]) for row in rows
               if row.startswith(("cmdstat_fcall:", "cmdstat_evalsha:", "cmdstat_eval:")))


class Flow:
    """Requests at a pace on one connection; what was answered, and when."""

    def __init__(self, port, target, per_second, fields=(), source=None):
        self.target, self.per_second = target, per_second
        # A few in one segment, so that there are at most a hundred segments a second.
        self.several = max(1, round(per_second / 100))
        self.head = clients.head("GET", target, fields) * self.several
        self.connection = clients.Client(port, timeout=30, source=source)
        # (sent, answered, status)
        self.answers = []

    def run(self, begin, seconds):
        """Sends what is due from `begin` on."""
        due = begin
        with self.connection:
            while due < begin + seconds:
                time.sleep(max(0, due - time.monotonic()))
                sent = time.monotonic()
                self.connection.send(self.head)
                for _ in range(self.several):
                    status = self.connection.response().status
                    self.answers.append((sent, time.monotonic(), status))
                due += self.several / self.per_second

    def allowed(self):
        """When requests that were let through were sent, and answered."""
        return allowed(self.answers)


class Flows:
    """Several of them at once."""

    def __init__(self, flows, seconds):
        self.flows = flows
        self.begin = time.monotonic() + 0.05
        self.threads = [threading.Thread(target=flow.run, args=(self.begin, seconds)) for flow in flows]
        for thread in self.threads:
            thread.start()

    def join(self):
        """Waits for the end."""
        for thread in self.threads:
            thread.join()
        return self

    @property
    def answers(self):
        """(sent, answered, status) of all, in the order of `sent`."""
        return sorted(answer for flow in self.flows for answer in flow.answers)

    def allowed(self):
        """When requests that were let through were sent, and answered."""
        return allowed(self.answers)

    def count(self, status):
        """Answers with a status."""
        return sum(1 for answer in self.answers if answer[2] == status)


class Load(Flows):
    """The same target at several instances, on as many connections to each."""

    def __init__(self, proxies, target, per_second, seconds, who=None, connections=1):
        fields = [("X-Forwarded-For", who)] if who else []
        each = per_second / len(proxies) / connections
        super().__init__([Flow(proxy.port, target, each, fields) for proxy in proxies * connections], seconds)


def allowed(answers):
    """(sent, answered) of those answers that are 200."""
    return sorted((sent, got) for sent, got, status in answers if status == 200)


def most_within(events, period):
    """The most that were let through within a period for certain: sent after its begin, answered before its end."""
    answered = sorted(got for _, got in events)
    most, low = 0, 0
    for index, (begin, _) in enumerate(events):
        while low < len(answered) and answered[low] < begin + period:
            low += 1
        # Answered before the end, less those that were sent before the begin.
        most = max(most, low - index)
    return most


def p99(answers):
    """What 99 of 100 answers took at most, in milliseconds."""
    times = sorted(got - sent for sent, got, _ in answers)
    assert len(times) >= 100, f"{len(times)} answers"
    return times[len(times) * 99 // 100] * 1000
