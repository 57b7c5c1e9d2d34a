"""Settings: refused whole and early, reloaded without a lost request."""
import re
import signal
import socket
import threading

import pytest

import harness
import upstream as upstreams

BAD = """\
workers: many
listen:
  - address: nowhere
client:
  head_timeout: 10 parsecs
  head_bytes_max: large
upstreams:
  api:
    url: ftp://example.com
    colour: blue
routes:
  - name: one
    match:
      path: items
    upstream: missing
unknown_key: 1
"""


def serve(path, *more):
    return harness.run("serve", "--config", path, *more)


def bad_lines(text, path):
    """The line numbers that a report names."""
    return {int(n) for n in re.findall(re.escape(str(path)) + r":(\d+)", text)}


def test_all_problems_in_one_report(tmp_path):
    """Exit code 2; each problem with file and line; nothing was started."""
    path = tmp_path / "bad.yml"
    path.write_text(BAD)
    port = harness.free_port()
    result = serve(path, "--listen", f"127.0.0.1:{port}")
    assert result.returncode == 2, result
    assert {1, 5, 6, 9, 10, 14, 15, 16} <= bad_lines(result.stderr, path), result.stderr
    for word in ("workers", "head_timeout", "colour", "missing", "unknown_key"):
        assert word in result.stderr
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_check_config(tmp_path, upstream):
    """0 for a good file, 2 with the same report for a bad one."""
    good = harness.write_settings(tmp_path, harness.settings_for(upstream))
    assert harness.run("check-config", good).returncode == 0
    bad = tmp_path / "bad.yml"
    bad.write_text(BAD)
    result = harness.run("check-config", bad)
    assert result.returncode == 2
    assert len(bad_lines(result.stderr + result.stdout, bad)) >= 8


@pytest.mark.parametrize("text", [
    "routes: [", "\t- a", "a: b: c", "- 1\n- 2\n", "\0", "workers: 1\nworkers: 2\n",
    "upstreams:\n  a: &x\n    url: *x\n", "\xff\xfe".encode("latin-1").decode("latin-1"),
    "routes:\n" + "  - {name: a}\n" * 3, "[" * 5000, "upstreams: {a: {url: 'http://a'}}\nroutes: 5",
], ids=range(11))
def test_malformed_files(tmp_path, text):
    """No crash: exit code 2 and a word about it."""
    path = tmp_path / "bad.yml"
    path.write_bytes(text.encode("latin-1"))
    result = harness.run("check-config", path)
    assert result.returncode == 2, result
    assert str(path) in result.stderr + result.stdout


def test_missing_file(tmp_path):
    """One line that names it."""
    result = serve(tmp_path / "none.yml")
    assert result.returncode in (1, 2)
    assert "none.yml" in result.stderr


def test_nothing_to_do():
    """Neither a file nor an upstream: refused with a hint."""
    result = harness.run("serve")
    assert result.returncode in (1, 2, 64)
    assert "upstream" in result.stderr


@pytest.mark.parametrize("flag,value", [("--listen", "nowhere"), ("--upstream", "not a url"),
                                        ("--workers", "0x"), ("--log-format", "xml"),
                                        ("--log-level", "loud"), ("--no-such-flag", "1")])
def test_bad_flags(upstream, flag, value):
    """Refused, naming the flag or the value."""
    arguments = {"--upstream": upstream.url, "--listen": f"127.0.0.1:{harness.free_port()}",
                 "--admin": f"127.0.0.1:{harness.free_port()}", flag: value}
    result = harness.run("serve", *[word for pair in arguments.items() for word in pair])
    assert result.returncode in (2, 64), result
    assert flag in result.stderr or value in result.stderr


def test_port_in_use(upstream):
    """One line, exit code 1. SO_REUSEPORT must not let two instances share a port by mistake."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = harness.run("serve", "--upstream", upstream.url, "--listen", f"127.0.0.1:{port}",
                             "--admin", f"127.0.0.1:{harness.free_port()}")
    assert result.returncode == 1, result
    lines = [line for line in result.stderr.splitlines() if str(port) in line]
    assert len(lines) == 1, result.stderr


def test_admin_port_in_use(upstream):
    """The same for the admin listener."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = harness.run("serve", "--upstream", upstream.url, "--admin", f"127.0.0.1:{port}",
                             "--listen", f"127.0.0.1:{harness.free_port()}")
    assert result.returncode == 1, result
    assert str(port) in result.stderr


