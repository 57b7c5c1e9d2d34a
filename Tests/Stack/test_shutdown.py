"""Stopping: readiness first, nobody's request lost, exit code 0."""
import signal
import threading
import time

import pytest

import client as clients
import harness
import upstream as upstreams
import wire


def start_with(start, upstream, workers=1, **shutdown):
    proxy = start(settings=harness.settings_for(upstream, shutdown=shutdown), workers=workers)
    proxy.may_end = True
    return proxy


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_idle_instance_ends_at_once(start, upstream, number):
    """Exit code 0, well before the grace period."""
    proxy = start_with(start, upstream)
    with proxy.client() as idle:
        assert idle.get("/x").status == 200
        begun = time.monotonic()
        proxy.signal(number)
        assert proxy.wait_exit(10) == 0
        assert time.monotonic() - begun < 5
        assert idle.wait_closed() == "fin" and not idle.reader.buffer


def test_readiness_flips_and_serving_goes_on(start, upstream):
    """During drain_delay: 503 at /-/ready, healthy, requests answered with Connection: close."""
    proxy = start_with(start, upstream, drain_delay="2s")
    with proxy.client() as kept:
        assert (kept.get("/x").one("Connection") or "").lower() != "close"
        proxy.signal(signal.SIGTERM)
        harness.wait_until(lambda: proxy.readiness() == 503, "not ready")
        assert proxy.admin("GET", "/-/healthy").status == 200
        page = proxy.metrics()
        assert page.sum("ready") == 0 and page.sum("draining") == 1
        response = kept.get("/x")
        assert response.status == 200 and response.one("Connection").lower() == "close"
        assert kept.wait_closed() == "fin"
        assert proxy.fetch("GET", "/x").status == 200, "new connections are still served"
        assert proxy.is_alive()
    assert proxy.wait_exit(10) == 0


def test_requests_in_flight_finish(start):
    """Whole answers, also those that began before and end after the signal."""
    release = threading.Event()

    def handle(connection):
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        release.wait(10)
        connection.send(b"world")

    with upstreams.Upstream(handle=handle) as upstream:
        proxy = start_with(start, upstream, grace="10s")
        with proxy.client() as client:
            client.send(clients.head("GET", "/x"))
            harness.wait_until(lambda: upstream.requests, "the request arrives")
            proxy.signal(signal.SIGTERM)
            harness.wait_until(lambda: refuses(proxy.port), "no new connections")
            release.set()
            response = client.response()
            assert response.body == b"helloworld"
            client.wait_closed()
        assert proxy.wait_exit(10) == 0


def refuses(port):
    """Whether nobody accepts on the port."""
    try:
        clients.Client(port, timeout=1).close()
    except OSError:
        return True
    return False


def test_upload_in_flight_finishes(start, upstream):
    """A body that is still being sent at the signal arrives whole."""
    proxy = start_with(start, upstream, grace="10s")
    upstream.answer = lambda request: upstreams.response(request.body)
    with proxy.client() as client:
        client.send(clients.head("POST", "/x", [("Content-Length", "10")]) + b"hello")
        proxy.wait_metric("http_requests_in_flight", 1)
        proxy.signal(signal.SIGTERM)
        harness.wait_until(lambda: refuses(proxy.port), "no new connections")
        client.send(b"world")
        response = client.response()
        assert (response.status, response.body) == (200, b"helloworld")
        assert response.one("Connection").lower() == "close"
    assert proxy.wait_exit(10) == 0


