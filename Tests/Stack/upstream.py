"""Upstreams under the tests' command: exact bytes out, exact bytes recorded."""
import socket
import struct
import threading
import time
from dataclasses import dataclass

import wire


@dataclass
class Pause:
    """A step: nothing is sent for `seconds` (a slow upstream)."""

    seconds: float


@dataclass
class Bytewise:
    """A step: the bytes leave one by one, each in a segment of its own."""

    data: bytes


@dataclass
class WaitClosed:
    """A step: waits until the proxy closes the connection, at most `seconds`."""

    seconds: float = 10


RESET, CLOSE = "reset", "close"


def response(body=b"ok", status="200 OK", fields=()):
    """A plain response that no cache keeps."""
    lines = [f"HTTP/1.1 {status}", "Cache-Control: no-store", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


class Connection:
    """One connection from the proxy; `ended` says how the proxy ended it."""

    def __init__(self, upstream, sock, number):
        self.upstream, self.sock, self.number = upstream, sock, number
        self.reader = wire.Reader(sock)
        self.requests = []
        self.whole_bytes = 0
        self.error = None
        self.done = threading.Event()

    @property
    def ended(self):
        """None, "fin" or "reset": how the proxy ended the connection."""
        return self.reader.ended

    def head(self):
        """The next request head, or None at the end of the connection."""
        return wire.read_request_head(self.reader)

    def body(self, request, sink=None):
        """The rest of the request; from here on it counts as received whole."""
        wire.read_request_body(self.reader, request, sink)
        self.whole_bytes = self.reader.received_bytes - len(self.reader.buffer)
        self.requests.append(request)
        self.upstream.requests.append(request)
        return request

    def request(self):
        """The next request, or None at the end of the connection."""
        request = self.head()
        return request if request is None else self.body(request)

    def send(self, data):
        """Sends all of it; raises OSError when the proxy is gone."""
        self.sock.sendall(data)

    def reset(self):
        """Ends the connection with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def wait_closed(self, within=10):
        """Waits until the proxy ends the connection; raises socket.timeout otherwise."""
        deadline = time.monotonic() + within
        while True:
            self.sock.settimeout(max(0.01, deadline - time.monotonic()))
            if not self.reader.fill():
                return self.reader.ended

    def play(self, steps):
        """Runs the steps; True when the connection goes on afterwards."""
        for step in [steps] if isinstance(steps, (bytes, str)) else steps:
            if isinstance(step, bytes):
                self.send(step)
            elif isinstance(step, Pause):
                time.sleep(step.seconds)
            elif isinstance(step, Bytewise):
                for byte in step.data:
                    self.send(bytes([byte]))
                    time.sleep(0.0005)
            elif isinstance(step, WaitClosed):
                self.wait_closed(step.seconds)
                return False
            elif step == RESET:
                self.reset()
                return False
            else:
                self.sock.close()
                return False
        return True


class Upstream:
    """Listens on a loopback port, one thread a connection.

    `answer(request)` gives bytes or a list of steps; `handle(connection)` replaces the whole
    conversation of a connection.
    """

    def __init__(self, answer=None, handle=None, tls=None, host="127.0.0.1", port=0, family=None):
        self.answer = answer or (lambda request: response())
        self.handle = handle
        self.tls = tls
        self.connections, self.requests = [], []
        self.tls_errors = []
        self.listener = socket.socket(family or socket.AF_INET)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((host, port))
        self.listener.listen(1024)
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self):
        """The URL for `--upstream`."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def received_bytes(self):
        """All bytes that any connection has brought."""
        return sum(connection.reader.received_bytes for connection in self.connections)

    @property
    def errors(self):
        """What the proxy sent that is no well-formed message."""
        return [c.error for c in self.connections if c.error]

    def close(self):
        """Stops listening and drops every connection."""
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        self.drop_connections()

    def drop_connections(self):
        """Closes the open connections and keeps listening."""
        for connection in list(self.connections):
            try:
                connection.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._run, args=(sock,), daemon=True).start()

    def _run(self, sock):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.tls:
            try:
                sock = self.tls.wrap_socket(sock, server_side=True)
            except OSError as error:
                self.tls_errors.append(error)
                sock.close()
                return
        with self.lock:
            connection = Connection(self, sock, len(self.connections))
            self.connections.append(connection)
        try:
            (self.handle or self._converse)(connection)
        except wire.Truncated:
            pass
        except wire.BrokenMessage as error:
            connection.error = error
        except OSError:
            pass
        finally:
            connection.sock.close()
            connection.done.set()

    def _converse(self, connection):
        while True:
            request = connection.request()
            if request is None or not connection.play(self.answer(request)):
                return


class FullQueue:
    """A listener that never accepts and whose queue is full: connecting to it hangs."""

    def __init__(self, port=0):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", port))
        self.listener.listen(0)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", self.port))
            self.fillers.append(filler)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for sock in (*self.fillers, self.listener):
            sock.close()