def test_unknown_upstream_host():
    """A name that does not exist: one line that names it, exit code 1; or served as 502 later."""
    port = harness.free_port()
    process = harness.subprocess.Popen(
        [harness.BINARY, "serve", "--upstream", "http://no-such-host.invalid",
         "--access-log", "off", "--listen", f"127.0.0.1:{port}",
         "--admin", f"127.0.0.1:{harness.free_port()}"],
        stderr=harness.subprocess.PIPE, text=True)
    try:
        try:
            _, text = process.communicate(timeout=5)
        except harness.subprocess.TimeoutExpired:
            assert harness.client.fetch(port, "GET", "/x").status == 502
        else:
            assert process.returncode == 1 and text.count("\n") == 1
            assert "no-such-host.invalid" in text
    finally:
        process.kill()
        process.wait(5)


@pytest.mark.parametrize("content", [None, "not a certificate"])
def test_unreadable_authorities(tmp_path, content):
    """A CA file that is missing or no PEM: one line naming it, exit code 1 (or 2)."""
    path = tmp_path / "ca.pem"
    if content:
        path.write_text(content)
    result = harness.run("serve", "--upstream", "https://127.0.0.1:9", "--upstream-ca", path,
                         "--listen", f"127.0.0.1:{harness.free_port()}",
                         "--admin", f"127.0.0.1:{harness.free_port()}")
    assert result.returncode in (1, 2), result
    assert sum("ca.pem" in line for line in result.stderr.splitlines()) == 1, result.stderr


def test_upstream_alone_is_enough(start, upstream):
    """`--upstream URL` and defaults for the rest."""
    proxy = start(upstream, workers=0)
    assert proxy.fetch("GET", "/any/path?q").body == b"ok"
    assert upstream.requests[0].one("Host") == f"127.0.0.1:{upstream.port}"


def test_flags_win_over_the_file(start, upstream, tmp_path):
    """The file's listeners and log give way."""
    settings = harness.settings_for(upstream, listen=[{"address": "127.0.0.1:1"}],
                                    admin={"listen": "127.0.0.1:2"},
                                    log={"access": {"path": "/nowhere/access.log"}})
    proxy = start(arguments=("--config", harness.write_settings(tmp_path, settings)))
    assert proxy.fetch("GET", "/x").status == 200
    proxy.wait_log(lambda line: line["status"] == 200)


def test_version():
    """`version` says something and succeeds."""
    result = harness.run("version")
    assert result.returncode == 0 and re.search(r"\d+\.\d+", result.stdout)


def test_environment_is_expanded(start, upstream):
    """`${NAME}` and `${NAME:-default}`."""
    settings = harness.settings_for(upstream, route={"request": {"set": {
        "X-A": "${TEST_A}", "X-B": "${TEST_MISSING:-fallback}"}}})
    proxy = start(settings=settings, environment={"TEST_A": "from-environment",
                                                  "PATH": "/usr/bin:/bin"})
    assert proxy.fetch("GET", "/x").status == 200
    request = upstream.requests[0]
    assert (request.one("X-A"), request.one("X-B")) == ("from-environment", "fallback")


def marked(upstream, mark, **more):
    """Settings whose route marks its answers."""
    return harness.settings_for(upstream, route={"response": {"set": {"X-Mark": mark}}}, **more)


def mark_of(proxy):
    return proxy.fetch("GET", "/x").one("X-Mark")


def reload(proxy, how):
    """Asks for a reload; the status, or None for a signal."""
    if how == "signal":
        proxy.signal(signal.SIGHUP)
        return None
    return proxy.admin("POST", "/-/reload", [("Authorization", "Bearer t0ken-of-tests")]).status


@pytest.mark.parametrize("how", ["signal", "post"])
def test_reload(start, upstream, how):
    """New settings are taken, on connections that exist as on new ones."""
    proxy = start(settings=marked(upstream, "one", admin={"token": "t0ken-of-tests"}), workers=2)
    with proxy.client() as kept:
        assert kept.get("/x").one("X-Mark") == "one"
        harness.write_settings(proxy.directory.name,
                               marked(upstream, "two", admin={"token": "t0ken-of-tests"}))
        assert reload(proxy, how) in (None, 200)
        harness.wait_until(lambda: mark_of(proxy) == "two", "the new settings")
        assert kept.get("/x").one("X-Mark") == "two"
    assert proxy.metric("config_last_reload_successful") == 1


