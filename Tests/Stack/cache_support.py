"""What the cache's suites share: origins that count, crowds of clients, settings, purging."""
import re
import socket
import threading
import urllib.parse

import cache_status
import client as clients
import harness
import upstream as upstreams

TOKEN = "cache-test-token"
ADMIN = ("Authorization", f"Bearer {TOKEN}")
MELI = "max-age=3600,stale-while-revalidate=1800,stale-if-error=7200"


def cacheable(body=b"ok", cc="max-age=3600", status="200 OK", fields=()):
    """A response with this Cache-Control (None: without), and no Date."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"Cache-Control: {cc}"] if cc is not None else []
    lines += [f"{name}: {value}" for name, value in fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def numbered(cc="max-age=3600", fields=(), status="200 OK"):
    """An origin's answers whose bodies count: 1, 2, 3 … for each target."""
    counts, lock = {}, threading.Lock()

    def answer(request):
        with lock:
            count = counts[request.target] = counts.get(request.target, 0) + 1
        return cacheable(str(count).encode(), cc, status, fields)
    return answer


def settings(upstream, cache=None, key=None, memory=None, **more):
    """Settings of one cached route, `all`, its `cache` map, and the admin token."""
    route = dict(cache) if isinstance(cache, dict) else {}
    if key:
        route["key"] = key
    more.setdefault("admin", {"token": TOKEN})
    if memory:
        more["cache"] = {"memory": memory}
    more["route"] = {"cache": cache if isinstance(cache, str) else route or "on"}
    more.setdefault("upstream_settings", {"retries": {"max": 0}, "breaker": "off"})
    return harness.settings_for(upstream, **more)


def word(response):
    """`hit` or the `fwd` word of an answer."""
    return cache_status.parse(response).word


def words(proxy, *targets, method="GET", fields=()):
    """The words of requests made one after the other."""
    return [word(proxy.fetch(method, target, fields)) for target in targets]


def asked(upstream, target):
    """How often the origin was asked for a target."""
    return sum(request.target == target for request in list(upstream.requests))


def purge(proxy, fields=(ADMIN,), **parameters):
    """One call of the admin API's purge."""
    return proxy.admin("POST", f"/api/v1/purge?{urllib.parse.urlencode(parameters)}", fields)


class Crowd:
    """Clients that have all asked before any of them reads."""

    def __init__(self, proxy, count, target="/", fields=()):
        # One request each, sent by one thread: what they wait for is in the kernel's buffers.
        self.clients = [proxy.client(timeout=15) for _ in range(count)]
        for number, client in enumerate(self.clients):
            own = fields(number) if callable(fields) else fields
            client.send(clients.head("GET", target, own))

    def responses(self):
        """Everybody's answer."""
        return [client.response() for client in self.clients]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for client in self.clients:
            client.close()


class Gate:
    """An origin that holds its answers back until `open()`."""

    def __init__(self, answer):
        self.inner, self.opened = answer, threading.Event()

    def __call__(self, request):
        self.opened.wait(15)
        return self.inner(request)

    def open(self):
        """Lets all answers go."""
        self.opened.set()


def wait_in_flight(proxy, count):
    """Waits until so many requests are read and not answered."""
    proxy.wait_metric("http_requests_in_flight", count)


class FastOrigin:
    """An origin for tens of thousands of requests a second: `answer(target)` gives the bytes."""

    HEAD = re.compile(rb"GET ([^ ]+) HTTP/1\.1\r\n.*?\r\n\r\n", re.DOTALL)

    def __init__(self, answer):
        self.answer, self.count = answer, 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._run, args=(sock,), daemon=True).start()

    def _run(self, sock):
        pending = b""
        try:
            while data := sock.recv(65536):
                pending += data
                end = 0
                for match in self.HEAD.finditer(pending):
                    self.count += 1
                    end = match.end()
                    sock.sendall(self.answer(match[1].decode()))
                pending = pending[end:]
        except OSError:
            pass


def get_all(proxy, targets, batch=100):
    """GETs pipelined on one connection; only their statuses are looked at."""
    targets = list(targets)
    with proxy.client(timeout=30) as client:
        for start in range(0, len(targets), batch):
            part = targets[start:start + batch]
            client.send(b"".join(clients.head("GET", target) for target in part))
            for _ in part:
                response = client.response(sink=lambda piece: None)
                assert response.status == 200, response
