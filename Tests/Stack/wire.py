"""A strict HTTP/1.1 reader for both ends of the tests (RFC 9112): what it accepts is well formed.

Text is latin-1 throughout, so that every byte survives a round trip through `str`.
"""
import re
import socket
from dataclasses import dataclass, field

TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
STATUS_LINE = re.compile(r"HTTP/1\.1 ([1-9][0-9][0-9]) ([\t\x20-\x7e\x80-\xff]*)\Z")
REQUEST_LINE = re.compile(r"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e]+) (HTTP/1\.[01])\Z")
CHUNK_LINE = re.compile(r"([0-9A-Fa-f]{1,16})((?:;[\t\x20-\x7e\x80-\xff]*)?)\Z")


class BrokenMessage(Exception):
    """The bytes are no well-formed message."""


class Truncated(BrokenMessage):
    """The connection ended inside a message; `reset` says whether by RST."""

    def __init__(self, text, reset=False):
        super().__init__(text)
        self.reset = reset


class Fields:
    """What requests and responses share: ordered fields, looked up without regard to case."""

    fields: list

    def all(self, name):
        """Every value of the field, in order."""
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def one(self, name):
        """The only value of the field, or None; several are an error."""
        values = self.all(name)
        if len(values) > 1:
            raise BrokenMessage(f"{name} occurs {len(values)} times: {values}")
        return values[0] if values else None


@dataclass
class Request(Fields):
    """A request as the upstream received it."""

    method: str
    target: str
    version: str
    fields: list
    body: bytes = b""
    trailers: list = field(default_factory=list)
    framing: str = "none"
    body_bytes: int = 0


@dataclass
class Response(Fields):
    """A response as the client received it; `interim` holds the 1xx responses before it."""

    status: int
    reason: str
    fields: list
    body: bytes = b""
    trailers: list = field(default_factory=list)
    framing: str = "none"
    interim: list = field(default_factory=list)
    body_bytes: int = 0


class Reader:
    """Reads a socket by lines, counts and until its end, and remembers what arrived."""

    def __init__(self, sock, keep=1 << 20):
        self.sock = sock
        self.buffer = bytearray()
        self.received = bytearray()
        self.received_bytes = 0
        self.keep = keep
        self.ended = None

    def fill(self):
        """Waits for more bytes; False once the peer has ended (`ended` says how)."""
        if self.ended:
            return False
        try:
            data = self.sock.recv(262144)
        except socket.timeout:
            raise
        except OSError:
            data, self.ended = b"", "reset"
        if not data:
            self.ended = self.ended or "fin"
            return False
        self.buffer += data
        self.received_bytes += len(data)
        if len(self.received) < self.keep:
            self.received += data[: self.keep - len(self.received)]
        return True

    def _more(self, what):
        if not self.fill():
            raise Truncated(f"the connection ended ({self.ended}) in {what}", self.ended == "reset")

    def at_end(self):
        """True when the peer has ended and nothing is left; waits for a byte otherwise."""
        return not self.buffer and not self.fill()

    def line(self, what="a line", limit=1 << 20):
        """The next line without its CRLF."""
        while True:
            end = self.buffer.find(b"\n")
            if end >= 0:
                break
            if len(self.buffer) > limit:
                raise BrokenMessage(f"{what} has no end")
            self._more(what)
        line = bytes(self.buffer[: end + 1])
        del self.buffer[: end + 1]
        if not line.endswith(b"\r\n") or b"\r" in line[:-2] or b"\0" in line:
            raise BrokenMessage(f"bare CR, LF or NUL in {what}: {line[:200]!r}")
        return line[:-2].decode("latin-1")

    def exactly(self, count, sink, what):
        """Passes `count` bytes on to `sink` as they come."""
        while count:
            if not self.buffer:
                self._more(what)
            piece = bytes(self.buffer[:count])
            del self.buffer[:count]
            count -= len(piece)
            sink(piece)

    def rest(self, sink):
        """Passes everything up to a proper end (FIN) on to `sink`."""
        while True:
            if self.buffer:
                sink(bytes(self.buffer))
                self.buffer.clear()
            if not self.fill():
                break
        if self.ended == "reset":
            raise Truncated("reset in a body delimited by close", True)


