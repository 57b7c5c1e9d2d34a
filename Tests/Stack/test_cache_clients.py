"""Conditionals and ranges with clients that others wrote: curl and Python's http.client."""
import http.client
import subprocess

import pytest

from cache_support import asked, cacheable, word

BODY = bytes(range(256)) * 40
MODIFIED = "Thu, 18 Aug 2011 02:01:18 GMT"


@pytest.fixture
def proxy(start, upstream):
    """An instance that has `/k` stored, with both validators."""
    upstream.answer = lambda request: cacheable(
        BODY, fields=[("ETag", '"tag"'), ("Last-Modified", MODIFIED), ("Content-Type", "a/b")])
    proxy = start(upstream)
    assert proxy.fetch("GET", "/k", host=f"127.0.0.1:{proxy.port}").body == BODY
    return proxy


def curl(proxy, *arguments, target="/k", directory=None):
    """curl's exit code, the status, and what it wrote."""
    command = ["curl", "-sS", "--max-time", "10", "-w", "%{stderr}%{http_code}", *arguments,
               f"http://127.0.0.1:{proxy.port}{target}"]
    done = subprocess.run(command, capture_output=True, timeout=20, cwd=directory)
    return done.returncode, int(done.stderr[-3:]), done.stdout


def test_curl_time_condition(proxy, upstream):
    """`-z`: 304 without a body when nothing is newer."""
    assert curl(proxy, "-z", "Fri, 19 Aug 2011 02:01:18 GMT")[1:] == (304, b"")
    assert curl(proxy, "-z", MODIFIED)[1:] == (304, b"")
    assert curl(proxy, "-z", "Wed, 17 Aug 2011 02:01:18 GMT")[1:] == (200, BODY)
    assert asked(upstream, "/k") == 1


def test_curl_etag(proxy, upstream, tmp_path):
    """`--etag-save`, then `--etag-compare`."""
    assert curl(proxy, "--etag-save", "tag", directory=tmp_path)[1:] == (200, BODY)
    assert (tmp_path / "tag").read_text().strip() == '"tag"'
    assert curl(proxy, "--etag-compare", "tag", directory=tmp_path)[1:] == (304, b"")
    (tmp_path / "tag").write_text('"other"\n')
    assert curl(proxy, "--etag-compare", "tag", directory=tmp_path)[1:] == (200, BODY)
    assert asked(upstream, "/k") == 1


@pytest.mark.parametrize("asks, expected", [("0-99", BODY[:100]), ("-10", BODY[-10:]),
                                            ("10000-", BODY[10_000:])])
def test_curl_range(proxy, upstream, asks, expected):
    """`-r`."""
    assert curl(proxy, "-r", asks)[1:] == (206, expected)
    assert asked(upstream, "/k") == 1


def test_curl_resumes(proxy, upstream, tmp_path):
    """`-C -` goes on where a download had stopped."""
    (tmp_path / "file").write_bytes(BODY[:5000])
    code, status, _ = curl(proxy, "-C", "-", "-o", "file", directory=tmp_path)
    assert (code, status) == (0, 206)
    assert (tmp_path / "file").read_bytes() == BODY
    assert asked(upstream, "/k") == 1


def test_curl_range_not_satisfiable(proxy):
    """416 for what lies behind the end."""
    assert curl(proxy, "-r", f"{len(BODY)}-")[1] == 416


def test_curl_head(proxy, upstream):
    """`-I` has the length of what is stored."""
    code, status, text = curl(proxy, "-I")
    assert (code, status) == (0, 200)
    assert f"content-length: {len(BODY)}\r\n".encode() in text.lower()
    assert asked(upstream, "/k") == 1


def python(proxy, method="GET", **fields):
    """One request by http.client; its response and body."""
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
    connection.request(method, "/k", headers={k.replace("_", "-"): v for k, v in fields.items()})
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response, body


