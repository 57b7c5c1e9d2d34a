"""A redis-server of a test's own, and a small RESP2 client: commands out, replies in order."""
import pathlib
import socket
import subprocess
import tempfile

import harness


class ReplyError(Exception):
    """An error reply."""


class Connection:
    """One connection. Texts are sent as UTF-8; replies are bytes, numbers, lists and None."""

    def __init__(self, port, timeout=10):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends the connection."""
        self.reader.close()
        self.socket.close()

    def send(self, *arguments):
        """Sends a command without waiting for its reply."""
        parts = [a if isinstance(a, bytes) else str(a).encode() for a in arguments]
        self.socket.sendall(b"*%d\r\n" % len(parts)
                            + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts))

    def receive(self):
        """The next reply; one that is an error is raised."""
        line = self.reader.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("closed by the server")
        kind, text = line[:1], line[1:-2]
        if kind == b"-":
            raise ReplyError(text.decode())
        if kind == b"+":
            return text
        if kind == b":":
            return int(text)
        if kind == b"$":
            return None if text == b"-1" else self.reader.read(int(text) + 2)[:-2]
        if kind == b"*":
            return None if text == b"-1" else [self.receive() for _ in range(int(text))]
        raise ValueError(f"not a reply: {line!r}")

    def __call__(self, *arguments):
        self.send(*arguments)
        return self.receive()


class Server:
    """One redis-server without persistence. Ready when the constructor returns."""

    def __init__(self, *options):
        self.directory = tempfile.TemporaryDirectory(prefix="meliproxy-redis-")
        self.port = harness.free_port()
        self.log = pathlib.Path(self.directory.name) / "log"
        self.begin(*options)

    def begin(self, *options):
        """Starts it, after its end again at the same port and without what it had."""
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
                   "--appendonly", "no", "--dir", self.directory.name, "--logfile", str(self.log),
                   "--repl-diskless-sync-delay", "0", *map(str, options)]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        try:
            harness.wait_until(self._is_up, f"redis-server on {self.port}")
        except BaseException:
            self.stop()
            raise

    def _is_up(self):
        if self.process.poll() is not None:
            raise AssertionError(f"redis-server ended: {self.log.read_text(errors='replace')}")
        try:
            with self.connect() as connection:
                return connection("PING") == b"PONG"
        except (OSError, ReplyError):
            return False

    def connect(self):
        """A new connection."""
        return Connection(self.port)

    def stop(self):
        """Ends it at once and removes its files."""
        self.process.kill()
        self.process.wait()
        self.directory.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