def read_fields(reader, what):
    """Field lines up to the empty line (RFC 9112 §5)."""
    fields = []
    while True:
        line = reader.line(what)
        if not line:
            return fields
        name, colon, value = line.partition(":")
        if not colon or not TOKEN.match(name):
            raise BrokenMessage(f"bad field line in {what}: {line!r}")
        value = value.strip(" \t")
        if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", value):
            raise BrokenMessage(f"control character in {what}: {line!r}")
        fields.append((name, value))


def _declared_length(message):
    """("chunked" | "length" | "none", length) of a message's fields (RFC 9112 §6.3)."""
    codings, lengths = message.all("Transfer-Encoding"), message.all("Content-Length")
    if codings and lengths:
        raise BrokenMessage("both Transfer-Encoding and Content-Length")
    if codings:
        if codings != ["chunked"]:
            raise BrokenMessage(f"Transfer-Encoding {codings}")
        return "chunked", 0
    if lengths:
        if len(lengths) > 1 or not re.match(r"[0-9]+\Z", lengths[0]):
            raise BrokenMessage(f"Content-Length {lengths}")
        return "length", int(lengths[0])
    return "none", 0


def read_chunked(reader, sink):
    """A chunked body (RFC 9112 §7.1); the trailer fields."""
    while True:
        match = CHUNK_LINE.match(reader.line("a chunk size"))
        if not match:
            raise BrokenMessage("bad chunk size line")
        size = int(match[1], 16)
        if size == 0:
            return read_fields(reader, "the trailer section")
        reader.exactly(size, sink, "chunk data")
        if reader.line("the end of a chunk") != "":
            raise BrokenMessage("chunk data longer than its size")


def _read_body(reader, message, framing, length, sink):
    kept = bytearray()

    def count(piece):
        message.body_bytes += len(piece)
        (sink or kept.extend)(piece)

    message.framing = framing
    if framing == "chunked":
        message.trailers = read_chunked(reader, count)
    elif framing == "length":
        reader.exactly(length, count, "a body")
    elif framing == "close":
        reader.rest(count)
    message.body = bytes(kept)


def read_request_head(reader):
    """A request head, or None when the connection ended before its first byte."""
    if reader.at_end():
        return None
    line = reader.line("the request line")
    match = REQUEST_LINE.match(line)
    if not match:
        raise BrokenMessage(f"bad request line {line!r}")
    return Request(match[1], match[2], match[3], read_fields(reader, "the request head"))


def read_request_body(reader, request, sink=None):
    """Completes a request whose head was read."""
    framing, length = _declared_length(request)
    _read_body(reader, request, framing, length, sink)
    return request


def read_response_head(reader):
    """One response head, interim or final."""
    line = reader.line("the status line")
    match = STATUS_LINE.match(line)
    if not match:
        raise BrokenMessage(f"bad status line {line!r}")
    return Response(int(match[1]), match[2], read_fields(reader, "the response head"))


def read_response_body(reader, response, method, sink=None):
    """Completes a final response whose head was read."""
    framing, length = _declared_length(response)
    if method == "HEAD" or response.status in (204, 304):
        if response.status == 204 and framing != "none":
            raise BrokenMessage("204 with Content-Length or Transfer-Encoding (RFC 9110 §8.6)")
        framing, length = "none", 0
    elif framing == "none":
        framing = "close"
    _read_body(reader, response, framing, length, sink)
    return response


def read_response(reader, method="GET", sink=None):
    """The final response to a request of `method`, its interim responses in `interim`."""
    interim = []
    while True:
        response = read_response_head(reader)
        if response.status >= 200:
            break
        interim.append(response)
    response.interim = interim
    return read_response_body(reader, response, method, sink)