def test_python_conditions(proxy, upstream):
    """304 has no body and the stored validators; the connection goes on."""
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
    for name, value, status in [("If-None-Match", '"a", W/"tag"', 304), ("If-None-Match", "*", 304),
                                ("If-None-Match", '"a"', 200), ("If-Modified-Since", MODIFIED, 304),
                                ("Range", "bytes=0-0", 206), ("Range", "bytes=a", 200)]:
        connection.request("GET", "/k", headers={name: value})
        response = connection.getresponse()
        assert response.status == status, (name, value)
        assert len(response.read()) == {304: 0, 200: len(BODY), 206: 1}[status]
        assert response.headers["ETag"] == '"tag"'
    connection.close()
    assert asked(upstream, "/k") == 1


def parts(response, body):
    """The parts of a multipart/byteranges body: (first, last, whole, bytes) each."""
    boundary = response.headers.get_param("boundary").encode()
    pieces = body.split(b"--" + boundary)
    assert pieces[0].strip(b"\r\n") == b"" and pieces[-1].strip(b"\r\n") == b"--"
    found = []
    for piece in pieces[1:-1]:
        head, _, content = piece.partition(b"\r\n\r\n")
        fields = {name.strip().lower(): value.strip() for name, _, value in
                  (line.partition(":") for line in head.decode().strip().split("\r\n"))}
        assert fields["content-type"] == "a/b"
        span, _, whole = fields["content-range"].removeprefix("bytes ").partition("/")
        first, last = map(int, span.split("-"))
        assert content.endswith(b"\r\n")
        found.append((first, last, int(whole), content[:-2]))
    return found


@pytest.mark.parametrize("asks, spans", [
    ("0-0,-1", [(0, 0), (-1, -1)]), ("10-19, 100-109, 1000-", [(10, 19), (100, 109), (1000, -1)]),
    ("500-600,0-99", [(500, 600), (0, 99)]), ("0-1,99999-", [(0, 1)])])
def test_python_several_ranges(proxy, upstream, asks, spans):
    """multipart/byteranges, parsed; a single satisfiable one may come plain."""
    response, body = python(proxy, Range=f"bytes={asks}")
    assert response.status == 206 and asked(upstream, "/k") == 1
    wanted = [(first % len(BODY), last % len(BODY)) for first, last in spans]
    if response.headers.get_content_type() == "multipart/byteranges":
        assert response.headers["Content-Range"] is None
        found = parts(response, body)
        assert [(first, last) for first, last, *_ in found] == wanted
        assert all(whole == len(BODY) for _, _, whole, _ in found)
        assert all(content == BODY[first:last + 1] for first, last, _, content in found)
    else:
        assert len(wanted) == 1 and body == BODY[wanted[0][0]:wanted[0][1] + 1]


def test_two_ranges_come_as_multipart(proxy):
    """And not as the whole: a client that asked for two small parts gets two small parts."""
    response, body = python(proxy, Range="bytes=0-9,10000-10009")
    assert response.status == 206 and len(body) < 600
    assert response.headers.get_content_type() == "multipart/byteranges"


def test_pipelined_hits(proxy):
    """Requests sent in one go are answered in order, each from the cache."""
    host = f"127.0.0.1:{proxy.port}"
    ask = f"GET /k HTTP/1.1\r\nHost: {host}\r\n".encode()
    with proxy.client() as client:
        client.send(ask + b"\r\n" + ask + b"Range: bytes=1-2\r\n\r\n"
                    + ask + b'If-None-Match: "tag"\r\n\r\n' + ask + b"\r\n")
        responses = [client.response() for _ in range(4)]
    assert [response.status for response in responses] == [200, 206, 304, 200]
    assert {word(response) for response in responses} == {"hit"}
    assert [response.body for response in responses] == [BODY, BODY[1:3], b"", BODY]


def test_http_1_0_client(proxy):
    """Gets the stored answer with its length, and the end of the connection."""
    with proxy.client() as client:
        client.send(f"GET /k HTTP/1.0\r\nHost: 127.0.0.1:{proxy.port}\r\n\r\n".encode())
        response = client.response()
        assert (response.body, response.framing, word(response)) == (BODY, "length", "hit")
        assert client.wait_closed() == "fin"
