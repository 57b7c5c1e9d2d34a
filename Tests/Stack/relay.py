"""A TCP relay in front of a server, which can fall silent for some connections without ending them."""
import socket
import threading


class Relay:
    """Passes bytes both ways. Once `is_cut`, nothing comes back on connections that have said `word`."""

    def __init__(self, port, word=b"SUBSCRIBE"):
        self.target, self.word, self.is_cut = port, word, False
        self.swallowed_bytes = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            for sock in (near, far):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            marked = threading.Event()
            threading.Thread(target=self._up, args=(near, far, marked), daemon=True).start()
            threading.Thread(target=self._down, args=(far, near, marked), daemon=True).start()

    def _up(self, near, far, marked):
        def pass_on(data):
            if self.word in data:
                marked.set()
            far.sendall(data)
        self._pump(near, far, pass_on)

    def _down(self, far, near, marked):
        def pass_on(data):
            if self.is_cut and marked.is_set():
                self.swallowed_bytes += len(data)
            else:
                near.sendall(data)
        self._pump(far, near, pass_on)

    @staticmethod
    def _pump(source, other, pass_on):
        try:
            while data := source.recv(65536):
                pass_on(data)
        except OSError:
            pass
        for sock in (source, other):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
