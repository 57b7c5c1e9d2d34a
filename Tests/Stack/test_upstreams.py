"""Upstreams: TLS, ALPN, several places, outbound proxies, pools; routes; who the client is."""
import socket
import ssl
import struct
import subprocess
import threading
import time

import pytest

import client as clients
import harness
import upstream as upstreams


def openssl(*arguments, directory):
    """Runs openssl quietly."""
    subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True,
                   timeout=30)


def make_certificate(directory, name, alternatives):
    """A key and a certificate of the authority in `directory` for these names."""
    (directory / f"{name}.ext").write_text(f"subjectAltName={alternatives}\n")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}",
            directory=directory)
    openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-CAcreateserial", "-days", "2", "-extfile", f"{name}.ext", "-out", f"{name}.pem",
            directory=directory)


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """A directory with a CA (`ca.pem`) and certificates `good` and `other` of it."""
    directory = tmp_path_factory.mktemp("ca")
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=Test CA",
            directory=directory)
    make_certificate(directory, "good", "DNS:localhost,IP:127.0.0.1")
    make_certificate(directory, "other", "DNS:other.example")
    return directory


def tls_context(authority, name, protocols=None, names=None):
    """A server context; the names asked for by SNI are appended to `names`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / f"{name}.pem", authority / f"{name}.key")
    if protocols:
        context.set_alpn_protocols(protocols)
    if names is not None:
        context.sni_callback = lambda sock, asked, _: names.append(asked)
    return context


def tls_settings(url, authority, **tls):
    return harness.settings_for(url, upstream_settings={
        "tls": {"ca_file": str(authority / "ca.pem"), **tls}})


def named(upstream):
    """The upstream's URL with a host name instead of an address."""
    return upstream.url.replace("127.0.0.1", "localhost")


# ---- TLS


def test_https(start, authority):
    """Verified against the CA file; keep-alive connections are reused."""
    names = []
    with upstreams.Upstream(tls=tls_context(authority, "good", names=names)) as upstream:
        proxy = start(settings=tls_settings(named(upstream), authority))
        for _ in range(3):
            assert proxy.fetch("GET", "/x").status == 200
        assert len(upstream.connections) == 1 and names == ["localhost"]
        assert upstream.requests[0].one("Host") == f"localhost:{upstream.port}"
        assert upstream.requests[0].one("X-Forwarded-Proto") == "http"


def test_https_by_flags(start, authority):
    """`--upstream https://… --upstream-ca FILE`."""
    with upstreams.Upstream(tls=tls_context(authority, "good")) as upstream:
        proxy = start(named(upstream), arguments=("--upstream-ca", authority / "ca.pem"))
        assert proxy.fetch("GET", "/x").status == 200


def test_https_large_bodies_both_ways(start, authority):
    """Megabytes through TLS, with pauses inside: nothing is left waiting in the TLS layer."""
    big = bytes(n * 31 & 0xff for n in range(3_000_000))

    def answer(request):
        reply = upstreams.response(request.body)
        return [reply[:20_000], upstreams.Pause(0.02), reply[20_000:36_500],
                upstreams.Pause(0.02), reply[36_500:]]

    with upstreams.Upstream(answer, tls=tls_context(authority, "good")) as upstream:
        proxy = start(settings=tls_settings(named(upstream), authority))
        assert proxy.fetch("POST", "/x", body=big).body == big


def test_https_record_read_in_small_steps(start, authority):
    """One large TLS record, a client that reads slowly: every byte arrives."""
    body = bytes(range(256)) * 8192
    with upstreams.Upstream(lambda r: upstreams.response(body),
                            tls=tls_context(authority, "good")) as upstream:
        proxy = start(settings=tls_settings(named(upstream), authority))
        with proxy.client(receive_buffer=4096) as client:
            client.send(clients.head("GET", "/x"))
            assert client.response().body == body


