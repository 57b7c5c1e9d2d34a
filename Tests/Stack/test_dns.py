"""A resolver that hangs stops nobody: not the loop, not other requests, not the end."""
import signal
import socket
import threading
import time

import pytest

import client as clients
import harness

SILENT = "127.0.53.53"


@pytest.fixture
def resolver(tmp_path):
    """A name server that never answers, and the command that makes a process use it."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((SILENT, 53))
    settings = tmp_path / "resolv.conf"
    settings.write_text(f"nameserver {SILENT}\noptions timeout:5 attempts:1\n")
    script = f'mount --bind "{settings}" "$(readlink -f /etc/resolv.conf)" && exec "$@"'
    yield ["unshare", "-m", "bash", "-c", script, "--"]
    server.close()


def lag_p99(before, after):
    """The bucket bound below which 99 of 100 turns of the loop stayed, in seconds."""
    name = "meliproxy_worker_loop_lag_seconds_bucket"
    bounds = sorted({float(s.labels["le"]) for s in after.select(name)})
    turns = {bound: sum(s.value for s in after.select(name) if float(s.labels["le"]) == bound)
             - sum(s.value for s in before.select(name) if float(s.labels["le"]) == bound)
             for bound in bounds}
    return next(bound for bound in bounds if turns[bound] >= 0.99 * turns[bounds[-1]])


def test_hanging_resolver(start, upstream, resolver):
    """Design 2.3: dials wait off the loop; the deadline ends them; the stop is not held up."""
    settings = {
        "upstreams": {"good": {"url": upstream.url},
                      "lost": {"url": "http://nobody.example", "connect_timeout": "1500ms"}},
        "routes": [{"name": "lost", "match": {"path": "/lost"}, "upstream": "lost"},
                   {"name": "good", "match": {"path": "/**"}, "upstream": "good"}]}
    proxy = start(settings=settings, prefix=resolver)
    proxy.may_end = True
    assert proxy.fetch("GET", "/").status == 200
    before = proxy.metrics()
    statuses, took = [], []

    def ask():
        begun = time.monotonic()
        statuses.append(clients.fetch(proxy.port, "GET", "/lost").status)
        took.append(time.monotonic() - begun)

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    others = 0
    with proxy.client() as client:
        while any(thread.is_alive() for thread in threads):
            assert client.get("/").status == 200
            others += 1
    for thread in threads:
        thread.join()
    assert set(statuses) <= {502, 504} and max(took) < 4
    assert others > 100
    assert lag_p99(before, proxy.metrics()) <= 0.005
    # A client that leaves while its dial hangs, and then the end of the instance.
    with proxy.client() as client:
        client.send(b"GET /lost HTTP/1.1\r\nHost: a\r\n\r\n")
        proxy.wait_metric("meliproxy_http_requests_in_flight", 1)
        client.reset()
    proxy.wait_metric("meliproxy_http_requests_in_flight", 0, within=1)
    with proxy.client() as client:
        client.send(b"GET /lost HTTP/1.1\r\nHost: a\r\n\r\n")
        proxy.wait_metric("meliproxy_http_requests_in_flight", 1)
        begun = time.monotonic()
        proxy.signal(signal.SIGTERM)
        assert proxy.wait_exit(5) == 0
        assert time.monotonic() - begun < 3.5
