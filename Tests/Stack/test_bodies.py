"""Large bodies, slow peers, early answers: byte-identical, in bounded memory, and cancelled."""
import hashlib
import threading
import time

import pytest

import client as clients
import harness
import upstream as upstreams
import wire

MIB = 1 << 20
BLOCK = bytes((n * 37 + n // 251) & 0xff for n in range(256 << 10))


class Memory:
    """The highest resident size of the proxy while it is watched."""

    def __init__(self, proxy):
        self.proxy, self.start = proxy, proxy.rss()
        self.most = self.start
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self):
        while not self.ended.wait(0.02):
            self.most = max(self.most, self.proxy.rss())

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()

    @property
    def growth(self):
        """Bytes above the start."""
        return self.most - self.start


def sha(count):
    """The digest of `count` bytes of repeated blocks."""
    digest = hashlib.sha256()
    for _ in range(count // len(BLOCK)):
        digest.update(BLOCK)
    return digest.hexdigest()


class Sink:
    """An upstream conversation that digests what is uploaded and answers with the digest."""

    def __init__(self):
        self.framing, self.body_bytes = None, 0

    def __call__(self, connection):
        while (request := connection.head()) is not None:
            digest = hashlib.sha256()
            connection.body(request, digest.update)
            self.framing, self.body_bytes = request.framing, request.body_bytes
            connection.send(upstreams.response(digest.hexdigest().encode()))


def send_blocks(count, framing):
    """A conversation that sends `count` bytes in the given framing."""
    def handle(connection):
        while connection.request() is not None:
            head = "HTTP/1.1 200 OK\r\nCache-Control: no-store\r\n"
            head += {"length": f"Content-Length: {count}\r\n", "close": "Connection: close\r\n",
                     "chunked": "Transfer-Encoding: chunked\r\n"}[framing]
            connection.send(head.encode() + b"\r\n")
            for _ in range(count // len(BLOCK)):
                if framing == "chunked":
                    connection.send(b"%x\r\n%s\r\n" % (len(BLOCK), BLOCK))
                else:
                    connection.send(BLOCK)
            if framing == "chunked":
                connection.send(b"0\r\n\r\n")
            elif framing == "close":
                return
    return handle


def check_download(start, count, framing):
    with upstreams.Upstream(handle=send_blocks(count, framing)) as upstream:
        proxy = start(upstream)
        with Memory(proxy) as memory, proxy.client(timeout=30) as client:
            digest = hashlib.sha256()
            client.send(clients.head("GET", "/big"))
            response = client.response(sink=digest.update)
    assert response.body_bytes == count and digest.hexdigest() == sha(count)
    assert response.framing == ("length" if framing == "length" else "chunked")
    assert memory.growth < 50 * MIB, f"{memory.growth / MIB:.0f} MiB"


def check_upload(start, count, framing):
    sink = Sink()
    with upstreams.Upstream(handle=sink) as upstream:
        proxy = start(upstream)
        with Memory(proxy) as memory, proxy.client(timeout=30) as client:
            coding = ("Transfer-Encoding", "chunked") if framing == "chunked" \
                else ("Content-Length", str(count))
            client.send(clients.head("POST", "/big", [coding]))
            for _ in range(count // len(BLOCK)):
                if framing == "chunked":
                    client.send(b"%x\r\n%s\r\n" % (len(BLOCK), BLOCK))
                else:
                    client.send(BLOCK)
            if framing == "chunked":
                client.send(b"0\r\n\r\n")
            response = client.response()
    assert (response.status, response.body.decode()) == (200, sha(count))
    assert (sink.framing, sink.body_bytes) == (framing, count)
    assert memory.growth < 50 * MIB, f"{memory.growth / MIB:.0f} MiB"


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_download_64_mib(start, framing):
    """64 MiB arrive byte for byte."""
    check_download(start, 64 * MIB, framing)


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_upload_64_mib(start, framing):
    """64 MiB arrive byte for byte, in the framing they were sent in."""
    check_upload(start, 64 * MIB, framing)


def test_download_1_gib(start):
    """A gigabyte passes in bounded memory."""
    check_download(start, 1024 * MIB, "length")


def test_upload_1_gib(start):
    """A gigabyte passes in bounded memory."""
    check_upload(start, 1024 * MIB, "length")


def test_slow_reader_does_not_fill_memory(start):
    """The upstream is read no faster than the client reads; when it leaves, all is cancelled."""
    sent = [0]

    def handle(connection):
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (200 * MIB))
        for _ in range(200 * MIB // len(BLOCK)):
            connection.send(BLOCK)
            sent[0] += len(BLOCK)

    with upstreams.Upstream(handle=handle) as upstream:
        proxy = start(upstream)
        with Memory(proxy) as memory:
            client = proxy.client(receive_buffer=16 << 10)
            client.send(clients.head("GET", "/big"))
            for _ in range(50):
                assert client.sock.recv(4096)
                time.sleep(0.02)  # the slowness under test
            held, rss = sent[0], proxy.rss()
            client.reset()
            assert upstream.connections[0].done.wait(10), "the upstream is not cancelled"
        assert held < 64 * MIB, f"{held / MIB:.0f} MiB were taken from the upstream"
        assert rss - memory.start < 50 * MIB and memory.growth < 50 * MIB
        proxy.wait_metric("connections_active", 0)
        proxy.wait_metric("http_request_errors_total", 1, reason="client_abort")


def test_slow_upstream_does_not_fill_memory(start):
    """An upload is read no faster than the upstream reads."""
    release = threading.Event()

    def handle(connection):
        connection.head()
        release.wait(20)

    with upstreams.Upstream(handle=handle) as upstream:
        proxy = start(upstream)
        with Memory(proxy) as memory, proxy.client(timeout=1) as client:
            client.send(clients.head("POST", "/big", [("Content-Length", str(200 * MIB))]))
            sent = 0
            try:
                while sent < 200 * MIB:
                    sent += client.sock.send(BLOCK)
            except TimeoutError:
                pass
        release.set()
        assert sent < 64 * MIB, f"{sent / MIB:.0f} MiB were taken from the client"
        assert memory.growth < 50 * MIB


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_early_413_of_the_upstream_is_relayed(start, framing):
    """A final status during the upload reaches the client (RFC 9112 §9.5)."""
    def handle(connection):
        connection.head()
        connection.send(upstreams.response(b"too much", "413 Content Too Large",
                                           [("Connection", "close")]))
        connection.wait_closed()

    with upstreams.Upstream(handle=handle) as upstream:
        proxy = start(upstream)
        with proxy.client() as client:
            coding = ("Content-Length", str(100 * MIB)) if framing == "length" \
                else ("Transfer-Encoding", "chunked")
            client.send(clients.head("POST", "/big", [coding]))
            begun = BLOCK[:1000]
            client.send(begun if framing == "length" else b"3e8\r\n" + begun + b"\r\n")
            response = client.response()
            assert (response.status, response.body) == (413, b"too much")
            client.wait_closed()
        assert upstream.connections[0].done.wait(10)


def expecting(client, count=5):
    """Sends a head that asks for 100 (Continue)."""
    client.send(clients.head("POST", "/x", [("Expect", "100-continue"),
                                            ("Content-Length", str(count))]))


def test_expect_upstream_continues(start):
    """The upstream's 100 is relayed, and only then the body flows (RFC 9110 §10.1.1)."""
    asked = []

    def handle(connection):
        request = connection.head()
        asked.append(request.one("Expect"))
        connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.body(request)
        connection.send(upstreams.response(request.body))

    with upstreams.Upstream(handle=handle) as upstream:
        proxy = start(settings=harness.settings_for(upstream, client={"expect_timeout": "20s"}))
        with proxy.client() as client:
            expecting(client)
            interim = wire.read_response_head(client.reader)
            assert interim.status == 100
            client.send(b"hello")
            response = client.response()
    assert (response.status, response.body, asked) == (200, b"hello", ["100-continue"])
    assert not response.interim, "100 was sent twice"


def test_expect_upstream_is_silent(start):
    """After expect_timeout the proxy sends its own 100, once."""
    with upstreams.Upstream(lambda request: upstreams.response(request.body)) as upstream:
        proxy = start(settings=harness.settings_for(upstream, client={"expect_timeout": "300ms"}))
        with proxy.client() as client:
            begun = time.monotonic()
            expecting(client)
            assert wire.read_response_head(client.reader).status == 100
            assert time.monotonic() - begun >= 0.25
            client.send(b"hello")
            response = client.response()
    assert (response.status, response.body, response.interim) == (200, b"hello", [])


@pytest.mark.parametrize("status", ["417 Expectation Failed", "401 Unauthorized"])
def test_expect_upstream_refuses(start, status):
    """A final status is relayed without a 100, and the body is never asked for."""
    def handle(connection):
        connection.head()
        connection.send(upstreams.response(b"no", status, [("Connection", "close")]))
        connection.wait_closed()

    with upstreams.Upstream(handle=handle) as upstream:
        proxy = start(settings=harness.settings_for(upstream, client={"expect_timeout": "20s"}))
        with proxy.client() as client:
            expecting(client)
            response = client.response()
        assert (response.status, response.body) == (int(status[:3]), b"no")
        assert not response.interim
        assert upstream.connections[0].done.wait(10)
        assert not upstream.requests


def test_expect_refused_by_the_proxy(start):
    """A body over the limit gets its 413 and no 100 (RFC 9110 §10.1.1)."""
    with upstreams.Upstream() as upstream:
        proxy = start(settings=harness.settings_for(upstream, client={"body_bytes_max": 1000}))
        with proxy.client() as client:
            expecting(client, 1001)
            response = client.response()
            assert response.status == 413 and not response.interim
            client.wait_closed()
        assert upstream.received_bytes == 0


@pytest.mark.parametrize("how", ["close", "reset"])
def test_client_leaves_during_upload(start, how):
    """The upstream sees its connection end, and never a whole request."""
    with upstreams.Upstream() as upstream:
        proxy = start(upstream)
        client = proxy.client()
        client.send(clients.head("POST", "/x", [("Content-Length", "100000")]) + b"b" * 5000)
        harness.wait_until(lambda: upstream.received_bytes > 5000, "the upload begins")
        client.reset() if how == "reset" else client.close()
        assert upstream.connections[0].done.wait(10), "the upstream is not cancelled"
        assert not upstream.requests
        proxy.wait_metric("http_request_errors_total", 1, reason="client_abort")
        proxy.wait_metric("http_requests_in_flight", 0)


@pytest.mark.parametrize("how", ["close", "reset"])
def test_client_leaves_while_waiting(start, how):
    """A client that goes away before the answer cancels the upstream's work."""
    with upstreams.Upstream(lambda request: [upstreams.WaitClosed(20)]) as upstream:
        proxy = start(upstream)
        client = proxy.client()
        client.send(clients.head("GET", "/x"))
        harness.wait_until(lambda: upstream.requests, "the request arrives")
        client.reset() if how == "reset" else client.close()
        assert upstream.connections[0].done.wait(10), "the upstream is not cancelled"
        proxy.wait_metric("http_requests_in_flight", 0)


def test_half_closed_client_gets_its_answer(start):
    """A client that closes only its sending side after the request is answered."""
    with upstreams.Upstream(lambda r: [upstreams.Pause(0.2), upstreams.response()]) as upstream:
        proxy = start(upstream)
        with proxy.client() as client:
            client.send(clients.head("GET", "/x"))
            client.sock.shutdown(1)
            assert client.response().status == 200


def test_chunks_are_framed_anew(start):
    """What the client calls a chunk is no business of the upstream's (RFC 9112 §7.1)."""
    with upstreams.Upstream() as upstream:
        proxy = start(upstream)
        with proxy.client() as client:
            client.send(clients.head("POST", "/x", [("Transfer-Encoding", "chunked")])
                        + b"5;secret=1\r\nhello\r\n0006\r\n world\r\n0;z\r\nX-T: u\r\n\r\n")
            assert client.response().status == 200
        request = upstream.requests[0]
        assert (request.framing, request.body) == ("chunked", b"hello world")
        assert b"secret" not in bytes(upstream.connections[0].reader.received)


@pytest.mark.long
@pytest.mark.parametrize("check", [check_download, check_upload])
def test_4_gib_in_chunks(start, check):
    """More than 32 bits of length, in chunks."""
    check(start, 4096 * MIB + 4 * len(BLOCK), "chunked")
