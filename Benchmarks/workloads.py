"""What is asked for: one path or many, over http or https, passed through or cached."""
import itertools
import pathlib
import random
from dataclasses import dataclass

from origin import KEYS
from peers import BARE, CACHES, PROXIES

SCRIPTS = pathlib.Path(__file__).parent / "wrk"
# Longer than any measurement asks, so that none of it repeats what the caches of the core hold.
DRAWS = 400_000


@dataclass(frozen=True)
class Workload:
    """What wrk asks for, of which origin, on how many connections."""

    name: str
    title: str
    path: str
    connections: int
    scheme: str = "http"
    caches: bool = False
    zipf: bool = False

    @property
    def proxies(self):
        """Who takes part."""
        return CACHES if self.caches else PROXIES

    def verified(self, name):
        """The paths whose answers are compared with the origin's."""
        if self.zipf and name != BARE:
            return [f"/c/key/{key}" for key in (0, 1, KEYS // 2, KEYS - 1)]
        return [self.path]


def _pass_through():
    for scheme, (size, connections) in itertools.product(
            ("http", "https"), (("1k", 64), ("1k", 512), ("100k", 64))):
        yield Workload(
            f"{scheme}-{size}-{connections}",
            f"{_words(size)} bodies, {scheme} to the origin, {connections} connections",
            f"/{size}", connections, scheme)


def _hits():
    for size, connections in (("1k", 64), ("1k", 512), ("100k", 64)):
        yield Workload(f"hit-{size}-{connections}",
                       f"One cached answer of {_words(size)}, {connections} connections",
                       f"/c/{size}", connections, caches=True)
    yield Workload("hit-zipf-64", f"{KEYS:,} cached answers of 1 KB asked for by Zipf's law"
                   " (exponent 1), 64 connections", "/c/key/0", 64, caches=True, zipf=True)


def _words(size):
    return size.replace("k", " KB")


WORKLOADS = [*_pass_through(), *_hits()]


def write_draws(path):
    """Writes the keys to ask for, one a line: the same ones in every run, popular by chance."""
    chance = random.Random(1)
    keys = list(range(KEYS))
    chance.shuffle(keys)
    shares = list(itertools.accumulate(1 / rank for rank in range(1, KEYS + 1)))
    draws = chance.choices(keys, cum_weights=shares, k=DRAWS)
    pathlib.Path(path).write_text("".join(f"{key}\n" for key in draws), encoding="ascii")