def test_grace_ends(start):
    """What does not finish within grace is broken off, visibly, and the instance ends."""
    with upstreams.Upstream(lambda r: [
            b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", upstreams.WaitClosed(30)]) as up:
        proxy = start_with(start, up, grace="700ms")
        with proxy.client() as client:
            client.send(clients.head("GET", "/x"))
            harness.wait_until(lambda: up.requests, "the request arrives")
            proxy.signal(signal.SIGTERM)
            with pytest.raises(wire.Truncated):
                client.response()
        assert proxy.wait_exit(10) in (0, 1)


def test_second_signal_ends_at_once(start):
    """No waiting for grace."""
    with upstreams.Upstream(lambda request: [upstreams.WaitClosed(30)]) as upstream:
        proxy = start_with(start, upstream, grace="60s")
        with proxy.client() as client:
            client.send(clients.head("GET", "/x"))
            harness.wait_until(lambda: upstream.requests, "the request arrives")
            proxy.signal(signal.SIGTERM)
            harness.wait_until(lambda: refuses(proxy.port), "no new connections")
            assert proxy.is_alive()
            proxy.signal(signal.SIGTERM)
            proxy.wait_exit(3)


def test_hanging_dial_does_not_hold_up_the_end(start):
    """An upstream whose accept queue is full: the instance ends within grace all the same."""
    with upstreams.FullQueue() as full:
        proxy = start(settings=harness.settings_for(
            full.url, upstream_settings={"connect_timeout": "60s"}, shutdown={"grace": "500ms"}))
        proxy.may_end = True
        with proxy.client() as client:
            client.send(clients.head("GET", "/x"))
            proxy.wait_metric("http_requests_in_flight", 1)
            proxy.signal(signal.SIGTERM)
            proxy.wait_exit(5)


class HonestClient:
    """Keeps its connection, opens another after `Connection: close`, never repeats a request."""

    def __init__(self, proxy, failures):
        self.proxy, self.failures, self.answered = proxy, failures, 0
        self.accepted = 0

    def run(self):
        """Asks until the listener is gone."""
        while True:
            try:
                client = self.proxy.client(timeout=10)
            except OSError:
                return
            self.accepted += 1
            with client:
                if not self._use(client):
                    return

    def _use(self, client):
        """True when the server announced the close; a connection that failed unused is no loss."""
        used = False
        while True:
            try:
                client.sock.sendall(clients.head("GET", "/x"))
                response = client.response()
            except (OSError, wire.BrokenMessage) as error:
                if used or not is_unserved(client, error):
                    self.failures.append((self.answered, repr(error)))
                return False
            if (response.status, response.body) != (200, b"ok"):
                self.failures.append(response)
            self.answered += 1
            used = True
            if (response.one("Connection") or "").lower() == "close":
                return True


def is_unserved(client, error):
    """Whether the connection died in the accept queue of a closing listener."""
    return client.reader.received_bytes == 0 and (
        isinstance(error, OSError) or getattr(error, "reset", False))


@pytest.mark.parametrize("workers", [1, 2])
def test_no_request_fails_under_load(start, workers):
    """Clients that honour Connection: close lose nothing while the instance stops."""
    with upstreams.Upstream(lambda r: [upstreams.Pause(0.003), upstreams.response()]) as upstream:
        proxy = start_with(start, upstream, workers, drain_delay="500ms", grace="10s")
        failures = []
        users = [HonestClient(proxy, failures) for _ in range(8)]
        threads = [threading.Thread(target=user.run) for user in users]
        for thread in threads:
            thread.start()
        harness.wait_until(lambda: sum(user.answered for user in users) > 200, "load")
        proxy.signal(signal.SIGTERM)
        assert proxy.wait_exit(15) == 0
        for thread in threads:
            thread.join(15)
        assert not failures, failures[:5]


def test_log_is_whole_after_the_end(start, upstream):
    """Every answered request has its line, also the last ones."""
    proxy = start_with(start, upstream)
    with proxy.client() as client:
        for _ in range(300):
            assert client.get("/x").status == 200
    proxy.signal(signal.SIGTERM)
    assert proxy.wait_exit(10) == 0
    assert len(proxy.log_lines()) == 300


def test_broken_pipe_is_survived(start, upstream):
    """SIGPIPE is ignored: clients that vanish while being answered do not end the instance."""
    upstream.answer = lambda request: upstreams.response(b"b" * 3_000_000)
    proxy = start(upstream)
    for _ in range(20):
        client = proxy.client(receive_buffer=4096)
        client.send(clients.head("GET", "/x") * 3)
        client.sock.recv(100)
        client.reset()
    proxy.assert_alive()
    proxy.wait_metric("http_requests_in_flight", 0)


@pytest.mark.long
@pytest.mark.parametrize("attempt", range(15))
def test_no_request_fails_under_load_again(start, attempt):
    """The same race, many times."""
    test_no_request_fails_under_load(start, 2)
