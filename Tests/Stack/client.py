"""A raw HTTP/1.1 client: sends exactly the bytes it is given, reads strictly."""
import socket
import struct
import time

import wire


class Client:
    """One connection to the proxy."""

    def __init__(self, port, host="127.0.0.1", timeout=10, receive_buffer=None, source=None):
        self.sock = socket.socket()
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(timeout)
        if source:
            self.sock.bind((source, 0))
        self.sock.connect((host, port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader = wire.Reader(self.sock)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Closes with FIN (or RST when unread bytes are pending)."""
        self.sock.close()

    def reset(self):
        """Closes with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def send(self, data):
        """Sends; a peer that has already closed is seen by the read that follows."""
        try:
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def response(self, method="GET", sink=None):
        """Reads the final response to a request of `method`."""
        return wire.read_response(self.reader, method, sink)

    def request(self, method, target, fields=(), body=b"", host="test.example"):
        """Sends one request with a Content-Length where a body is given; reads the answer."""
        self.send(head(method, target, fields, host, body) + body)
        return self.response(method)

    def get(self, target, *fields):
        """GET."""
        return self.request("GET", target, fields)

    def wait_closed(self, within=10):
        """How the proxy ended the connection ("fin", "reset"); unread bytes stay in the buffer."""
        deadline = time.monotonic() + within
        while True:
            self.sock.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                if not self.reader.fill():
                    return self.reader.ended
            except socket.timeout:
                raise AssertionError(f"the connection is still open after {within} s") from None


def head(method, target, fields=(), host="test.example", body=b""):
    """The bytes of a request head."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in fields]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def fetch(port, method, target, fields=(), body=b"", host="test.example", timeout=10):
    """One request on a connection of its own."""
    with Client(port, timeout=timeout) as client:
        return client.request(method, target, [*fields, ("Connection", "close")], body, host)
