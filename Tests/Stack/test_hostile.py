"""Timing and combinations that took an instance down, apart or out of bounds before."""
import signal
import socket
import struct
import time

import pytest

import harness
import upstream as upstreams


def connect(port, receive_buffer=None):
    """A raw client socket."""
    sock = socket.socket()
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.settimeout(10)
    sock.connect(("127.0.0.1", port))
    return sock


def head(method="GET", target="/", fields=""):
    return f"{method} {target} HTTP/1.1\r\nHost: a\r\n{fields}\r\n".encode()


def read_all(sock, within=5):
    """What comes until the end of the connection (or `within` seconds), and how it ended."""
    sock.settimeout(within)
    data = b""
    try:
        while chunk := sock.recv(65536):
            data += chunk
    except socket.timeout:
        return data, "open"
    except OSError:
        return data, "reset"
    return data, "fin"


def test_deadline_of_an_aborted_connection(start):
    """The timer of a connection that was reset does not outlive it."""
    def answer(_):
        return [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", upstreams.RESET]

    with upstreams.Upstream(answer=answer) as upstream:
        proxy = start(settings=harness.settings_for(upstream, client={"idle_timeout": "300ms"}))
        for _ in range(20):
            sock = connect(proxy.port)
            sock.sendall(head())
            assert read_all(sock)[1] == "reset"
            sock.close()
        # A connection made after those is cut by the same deadline: theirs have all passed by then.
        assert read_all(connect(proxy.port))[1] == "fin"
        proxy.assert_alive()


@pytest.mark.parametrize("method, target, fields, route", [
    ("OPTIONS", "/", "Max-Forwards: 0\r\n", {}),
    ("POST", "/no", "", {"match": {"path": "/ok"}}),
    ("POST", "/ok", "", {"match": {"path": "/ok", "methods": ["GET"]}}),
])
def test_body_of_a_local_answer_is_no_request(start, upstream, method, target, fields, route):
    """What follows the head of a request that the proxy answers itself is its body."""
    proxy = start(settings=harness.settings_for(upstream, route=route))
    inner = head(target="/ok?smuggled")
    sock = connect(proxy.port)
    sock.sendall(head(target="/ok"))
    assert sock.recv(65536).startswith(b"HTTP/1.1 200")
    sock.sendall(head(method, target, fields + f"Content-Length: {len(inner)}\r\n") + inner)
    data, end = read_all(sock)
    assert end == "fin" and b"Connection: close" in data and b"200 OK" not in data
    assert [r.target for r in upstream.requests] == ["/ok"]


def test_lease_that_gave_up_loses_no_room(start):
    """A request that waited in vain for the only connection does not take it along."""
    mode = {"hangs": True}

    def answer(_):
        return [upstreams.WaitClosed()] if mode["hangs"] else upstreams.response()

    with upstreams.Upstream(answer=answer) as upstream:
        proxy = start(settings=harness.settings_for(
            upstream,
            upstream_settings={"total_timeout": "300ms", "pool": {"connections_max": 1}}))
        for _ in range(3):
            pair = [connect(proxy.port) for _ in range(2)]
            for sock in pair:
                sock.sendall(head())
            for sock in pair:
                assert sock.recv(20)[9:12] in (b"503", b"504")
                sock.close()
        mode["hangs"] = False
        harness.wait_until(lambda: proxy.fetch("GET", "/").status == 200, "the pool has room again")


def test_pipelined_local_answers_wait_for_a_slow_reader(start, upstream):
    """Answers that nobody reads do not pile up."""
    proxy = start(settings=harness.settings_for(upstream))
    before = proxy.rss()
    sock = connect(proxy.port, receive_buffer=4096)
    sock.setblocking(False)
    blob = head("OPTIONS", "*", "Max-Forwards: 0\r\n") * 2000
    sent, stuck = 0, 0
    while sent < 40_000_000 and stuck < 200:
        try:
            sent += sock.send(blob[sent % len(blob):])
            stuck = 0
        except BlockingIOError:
            stuck += 1
            time.sleep(0.005)
    assert sent < 40_000_000, "the proxy took everything without being read"
    assert proxy.rss() - before < 20 << 20
    # Once it is read, everything that was sent whole is answered.
    whole = sent // len(head("OPTIONS", "*", "Max-Forwards: 0\r\n"))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    sock.setblocking(True)
    sock.shutdown(socket.SHUT_WR)
    assert read_all(sock)[0].count(b"HTTP/1.1 204") == whole


def test_upstream_that_never_reads_an_upload(start):
    """Without a total deadline the upstream's idle timeout ends it."""
    def handle(connection):
        connection.head()
        time.sleep(20)

    with upstreams.Upstream(handle=handle) as upstream:
        proxy = start(settings=harness.settings_for(
            upstream, upstream_settings={"total_timeout": "off", "idle_timeout": "500ms",
                                         "first_byte_timeout": "500ms"}))
        sock = connect(proxy.port)
        sock.sendall(head("POST", "/", "Content-Length: 100000000\r\n"))
        sock.setblocking(False)
        deadline = time.monotonic() + 10
        answer = b""
        while not answer and time.monotonic() < deadline:
            try:
                sock.send(b"x" * 65536)
            except BlockingIOError:
                time.sleep(0.005)
            except OSError:
                break
            try:
                answer = sock.recv(65536)
            except BlockingIOError:
                pass
        assert answer.startswith(b"HTTP/1.1 504")
        sock.close()
        proxy.wait_metric("meliproxy_http_requests_in_flight", 0)


def test_half_closed_client_gets_all_pipelined_answers(start, upstream):
    """Answers of the proxy's own among them do not end the connection early."""
    proxy = start(settings=harness.settings_for(upstream, route={"match": {"path": "/ok"}}))
    sock = connect(proxy.port)
    targets = ["/ok", "/n1", "/n2", "/n3", "/ok"]
    sock.sendall(b"".join(head(target=target) for target in targets))
    sock.shutdown(socket.SHUT_WR)
    data, end = read_all(sock)
    assert (data.count(b"HTTP/1.1 "), end) == (5, "fin")


def test_drain_ends_with_an_answer_begun_before_it(start):
    """A client that was not told to close does not hold up the end."""
    def answer(_):
        return [b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab", upstreams.Pause(1.5), b"cd"]

    with upstreams.Upstream(answer=answer) as upstream:
        proxy = start(settings=harness.settings_for(upstream, shutdown={"grace": "20s"}))
        proxy.may_end = True
        sock = connect(proxy.port)
        sock.sendall(head())
        assert sock.recv(65536).endswith(b"ab")
        begun = time.monotonic()
        proxy.signal(signal.SIGTERM)
        assert sock.recv(65536) == b"cd"
        assert proxy.wait_exit(15) == 0
        assert time.monotonic() - begun < 10


def test_clients_that_leave_at_every_stage(start):
    """Resets at any point leave nothing behind: connections, requests in flight, descriptors."""
    def answer(request):
        if "slow" in request.target:
            return [upstreams.Pause(0.05)] + [upstreams.response(b"x" * 200_000)]
        return upstreams.response(b"y" * 50_000)

    with upstreams.Upstream(answer=answer) as upstream:
        proxy = start(settings=harness.settings_for(
            upstream, upstream_settings={"pool": {"connections_max": 4}}), workers=2)
        assert proxy.fetch("GET", "/").status == 200
        parts = [b"", head()[:10], head(), head(target="/slow"), head() * 20,
                 head("POST", "/", "Content-Length: 100000\r\n") + b"z" * 500,
                 head("POST", "/", "Expect: 100-continue\r\nContent-Length: 9\r\n")]
        for turn in range(300):
            sock = connect(proxy.port)
            sock.sendall(parts[turn % len(parts)])
            if turn % 3:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
        proxy.wait_metric("meliproxy_http_requests_in_flight", 0)
        proxy.wait_metric("meliproxy_connections_active", 0)
        proxy.wait_metric("meliproxy_upstream_connections", 0, state="active")
        proxy.assert_alive()


def test_idle_connections_after_large_bodies_are_small(start, upstream):
    """What a request's body needed does not stay with its idle connection."""
    proxy = start(settings=harness.settings_for(upstream))
    socks = [connect(proxy.port) for _ in range(300)]

    def post(sock):
        sock.sendall(head("POST", "/", "Content-Length: 200000\r\n") + b"x" * 200_000)
        assert sock.recv(65536).startswith(b"HTTP/1.1 200")

    post(socks[0])
    before = proxy.rss()
    for sock in socks[1:]:
        post(sock)
    assert (proxy.rss() - before) / len(socks) < 8192


@pytest.mark.parametrize("size", [2_864_000])
@pytest.mark.parametrize("ending", ["idle", "drain"])
def test_slow_reader_gets_all_of_a_complete_answer(start, ending, size):
    """Neither the idle timeout nor a drain cuts what is still on its way to the client."""
    with upstreams.Upstream(answer=lambda _: upstreams.response(b"x" * size)) as upstream:
        proxy = start(settings=harness.settings_for(
            upstream, client={"idle_timeout": "300ms" if ending == "idle" else "60s"}))
        proxy.may_end = True
        sock = connect(proxy.port, receive_buffer=4096)
        sock.sendall(head())
        data = b""
        while proxy.metric("meliproxy_http_requests_in_flight") or not data:
            data += sock.recv(16384)
        # The exchange is over, the rest waits in buffers.
        if ending == "drain":
            proxy.signal(signal.SIGTERM)
        deadline = time.monotonic() + 1.5
        while time.monotonic() < deadline:
            time.sleep(0.05)
        rest, end = read_all(sock)
        body = (data + rest).partition(b"\r\n\r\n")[2]
        assert (len(body), end) == (size, "fin")


def test_retry_at_another_address_names_that_address(start):
    """Host is that of the address which gets the request, also the second time."""
    asked = []

    def handle(connection):
        # Answers one request, and dies of the next.
        for turn in range(2):
            request = connection.request()
            if request is None:
                return
            asked.append((connection.upstream.url, request.one("Host")))
            if turn == 0:
                connection.send(upstreams.response(b"ok"))

    with upstreams.Upstream(handle=handle) as one, upstreams.Upstream(handle=handle) as two:
        settings = harness.settings_for(one)
        settings["upstreams"]["api"] = {"urls": [one.url, two.url]}
        proxy = start(settings=settings)
        with proxy.client() as client:
            for _ in range(40):
                assert client.get("/").status == 200
        assert proxy.metric("meliproxy_upstream_retries_total", outcome="success") > 0
        assert all(url == f"http://{host}" for url, host in asked)


def test_empty_line_after_a_request_begins_none(start, upstream):
    """RFC 9112 §2.2: the connection is idle, not late with a head."""
    proxy = start(settings=harness.settings_for(
        upstream, client={"head_timeout": "300ms", "idle_timeout": "1s"}))
    sock = connect(proxy.port)
    sock.sendall(head() + b"\r\n")
    data, end = read_all(sock)
    assert (data.count(b"HTTP/1.1 "), end) == (1, "fin")


def test_head_begun_late_has_its_own_deadline(start, upstream):
    """The idle timeout ends with the first byte of a head."""
    proxy = start(settings=harness.settings_for(
        upstream, client={"head_timeout": "2s", "idle_timeout": "700ms"}))
    sock = connect(proxy.port)
    sock.sendall(b"GET / HT")
    data, end = read_all(sock)
    assert data.startswith(b"HTTP/1.1 408") and end == "fin"


def test_busy_time_is_what_the_workers_used(start, upstream):
    """The saturation signal follows the process's CPU time under load."""
    proxy = start(settings=harness.settings_for(upstream))
    before = (proxy.metric("meliproxy_worker_busy_seconds_total"),
              proxy.metric("process_cpu_seconds_total"))
    with proxy.client() as client:
        while proxy.metric("process_cpu_seconds_total") - before[1] < 0.3:
            for _ in range(200):
                assert client.get("/").status == 200
    busy = proxy.metric("meliproxy_worker_busy_seconds_total") - before[0]
    assert busy > 0.4 * (proxy.metric("process_cpu_seconds_total") - before[1])
