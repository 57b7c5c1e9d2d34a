"""The admin listener: its endpoints, its token, its manners with hostile bytes."""
import json

import pytest

import client as clients
import harness
import upstream as upstreams

TOKEN = "s3cret-token-of-the-tests"


@pytest.fixture(scope="module")
def instance():
    """An instance with a token and secrets in its settings."""
    with upstreams.Upstream() as upstream:
        settings = {
            "admin": {"token": TOKEN},
            "upstreams": {"api": {"url": upstream.url,
                                  "proxy": "http://user:hush-proxy@127.0.0.1:9"},
                          "open": {"url": upstream.url}},
            "routes": [{"name": "all", "match": {"path": "/**"}, "upstream": "open",
                        "request": {"set": {"Authorization": "Bearer hush-field",
                                            "X-Key": "${HUSH_KEY}"}}}],
        }
        with harness.Proxy(settings=settings, environment={"HUSH_KEY": "hush-environment",
                                                           "PATH": "/usr/bin:/bin"}) as proxy:
            yield proxy


def is_problem(response, status):
    """Whether the answer is a problem document of that status (RFC 9457)."""
    assert response.status == status, response
    assert response.one("Content-Type").startswith("application/problem+json")
    problem = json.loads(response.body)
    assert problem["status"] == status and problem["title"]
    return True


def bearer(token=TOKEN):
    return [("Authorization", f"Bearer {token}")]


@pytest.mark.parametrize("target", ["/-/healthy", "/-/ready"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_health(instance, target, method):
    """Healthy and ready, without a token."""
    assert instance.admin(method, target).status == 200


def test_index(instance):
    """`/` names the other pages."""
    response = instance.admin("GET", "/")
    assert response.status == 200
    assert b"/metrics" in response.body


def test_config_is_shown_without_secrets(instance):
    """The effective settings, secrets redacted."""
    response = instance.admin("GET", "/api/v1/config", bearer())
    assert response.status == 200
    assert response.one("Content-Type").startswith("application/json")
    json.loads(response.body)
    text = response.body.decode()
    assert "hush" not in text and TOKEN not in text
    assert "api" in text and "open" in text and "first_byte_timeout" in text


def test_upstreams_are_shown(instance):
    """Each upstream with its name."""
    response = instance.admin("GET", "/api/v1/upstreams", bearer())
    assert response.status == 200
    text = json.dumps(json.loads(response.body))
    assert '"api"' in text and '"open"' in text and "hush" not in text


def test_nothing_secret_is_ever_printed(instance):
    """Neither diagnostics nor metrics show what is secret."""
    instance.fetch("GET", "/x")
    assert "hush" not in instance.stderr() and TOKEN not in instance.stderr()
    assert b"hush" not in instance.admin("GET", "/metrics").body


@pytest.mark.parametrize("fields", [
    [], [("Authorization", "Bearer wrong")], [("Authorization", f"Basic {TOKEN}")],
    [("Authorization", "Bearer ")], [("Authorization", f"Bearer {TOKEN}x")],
    [("Authorization", f"Bearer {TOKEN[:-1]}")], [("X-Token", TOKEN)],
])
def test_reload_needs_the_token(instance, fields):
    """401 with WWW-Authenticate (RFC 9110 §15.5.2), and nothing is reloaded."""
    response = instance.admin("POST", "/-/reload", fields)
    assert is_problem(response, 401)
    assert response.one("WWW-Authenticate").startswith("Bearer")


def test_reload_with_the_token(instance):
    """200 with the token."""
    assert instance.admin("POST", "/-/reload", bearer()).status == 200


def test_token_in_the_query_is_no_token(instance):
    """Only the field counts."""
    assert instance.admin("POST", f"/-/reload?token={TOKEN}").status == 401


@pytest.mark.parametrize("target", ["/nothing", "/-/", "/metrics/", "/api/v1/", "/api/v2/config",
                                    "/%2e%2e/etc/passwd", "//metrics", "/-/ready/x"])
def test_unknown_paths(instance, target):
    """404 as a problem document."""
    response = instance.admin("GET", target, bearer())
    assert response.status in (400, 404)
    assert is_problem(response, response.status)


@pytest.mark.parametrize("method,target,allowed", [
    ("POST", "/metrics", {"GET", "HEAD"}), ("DELETE", "/-/healthy", {"GET", "HEAD"}),
    ("PUT", "/-/ready", {"GET", "HEAD"}), ("GET", "/-/reload", {"POST"}),
    ("PATCH", "/api/v1/config", {"GET", "HEAD"}), ("BREW", "/metrics", {"GET", "HEAD"}),
])
def test_wrong_methods(instance, method, target, allowed):
    """405 with Allow (RFC 9110 §15.5.6)."""
    response = instance.admin(method, target, bearer())
    assert is_problem(response, 405)
    assert {name.strip() for name in response.one("Allow").split(",")} == allowed


HOSTILE = [
    bytes(range(256)) * 40,
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xaa" * 600,
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET /metrics HTTP/1.1\r\nHost : a\r\n\r\n",
    b"GET /metrics HTTP/1.1\r\nHost: a\r\nX: " + b"v" * 200_000 + b"\r\n\r\n",
    b"GET /" + b"t" * 200_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /-/reload HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"POST /-/reload HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"\r\n" * 10_000,
    b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET /metrics HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 100_000 + b"\r\n",
]


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_hostile_bytes(instance, number):
    """Refused or ignored; the listener goes on, and so does the instance."""
    with clients.Client(instance.admin_port) as client:
        client.send(HOSTILE[number])
        client.sock.shutdown(1)
        client.wait_closed()
        if client.reader.buffer:
            assert client.response().status >= 400
    instance.assert_alive()
    assert instance.is_ready()
    assert instance.fetch("GET", "/x").status == 200


def test_silent_and_slow_scrapers_do_no_harm(instance):
    """Connections that ask nothing, or read nothing, keep nobody else waiting."""
    held = [clients.Client(instance.admin_port, receive_buffer=4096) for _ in range(50)]
    for number, client in enumerate(held):
        if number % 2:
            client.send(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n" * 20)
    assert instance.is_ready()
    assert instance.metric("ready") == 1
    assert instance.fetch("GET", "/x").status == 200
    for client in held:
        client.reset()


def test_keep_alive_and_pipelining(instance):
    """The admin port speaks persistent HTTP/1.1."""
    with clients.Client(instance.admin_port) as client:
        client.send(b"GET /-/ready HTTP/1.1\r\nHost: a\r\n\r\n"
                    b"HEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\n"
                    b"GET /-/healthy HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert [client.response(m).status for m in ("GET", "HEAD", "GET")] == [200] * 3
        assert client.wait_closed() == "fin"


def test_beyond_loopback_a_token_is_required(upstream):
    """Refused at the start, naming the setting."""
    result = harness.run("serve", "--upstream", upstream.url,
                         "--listen", f"127.0.0.1:{harness.free_port()}",
                         "--admin", f"0.0.0.0:{harness.free_port()}")
    assert result.returncode == 2, result
    assert "admin" in result.stderr and "token" in result.stderr


def test_without_a_token_on_loopback_reload_is_refused_or_allowed(start, upstream):
    """Design §7: a token is required to change anything, or the listener is loopback only."""
    proxy = start(settings=harness.settings_for(upstream))
    assert proxy.admin("POST", "/-/reload").status in (200, 401, 403)