@pytest.mark.parametrize("seconds", [None, 0.05], ids=["record", "late"])
def test_https_unasked_answer_is_nobodys(start, authority, seconds):
    """A second answer in the first one's record, or some time after it: never the next request's."""
    forged = upstreams.response(b"forged")

    def answer(request):
        reply = upstreams.response(request.target.encode())
        if request.target != "/first":
            return reply
        if seconds is None:
            return reply + forged
        return [reply, upstreams.Pause(seconds), forged]

    with upstreams.Upstream(answer, tls=tls_context(authority, "good")) as upstream:
        proxy = start(settings=tls_settings(named(upstream), authority))
        with proxy.client() as client:
            for target in ("/first", "/second", "/third"):
                client.send(clients.head("GET", target))
                assert client.response().body == target.encode()
                if seconds and target == "/first":
                    time.sleep(0.3)
        assert len(upstream.connections) == 2


@pytest.mark.parametrize("certificate,tls", [("other", {}), ("good", {"server_name": "b.example"})])
def test_wrong_name(start, authority, certificate, tls):
    """502, counted as tls; nothing of the request is sent."""
    with upstreams.Upstream(tls=tls_context(authority, certificate)) as upstream:
        proxy = start(settings=tls_settings(named(upstream), authority, **tls))
        assert proxy.fetch("GET", "/x").status == 502
        proxy.wait_metric("upstream_errors_total", 1, reason="tls")
        assert not upstream.requests


def test_unknown_authority(start, authority):
    """Without the CA file the certificate is not believed."""
    with upstreams.Upstream(tls=tls_context(authority, "good")) as upstream:
        proxy = start(named(upstream))
        assert proxy.fetch("GET", "/x").status == 502
        proxy.wait_metric("upstream_errors_total", 1, reason="tls")
        assert not upstream.requests


def test_no_tls_where_tls_is_expected(start):
    """A plain server behind an https URL: 502."""
    def handle(connection):
        connection.reader.fill()
        connection.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    with upstreams.Upstream(handle=handle) as upstream:
        proxy = start(upstream.url.replace("http:", "https:"))
        assert proxy.fetch("GET", "/x").status == 502
        proxy.wait_metric("upstream_errors_total", 1, reason="tls")


def test_verification_off(start, authority):
    """`verify: false` takes any certificate."""
    with upstreams.Upstream(tls=tls_context(authority, "other")) as upstream:
        proxy = start(settings=harness.settings_for(
            named(upstream), upstream_settings={"tls": {"verify": False}}))
        assert proxy.fetch("GET", "/x").status == 200


def test_server_name(start, authority):
    """`server_name` is asked for (SNI) and verified instead of the URL's host."""
    names = []
    with upstreams.Upstream(tls=tls_context(authority, "other", names=names)) as upstream:
        proxy = start(settings=tls_settings(upstream.url, authority, server_name="other.example"))
        assert proxy.fetch("GET", "/x").status == 200
        assert names == ["other.example"]


def test_alpn_asks_for_http11(start, authority):
    """A server that prefers h2 is spoken to in HTTP/1.1."""
    context = tls_context(authority, "good", ["h2", "http/1.1"])
    with upstreams.Upstream(tls=context) as upstream:
        proxy = start(settings=tls_settings(named(upstream), authority))
        assert proxy.fetch("GET", "/x").status == 200
        assert upstream.connections[0].sock.selected_alpn_protocol() in (None, "http/1.1")


def test_tls_close_without_notify_is_no_end(start, authority):
    """A TCP end without close_notify in a body with a length aborts; with chunks as well."""
    def handle(connection):
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello")
        connection.sock.shutdown(socket.SHUT_RDWR)  # TCP ends, TLS does not

    with upstreams.Upstream(handle=handle, tls=tls_context(authority, "good")) as upstream:
        proxy = start(settings=tls_settings(named(upstream), authority))
        with proxy.client() as client:
            client.send(clients.head("GET", "/x"))
            with pytest.raises(clients.wire.Truncated):
                client.response()


# ---- several places, names


def several(urls, **more):
    return harness.settings_for(urls[0], upstream_settings={"urls": urls, **more})


def without_url(settings):
    del settings["upstreams"]["api"]["url"]
    return settings


def test_round_robin(start):
    """Requests are spread over the urls."""
    with upstreams.Upstream() as one, upstreams.Upstream() as two, upstreams.Upstream() as three:
        proxy = start(settings=without_url(several([one.url, two.url, three.url])))
        for _ in range(30):
            assert proxy.fetch("GET", "/x").status == 200
        counts = [len(server.requests) for server in (one, two, three)]
        assert sum(counts) == 30 and min(counts) >= 5, counts


