"""What the suites about failovers share: load that must not fail, and when sharing is back."""
import threading
import time

import harness
from redis_cluster import now

# Far above what it takes (about a second at 500 ms of down-after): the machine may be busy.
FAILOVER_SECONDS = 20


class Load:
    """Clients that ask all instances for ever new and for old targets, at most so many requests a second;
    notes what fails."""

    def __init__(self, proxies, rate=None):
        self.failures, self.count, self.ended = [], 0, threading.Event()
        self.pause = 2 * len(proxies) / rate if rate else 0
        self.threads = [threading.Thread(target=self._run, args=(proxy, number))
                        for number, proxy in enumerate(proxies * 2)]

    def _run(self, proxy, number):
        turn = 0
        with proxy.client() as client:
            while not self.ended.is_set():
                turn += 1
                target = f"/load/{number}/{turn // 2}" if turn % 2 else f"/load/{turn % 50}"
                try:
                    answer = client.get(target)
                    if answer.status != 200:
                        self.failures.append((now(), target, answer.status))
                except OSError as problem:
                    self.failures.append((now(), target, repr(problem)))
                    return
                self.count += 1
                if self.pause:
                    time.sleep(self.pause)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join()


def shares(one, two, tag, counter=iter(range(10 ** 6))):
    """Whether what the first instance fetches now is served by the other one from Redis."""
    target = f"/{tag}/{next(counter)}"
    one.fetch("GET", target)
    answer = two.fetch("GET", target)
    return b"l2" in (answer.one("cache-status") or "").encode()


def wait_shared(one, two, tag):
    """Seconds until they share again."""
    began = now()
    harness.wait_until(lambda: shares(one, two, tag), f"sharing after {tag}", FAILOVER_SECONDS, 0.05)
    return now() - began


def mended(cluster, node, replacement=None):
    """Waits until a node is a replica of the present master."""
    def is_replica():
        master = cluster.master()
        if master is None:
            return False
        with master.connect() as connection:
            return b"connected_slaves:2" in connection("INFO", "replication")
    harness.wait_until(is_replica, "two replicas again", 60, 0.2)