@pytest.mark.parametrize("how", ["signal", "post"])
def test_bad_reload_changes_nothing(start, upstream, how):
    """The running settings stay; log, metric and answer say why; a good file mends it."""
    good = marked(upstream, "one", admin={"token": "t0ken-of-tests"})
    proxy = start(settings=good)
    assert mark_of(proxy) == "one"
    proxy.settings_path.write_text(BAD)
    assert reload(proxy, how) in (None, 400, 422)
    proxy.wait_metric("config_last_reload_successful", 0)
    assert mark_of(proxy) == "one"
    harness.wait_until(lambda: "colour" in proxy.stderr(), proxy.stderr)
    assert proxy.is_ready()
    mended = {**good, "routes": marked(upstream, "3")["routes"]}
    harness.write_settings(proxy.directory.name, mended)
    assert reload(proxy, how) in (None, 200)
    proxy.wait_metric("config_last_reload_successful", 1)
    harness.wait_until(lambda: mark_of(proxy) == "3", "the new settings")


def test_bad_reload_is_explained_in_the_answer(start, upstream):
    """POST /-/reload answers with all the problems, with their lines."""
    proxy = start(settings=marked(upstream, "one", admin={"token": "t0ken-of-tests"}))
    proxy.settings_path.write_text(BAD)
    response = proxy.admin("POST", "/-/reload", [("Authorization", "Bearer t0ken-of-tests")])
    assert response.status in (400, 422)
    assert response.one("Content-Type").startswith("application/problem+json")
    for word in ("colour", "unknown_key", "missing"):
        assert word.encode() in response.body


def test_reload_keeps_counters(start, upstream):
    """Counters go on where they were."""
    proxy = start(settings=marked(upstream, "one", admin={"token": "t0ken-of-tests"}))
    for _ in range(5):
        mark_of(proxy)
    settings = marked(upstream, "2", admin={"token": "t0ken-of-tests"})
    harness.write_settings(proxy.directory.name, settings)
    assert reload(proxy, "post") == 200
    harness.wait_until(lambda: mark_of(proxy) == "2", "the new settings")
    assert proxy.wait_metric("http_requests_total", lambda n: n >= 6, route="all", code="200") < 100


def test_reload_adds_and_removes_upstreams(start):
    """A route moves to another upstream; the old one's connections are let go."""
    with upstreams.Upstream(lambda r: upstreams.response(b"old")) as old, \
            upstreams.Upstream(lambda r: upstreams.response(b"new")) as new:
        proxy = start(settings=harness.settings_for(old, admin={"token": "t0ken-of-tests"}))
        assert proxy.fetch("GET", "/x").body == b"old"
        settings = harness.settings_for(new, admin={"token": "t0ken-of-tests"})
        settings["upstreams"] = {"other": settings["upstreams"]["api"]}
        settings["routes"][0]["upstream"] = "other"
        harness.write_settings(proxy.directory.name, settings)
        assert reload(proxy, "post") == 200
        harness.wait_until(lambda: proxy.fetch("GET", "/x").body == b"new", "the new upstream")
        assert all(c.done.wait(10) for c in old.connections), "old connections stay open"


def test_a_hundred_reloads_under_load(start, upstream):
    """No request fails, no connection is lost, memory and descriptors stay."""
    token = {"admin": {"token": "t0ken-of-tests"}}
    proxy = start(settings=marked(upstream, "0", **token), workers=2)
    ended, failures, counts = threading.Event(), [], []

    def load():
        count = 0
        try:
            with proxy.client() as client:
                while not ended.is_set():
                    response = client.get("/x")
                    assert (response.status, response.body) == (200, b"ok"), response
                    assert (response.one("Connection") or "").lower() != "close"
                    count += 1
        except BaseException as error:
            failures.append(error)
        counts.append(count)

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for number in range(1, 101):
            temporary = proxy.settings_path.with_suffix(".new")
            temporary.write_text(harness.json.dumps(marked(upstream, str(number), **token)))
            temporary.rename(proxy.settings_path)
            if number % 2:
                assert reload(proxy, "post") == 200
            else:
                reload(proxy, "signal")
                harness.wait_until(lambda n=str(number): mark_of(proxy) == n, f"reload {number}")
            if number == 20:
                fds = proxy.fds()
    finally:
        ended.set()
        for thread in threads:
            thread.join(10)
    assert not failures, failures[:3]
    assert sum(counts) > 200
    assert proxy.fds() <= fds + 20