def test_failover(start):
    """One of two places refuses connections: no request fails for it."""
    with upstreams.Upstream() as alive:
        dead = f"http://127.0.0.1:{harness.free_port()}"
        proxy = start(settings=without_url(several([dead, alive.url])))
        statuses = [proxy.fetch("GET", "/x").status for _ in range(20)]
        assert statuses == [200] * 20
        assert proxy.fetch("POST", "/x", body=b"act").status == 200, "nothing had been sent"


def test_localhost_with_ipv4_only(start):
    """A name that may resolve to ::1 first is reached at 127.0.0.1 (Happy Eyeballs)."""
    with upstreams.Upstream() as upstream:
        proxy = start(named(upstream))
        assert proxy.fetch("GET", "/x").status == 200


def test_ipv6_upstream(start):
    """A literal IPv6 address."""
    try:
        server = upstreams.Upstream(host="::1", family=socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6 loopback here")
    with server:
        proxy = start(f"http://[::1]:{server.port}")
        assert proxy.fetch("GET", "/x").status == 200
        assert server.requests[0].one("Host") == f"[::1]:{server.port}"


def test_url_prefix(start, upstream):
    """A path in the URL is put in front."""
    proxy = start(upstream.url + "/v1")
    assert proxy.fetch("GET", "/items?q").status == 200
    assert upstream.requests[0].target == "/v1/items?q"


# ---- outbound proxies


class Tunnel:
    """A scripted CONNECT proxy; refuses when `status` is not 200."""

    def __init__(self, status="200 Connection established"):
        self.status = status
        self.server = upstreams.Upstream(handle=self._handle)
        self.asked = []

    def _handle(self, connection):
        request = self._head(connection)
        self.asked.append(request)
        connection.send(f"HTTP/1.1 {self.status}\r\n\r\n".encode())
        if not self.status.startswith("200"):
            return
        host, _, port = request.split(" ")[1].rpartition(":")
        with socket.create_connection((host.strip("[]"), int(port)), 5) as far:
            back = threading.Thread(target=self._pump, args=(far, connection.sock), daemon=True)
            back.start()
            far.sendall(bytes(connection.reader.buffer))
            self._pump(connection.sock, far)
            back.join(5)

    @staticmethod
    def _head(connection):
        lines = []
        while line := connection.reader.line():
            lines.append(line)
        return "\n".join(lines)

    @staticmethod
    def _pump(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.close()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_outbound_proxy(start, authority, scheme):
    """The upstream is reached by CONNECT, for http and https alike, with credentials."""
    context = tls_context(authority, "good") if scheme == "https" else None
    with Tunnel() as tunnel, upstreams.Upstream(tls=context) as upstream:
        settings = tls_settings(named(upstream), authority) if context \
            else harness.settings_for(named(upstream))
        settings["upstreams"]["api"]["proxy"] = f"http://user:pass@127.0.0.1:{tunnel.server.port}"
        proxy = start(settings=settings)
        for _ in range(2):
            assert proxy.fetch("GET", "/x").status == 200
        assert len(tunnel.asked) == 1, "the tunnel is not reused"
        assert tunnel.asked[0].startswith(f"CONNECT localhost:{upstream.port} HTTP/1.1")
        assert "Proxy-Authorization: Basic dXNlcjpwYXNz" in tunnel.asked[0]
        assert upstream.requests[0].target == "/x"
        assert not upstream.requests[0].all("Proxy-Authorization")


@pytest.mark.parametrize("status", ["407 Proxy Authentication Required", "503 Busy"])
def test_outbound_proxy_refuses(start, status):
    """502 to the client; the proxy's own words are not passed on."""
    with Tunnel(status) as tunnel:
        settings = harness.settings_for("http://127.0.0.1:9")
        settings["upstreams"]["api"]["proxy"] = f"http://127.0.0.1:{tunnel.server.port}"
        proxy = start(settings=settings)
        assert proxy.fetch("GET", "/x").status == 502
        proxy.wait_metric("upstream_errors_total", lambda n: n >= 1)


def test_environment_proxy_is_ignored(start, upstream):
    """http_proxy and its relatives change nothing."""
    nowhere = f"http://127.0.0.1:{harness.free_port()}"
    environment = {name: nowhere for name in ("http_proxy", "HTTP_PROXY", "https_proxy",
                                              "all_proxy", "ALL_PROXY")}
    proxy = start(upstream, environment={**environment, "PATH": "/usr/bin:/bin"})
    assert proxy.fetch("GET", "/x").status == 200


# ---- the pool


def test_pool_limit(start):
    """More than connections_max + pending_max requests: 503, counted as pool_full."""
    release = threading.Event()

    def handle(connection):
        while connection.request() is not None:
            release.wait(10)
            connection.send(upstreams.response())

    with upstreams.Upstream(handle=handle) as upstream:
        proxy = start(settings=harness.settings_for(upstream, upstream_settings={
            "pool": {"connections_max": 2, "pending_max": 3}}))
        waiting = [proxy.client() for _ in range(5)]
        for number, client in enumerate(waiting):
            client.send(clients.head("GET", f"/{number}"))
        proxy.wait_metric("http_requests_in_flight", 5)
        refused = proxy.fetch("GET", "/x")
        assert refused.status == 503
        proxy.wait_metric("upstream_errors_total", 1, reason="pool_full")
        assert len(upstream.connections) == 2
        release.set()
        assert [client.response().status for client in waiting] == [200] * 5
        assert len(upstream.connections) == 2
        for client in waiting:
            client.close()


def test_pool_reuses_and_lets_go(start, upstream):
    """Idle connections are reused, and closed after pool.idle_timeout."""
    proxy = start(settings=harness.settings_for(
        upstream, upstream_settings={"pool": {"idle_timeout": "500ms"}}))
    for _ in range(10):
        assert proxy.fetch("GET", "/x").status == 200
    assert len(upstream.connections) == 1
    assert upstream.connections[0].done.wait(10), "an idle connection is kept for ever"
    proxy.wait_metric("upstream_connections", 0, state="idle")


def test_pool_age(start, upstream):
    """A connection older than age_max is not used again."""
    proxy = start(settings=harness.settings_for(
        upstream, upstream_settings={"pool": {"age_max": "1s"}}))
    with proxy.client() as client:
        harness.wait_until(lambda: client.get("/x").status == 200 and len(upstream.connections) > 2,
                           "new connections")


def test_waiting_client_that_leaves_gives_up_its_place(start):
    """A request waiting for a connection ends with its client."""
    release = threading.Event()

    def handle(connection):
        while connection.request() is not None:
            release.wait(10)
            connection.send(upstreams.response())

    with upstreams.Upstream(handle=handle) as upstream:
        proxy = start(settings=harness.settings_for(upstream, upstream_settings={
            "pool": {"connections_max": 1, "pending_max": 1}}))
        first, second = proxy.client(), proxy.client()
        first.send(clients.head("GET", "/1"))
        harness.wait_until(lambda: upstream.requests, "the first arrives")
        second.send(clients.head("GET", "/2"))
        proxy.wait_metric("http_requests_in_flight", 2)
        second.reset()
        proxy.wait_metric("http_requests_in_flight", 1)
        release.set()
        assert first.response().status == 200
        first.close()
        assert proxy.fetch("GET", "/3").status == 200
        assert [r.target for r in upstream.requests] == ["/1", "/3"]


# ---- who the client is


def proxy_v1(source="192.0.2.7"):
    return f"PROXY TCP4 {source} 127.0.0.1 5000 80\r\n".encode()


def proxy_v2(command=1, family=0x11, addresses=None, extra=b""):
    addresses = (socket.inet_aton("192.0.2.7") + socket.inet_aton("127.0.0.1")
                 + struct.pack(">HH", 5000, 80)) if addresses is None else addresses
    return (b"\r\n\r\n\0\r\nQUIT\n" + bytes([0x20 | command, family])
            + struct.pack(">H", len(addresses + extra)) + addresses + extra)


V6 = (socket.inet_pton(socket.AF_INET6, "2001:db8::7") + socket.inet_pton(socket.AF_INET6, "::1")
      + struct.pack(">HH", 5000, 80))
GET = b"GET /x HTTP/1.1\r\nHost: test.example\r\n\r\n"


@pytest.fixture(scope="module")
def behind_proxy():
    """A listener that requires the PROXY protocol."""
    with upstreams.Upstream() as upstream:
        def settings(proxy):
            return harness.settings_for(upstream, trusted_proxies=["127.0.0.1/32"], listen=[
                {"address": f"127.0.0.1:{proxy.port}", "proxy_protocol": True}])
        with harness.Proxy(settings=settings) as proxy:
            yield proxy, upstream


@pytest.mark.parametrize("header,client_ip", [
    (proxy_v1(), "192.0.2.7"),
    (b"PROXY TCP6 2001:db8::7 ::1 5000 80\r\n", "2001:db8::7"),
    (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
    (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", "127.0.0.1"),
    (proxy_v2(), "192.0.2.7"),
    (proxy_v2(family=0x21, addresses=V6), "2001:db8::7"),
    (proxy_v2(command=0, family=0, addresses=b""), "127.0.0.1"),
    (proxy_v2(command=0), "127.0.0.1"),
    (proxy_v2(extra=b"\x04\x00\x03abc"), "192.0.2.7"),
])
def test_proxy_protocol(behind_proxy, header, client_ip):
    """The address of the header is the client: in the log and in X-Forwarded-For."""
    proxy, upstream = behind_proxy
    lines, requests = len(proxy.log_lines()), len(upstream.requests)
    with proxy.client() as client:
        client.send(header + GET)
        assert client.response().status == 200
        client.send(GET)
        assert client.response().status == 200
    harness.wait_until(lambda: len(proxy.log_lines()) == lines + 2, "two lines")
    assert [line["client_ip"] for line in proxy.log_lines()[lines:]] == [client_ip] * 2
    assert upstream.requests[requests].one("X-Forwarded-For") == client_ip


@pytest.mark.parametrize("header", [
    b"", b"PROXY TCP4 192.0.2.7\r\n", b"PROXY TCP4 999.0.2.7 127.0.0.1 1 2\r\n",
    b"PROXY TCP4 192.0.2.7 127.0.0.1 70000 2\r\n", b"PROXY TCP9 192.0.2.7 127.0.0.1 1 2\r\n",
    b"proxy TCP4 192.0.2.7 127.0.0.1 1 2\r\n", b"PROXY " + b"x" * 200 + b"\r\n",
    proxy_v2()[:11] + b"X" + proxy_v2()[12:], proxy_v2(command=2),
    b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c" + b"\0" * 12, proxy_v2(family=0x11, addresses=b"abc"),
], ids=range(11))
def test_proxy_protocol_malformed(behind_proxy, header):
    """Closed without service; nothing reaches the upstream."""
    proxy, upstream = behind_proxy
    requests = len(upstream.requests)
    with proxy.client() as client:
        client.send(header + GET)
        client.wait_closed()
        if client.reader.buffer:
            assert client.response().status == 400
    proxy.assert_alive()
    assert len(upstream.requests) == requests


def test_proxy_protocol_byte_by_byte(behind_proxy):
    """Split anywhere."""
    proxy, _ = behind_proxy
    with proxy.client() as client:
        for byte in proxy_v2() + GET:
            client.send(bytes([byte]))
        assert client.response().status == 200


def test_proxy_protocol_where_it_is_not_expected(start, upstream):
    """Refused, not believed."""
    proxy = start(upstream)
    for header in (proxy_v1(), proxy_v2()):
        with proxy.client() as client:
            client.send(header + GET)
            assert client.response().status in (400, 501, 505)
            client.wait_closed()
    assert not upstream.requests


@pytest.mark.parametrize("fields,client_ip", [
    ([], "127.0.0.1"),
    ([("X-Forwarded-For", "203.0.113.9")], "203.0.113.9"),
    ([("X-Forwarded-For", "198.51.100.1, 203.0.113.9")], "203.0.113.9"),
    ([("X-Forwarded-For", "203.0.113.9, 10.0.0.1, 10.0.0.2")], "203.0.113.9"),
    ([("X-Forwarded-For", "198.51.100.1"), ("X-Forwarded-For", "203.0.113.9,10.0.0.1")],
     "203.0.113.9"),
    ([("X-Forwarded-For", "2001:db8::9")], "2001:db8::9"),
])
def test_trusted_proxies(start, upstream, fields, client_ip):
    """The right-most address that is not trusted is the client."""
    proxy = start(settings=harness.settings_for(
        upstream, trusted_proxies=["127.0.0.0/8", "10.0.0.0/8"]))
    assert proxy.fetch("GET", "/x", fields).status == 200
    assert proxy.wait_log(lambda line: True)["client_ip"] == client_ip


def test_untrusted_peer_is_not_believed(start, upstream):
    """X-Forwarded-For of anybody else is no address."""
    proxy = start(upstream)
    assert proxy.fetch("GET", "/x", [("X-Forwarded-For", "203.0.113.9"),
                                     ("Forwarded", "for=203.0.113.9")]).status == 200
    assert proxy.wait_log(lambda line: True)["client_ip"] == "127.0.0.1"


@pytest.mark.parametrize("policy,expected", [
    ("append", "203.0.113.9, 127.0.0.1"), ("replace", "127.0.0.1"), ("off", "203.0.113.9")])
def test_forwarded_policy(start, upstream, policy, expected):
    """append, replace, off (from a trusted peer)."""
    proxy = start(settings=harness.settings_for(
        upstream, forwarded=policy, trusted_proxies=["127.0.0.1/32"]))
    assert proxy.fetch("GET", "/x", [("X-Forwarded-For", "203.0.113.9")]).status == 200
    value = ", ".join(upstream.requests[0].all("X-Forwarded-For"))
    if policy == "replace":
        assert value in ("127.0.0.1", "203.0.113.9")
    else:
        assert value == expected


# ---- routes


@pytest.fixture(scope="module")
def routed():
    """An instance with a route for every rule."""
    with upstreams.Upstream(lambda r: upstreams.response(
            b"ok", fields=[("X-Drop", "1"), ("X-Up", "a"), ("Server", "upstream")])) as upstream:
        url = upstream.url
        settings = {
            "upstreams": {"plain": {"url": url}, "kept": {"url": url, "host": "preserve"},
                          "fixed": {"url": url, "host": "api.internal.example"}},
            "routes": [
                {"name": "item", "match": {"path": "/items/{id}", "methods": ["GET"]},
                 "upstream": "plain"},
                {"name": "item-write", "match": {"path": "/items/{id}", "methods": ["PUT"]},
                 "upstream": "plain", "body_bytes_max": 10},
                {"name": "kept", "match": {"path": "/kept"}, "upstream": "kept"},
                {"name": "fixed", "match": {"path": "/fixed"}, "upstream": "fixed"},
                {"name": "hosted", "upstream": "plain",
                 "match": {"path": "/hosted", "hosts": ["a.example", "*.b.example"]}},
                {"name": "rewritten", "match": {"path": "/old/{id}/x"}, "upstream": "plain",
                 "rewrite": {"path": "/new/{id}"}},
                {"name": "stripped", "match": {"path": "/api/v1/**"}, "upstream": "plain",
                 "rewrite": {"strip_prefix": "/api/v1"}},
                {"name": "moved", "match": {"path": "/moved/**"}, "upstream": "plain",
                 "rewrite": {"strip_prefix": "/moved", "add_prefix": "/to"}},
                {"name": "edited", "match": {"path": "/edited"}, "upstream": "plain",
                 "request": {"set": {"X-Set": "new"}, "add": {"X-Add": "more"},
                             "remove": ["X-Gone", "Cookie"]},
                 "response": {"set": {"Server": "edge"}, "add": {"X-Up": "b"},
                              "remove": ["X-Drop"]}},
            ],
        }
        with harness.Proxy(settings=settings) as proxy:
            yield proxy, upstream


def ask(routed, method, target, fields=(), **more):
    """The answer, and the request as the upstream got it (None if it got none)."""
    proxy, upstream = routed
    upstream.requests.clear()
    response = proxy.fetch(method, target, fields, **more)
    return response, upstream.requests[-1] if upstream.requests else None


@pytest.mark.parametrize("method,target,status", [
    ("GET", "/items/1", 200), ("HEAD", "/items/1", 200), ("PUT", "/items/1", 200),
    ("GET", "/items/1?x=/y", 200), ("GET", "/items/", 404), ("GET", "/items", 404),
    ("GET", "/items/1/2", 404), ("GET", "/ITEMS/1", 404), ("GET", "/it%65ms/1", 200),
    ("GET", "/none", 404), ("GET", "/", 404),
    ("POST", "/items/1", 405), ("DELETE", "/items/1", 405), ("BREW", "/items/1", 405),
    ("GET", "/api/v1/a/b/c", 200), ("GET", "/api/v1", 200),
])
def test_matching(routed, method, target, status):
    """404 where no path matches, 405 where only the method does not; nothing is sent then."""
    response, request = ask(routed, method, target)
    assert response.status == status
    assert (request is not None) == (status == 200)
    if status == 405:
        assert {"GET", "PUT"} <= {m.strip() for m in response.one("Allow").split(",")}
    if status >= 400:
        assert response.one("Content-Type").startswith("application/problem+json")


@pytest.mark.parametrize("host,status", [
    ("a.example", 200), ("A.EXAMPLE", 200), ("a.example:8080", 200), ("x.b.example", 200),
    ("x.y.b.example", 200), ("b.example", 404), ("c.example", 404), ("xb.example", 404)])
def test_hosts(routed, host, status):
    """Exact names and wildcards; case and port do not matter."""
    assert ask(routed, "GET", "/hosted", host=host)[0].status == status


def test_host_towards_the_upstream(routed):
    """upstream, preserve, literal."""
    port = routed[1].port
    assert ask(routed, "GET", "/items/1")[1].one("Host") == f"127.0.0.1:{port}"
    assert ask(routed, "GET", "/kept")[1].one("Host") == "test.example"
    assert ask(routed, "GET", "/fixed")[1].one("Host") == "api.internal.example"


@pytest.mark.parametrize("target,sent", [
    ("/old/7/x?q=1", "/new/7?q=1"), ("/old/a%2Fb/x", "/new/a%2Fb"), ("/api/v1/a/b?q", "/a/b?q"),
    ("/api/v1/", "/"), ("/moved/a", "/to/a"), ("/moved/a/?q", "/to/a/?q")])
def test_rewrite(routed, target, sent):
    """New path, prefix dropped, prefix put in front; query and escapes untouched."""
    assert ask(routed, "GET", target)[1].target == sent


def test_field_edits(routed):
    """remove, then set, then add; in both directions."""
    response, request = ask(routed, "GET", "/edited", [
        ("X-Set", "old"), ("x-set", "older"), ("X-Add", "one"), ("X-Gone", "1"), ("cookie", "a=b"),
        ("X-Other", "kept")])
    assert request.all("X-Set") == ["new"] and request.all("X-Add") == ["one", "more"]
    assert not request.all("X-Gone") and not request.all("Cookie")
    assert request.one("X-Other") == "kept"
    assert response.all("Server") == ["edge"] and response.all("X-Up") == ["a", "b"]
    assert not response.all("X-Drop")


def test_body_limit_of_a_route(routed):
    """body_bytes_max of the route wins."""
    assert ask(routed, "PUT", "/items/1", body=b"b" * 10)[0].status == 200
    response, request = ask(routed, "PUT", "/items/1", body=b"b" * 11)
    assert response.status == 413 and request is None


def test_timeouts_of_a_route(start):
    """A route's first_byte wins over its upstream's."""
    with upstreams.Upstream(lambda r: [upstreams.WaitClosed(20)]) as upstream:
        proxy = start(settings=harness.settings_for(
            upstream, route={"timeouts": {"first_byte": "200ms"}}))
        assert proxy.fetch("GET", "/x").status == 504


def test_upstreams_page_shows_the_pool(routed):
    """/api/v1/upstreams names them all."""
    response = routed[0].admin("GET", "/api/v1/upstreams")
    for name in (b"plain", b"kept", b"fixed"):
        assert name in response.body


def test_several_listeners(start, upstream):
    """Every address of `listen` serves."""
    more = harness.free_port()
    proxy = start(settings=lambda p: harness.settings_for(
        upstream, listen=[{"address": f"127.0.0.1:{p.port}"}, {"address": f"127.0.0.1:{more}"}]))
    assert proxy.fetch("GET", "/x").status == 200
    assert clients.fetch(more, "GET", "/x").status == 200
