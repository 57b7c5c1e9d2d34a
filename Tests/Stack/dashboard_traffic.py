"""Traffic that gives every panel something to show: hits, misses, stale answers, errors of each
kind, uploads that are broken off."""
import http.client
import itertools
import random
import socket
import threading
import time

import client as clients
import dashboard_stack

# (weight, method, target): `{}` is a running number, kept small where repeats shall hit.
REQUESTS = (
    (30, "GET", "/items/MLA{small}"), (4, "GET", "/items/MLA{large}"),
    (8, "GET", "/items?ids=MLA1,MLA2"), (12, "GET", "/categories/MLA1055"),
    (4, "GET", "/categories/MLA{small}"), (6, "GET", "/sites"),
    (1, "GET", "/sites?_status=503"), (1, "GET", "/sites?_latency=900ms"),
    (2, "GET", "/sites?_latency=120ms"), (1, "GET", "/sites?_break=1"), (1, "GET", "/dead/end"),
    (2, "GET", "/nothing/here"), (1, "DELETE", "/items/MLA1"), (2, "POST", "/upload/a"),
    (2, "GET", "/items/MLA{small}?_status=404"),
)


class Traffic:
    """Threads that send requests through HAProxy until `stop`."""

    def __init__(self, stack, threads=3, rate=25, seed=7):
        self.stack, self.rate = stack, rate
        self.sent = itertools.count()
        self.ended = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(random.Random(seed + index),),
                                         daemon=True) for index in range(threads)]
        self.threads.append(threading.Thread(target=self._oddities, daemon=True))
        for thread in self.threads:
            thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join(10)

    def _run(self, chance):
        weights = [weight for weight, _, _ in REQUESTS]
        link = None
        while not self.ended.wait(chance.expovariate(self.rate)):
            _, method, target = chance.choices(REQUESTS, weights)[0]
            target = target.format(small=int(chance.paretovariate(1)) % 300,
                                   large=next(self.sent) % 5000 + 1000)
            link = link or http.client.HTTPConnection("127.0.0.1", self.stack.port["front"],
                                                      timeout=5)
            try:
                link.request(method, target, b"x" * 500 if method == "POST" else None)
                link.getresponse().read()
            except (OSError, http.client.HTTPException):
                link.close()
                link = None

    def _oddities(self):
        """Every second, what no ordinary client does: through HAProxy where it lets it pass."""
        front = self.stack.port["front"]
        while not self.ended.wait(1):
            redis_look_ups(self.stack.port["redis"])
            for step in (aborted_upload, too_large, crowd):
                self._try(step, front)
            for proxy in self.stack.proxies:
                for step in (malformed, purge, reload):
                    self._try(step, proxy)

    def _try(self, step, *arguments):
        try:
            if not self.ended.is_set():
                step(*arguments)
        except (OSError, AssertionError, clients.wire.BrokenMessage):
            pass  # an instance may be stopped just now, or answer in its own way


def redis_look_ups(port):
    """A key that is there, and one that is not."""
    with socket.create_connection(("127.0.0.1", port), 2) as link:
        link.sendall(b"SET a 1 PX 500\r\nGET a\r\nGET b\r\n")
        link.recv(1000)


def aborted_upload(port):
    """Half a body, and gone."""
    link = clients.Client(port, timeout=2)
    link.send(b"POST /upload/b HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n" + b"y" * 500)
    time.sleep(0.05)  # the slow client's pace, not a synchronisation
    link.reset()


def malformed(proxy):
    """No HTTP."""
    with socket.create_connection(("127.0.0.1", proxy.port), 2) as link:
        link.sendall(b"GET  /two spaces HTTP/1.1\r\n\r\n")
        link.recv(1000)


def too_large(port):
    """A body beyond the route's limit."""
    clients.fetch(port, "POST", "/upload/c", [("Content-Length", "1000000")], timeout=2)


def purge(proxy):
    """One target is forgotten."""
    proxy.admin("POST", "/api/v1/purge?key=/items/MLA1",
                [("Authorization", f"Bearer {dashboard_stack.TOKEN}")], timeout=2)


def reload(proxy):
    """The same settings again."""
    proxy.admin("POST", "/-/reload",
                [("Authorization", f"Bearer {dashboard_stack.TOKEN}")], timeout=2)


def crowd(port):
    """Several ask for the same at once: one leads, the others follow."""
    links = [clients.Client(port, timeout=3) for _ in range(6)]
    target = f"/items/MLA{time.monotonic_ns() % 10**9}?_latency=80ms"
    for link in links:
        link.send(clients.head("GET", target))
    for link in links:
        link.response()
        link.close()
