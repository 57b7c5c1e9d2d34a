"""A real redis-server on a free loopback port, and a client of a few lines."""
import socket
import subprocess
import tempfile

import harness


class RedisError(Exception):
    """What the server answered with `-`."""


class Redis:
    """One connection: commands in, Python values out (RESP2)."""

    def __init__(self, port):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=5)
        self.stream = self.sock.makefile("rb")

    def __call__(self, *parts):
        data = [part if isinstance(part, bytes) else str(part).encode() for part in parts]
        message = b"*%d\r\n" % len(data)
        message += b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in data)
        self.sock.sendall(message)
        return self._read()

    def _read(self):
        line = self.stream.readline()[:-2]
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest.decode()
        if kind == b"-":
            raise RedisError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.stream.read(int(rest) + 2)[:-2]
        return [self._read() for _ in range(int(rest))]

    def close(self):
        """Ends the connection."""
        self.stream.close()
        self.sock.close()


class RedisServer:
    """The process; ready when the constructor returns."""

    def __init__(self):
        self.port = harness.free_port()
        self.directory = tempfile.TemporaryDirectory(prefix="meliproxy-redis-")
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
             "--appendonly", "no", "--dir", self.directory.name],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        harness.wait_until(self._answers, "redis-server answers")

    def _answers(self):
        try:
            connection = self.connect()
        except OSError:
            return False
        with_answer = connection("PING") == "PONG"
        connection.close()
        return with_answer

    def connect(self):
        """A new connection."""
        return Redis(self.port)

    def stop(self):
        """Ends the process."""
        self.process.kill()
        self.process.wait(5)
        self.directory.cleanup()
