"""Purges while things fail, and who serves afterwards what was purged."""
import itertools
import json
import threading
import time
import urllib.parse

import client

# A copy that was made before its purge is older than that by this much.
OLD_SECONDS = 3
SERVED_SECONDS = 2
_ids = itertools.count(int(time.time()) * 1000)


class Purges:
    """While the block runs, purges an item of its own every `every` seconds at one instance after the other, and
    looks 2 s after each acknowledgement what every instance serves. An answer whose Age says that it was made
    before the purge is stale."""

    def __init__(self, system, count, every=0.25):
        self.system, self.every = system, every
        self.targets = [f"/categories/MLA{next(_ids)}" for _ in range(count)]
        self.done, self.pending, self.stale, self.problems = [], [], [], []
        self.over = threading.Event()
        for target in self.targets:
            for number in system.numbers:
                assert system.direct(number, target).status == 200
        time.sleep(OLD_SECONDS)
        self.threads = [threading.Thread(target=self._purge), threading.Thread(target=self._look)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def _purge(self):
        for turn, target in enumerate(self.targets):
            if self.over.wait(self.every):
                return
            number = self.system.numbers[turn % len(self.system.numbers)]
            try:
                key = urllib.parse.quote(target, safe="")
                answer = self.system.admin(number, "POST", f"/api/v1/purge?key={key}")
                is_done = json.loads(answer.body)["shared"] == "done"
                (self.done if is_done else self.pending).append((time.monotonic(), target))
            except (OSError, ValueError, KeyError, client.wire.BrokenMessage) as problem:
                self.problems.append(repr(problem))

    def _look(self):
        looked = 0
        while looked < len(self.done) or not self.over.is_set():
            if looked == len(self.done):
                time.sleep(0.02)
                continue
            at, target = self.done[looked]
            time.sleep(max(0.0, at + SERVED_SECONDS - time.monotonic()))
            self._check(at, target)
            looked += 1

    def _check(self, at, target):
        for number in self.system.numbers:
            try:
                answer = self.system.direct(number, target)
            except (OSError, client.wire.BrokenMessage) as problem:
                self.problems.append(repr(problem))
                continue
            age, since = int(answer.one("age") or 0), time.monotonic() - at
            if answer.status != 200:
                self.problems.append(answer.status)
            elif age > since + 1.5:
                self.stale.append(f"{target} at {number}: {age} s old, {since:.1f} s after its purge")

    def check_all(self):
        """Looks at all of them once more, those that were pending too: all is well again."""
        for at, target in [*self.done, *self.pending]:
            self._check(at, target)

    def judge(self, run):
        """The figures of a row."""
        self.check_all()
        run.none(f"stale 2 s after an acknowledged purge ({len(self.done)} of them; "
                 f"{len(self.pending)} pending, looked at in the end)", self.stale)
        run.none("purges or looks that failed", self.problems)
