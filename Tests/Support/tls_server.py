"""A small HTTPS server for tests. Prints its port, then serves until it is killed.

usage: tls_server.py CERTIFICATE KEY [ALPN,ALPN...]
Paths: /protocol, /bytes/N (N bytes in one write), /close (answers up to the end, with
close_notify), /fin (the same without), /twice (two answers in one segment), /late (an answer, and
some time after it another one), /half (an answer, then the beginning of a record), anything with
a body (its length and SHA-256).
"""
import hashlib
import socket
import ssl
import sys
import threading
import time


def cork(raw, is_on):
    """Whether what is sent is held back, up to 200 ms, to go in as few segments as it fits into."""
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, int(is_on))


def pattern(count):
    return bytes((index * 7 + index // 256) % 256 for index in range(count))


def read_head(stream):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = stream.readline()
        if not line:
            return None
        head += line
    return head.decode("latin-1")


def body_length(head):
    for line in head.split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() == "content-length":
            return int(value)
    return 0


def serve(raw, context):
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        connection = context.wrap_socket(raw, server_side=True)
    except (OSError, ssl.SSLError):
        raw.close()
        return
    stream = connection.makefile("rb")
    try:
        while True:
            head = read_head(stream)
            if head is None:
                return
            path = head.split(" ")[1]
            body = stream.read(body_length(head))
            if path in ("/close", "/fin"):
                cork(connection, True)
                connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end")
                if path == "/close":
                    connection.unwrap()
                else:
                    # Only a FIN of the socket below: no close_notify.
                    raw_again = socket.socket(fileno=connection.detach())
                    raw_again.shutdown(socket.SHUT_WR)
                    raw_again.recv(1)
                    raw_again.close()
                return
            if path == "/protocol":
                answer = str(connection.selected_alpn_protocol()).encode()
            elif path.startswith("/bytes/"):
                answer = pattern(int(path[len("/bytes/"):]))
            else:
                answer = f"{len(body)} {hashlib.sha256(body).hexdigest()}".encode()
            cork(connection, True)
            for number in range(2 if path in ("/twice", "/late") else 1):
                if number and path == "/late":
                    cork(connection, False)
                    time.sleep(0.05)
                connection.sendall(
                    f"HTTP/1.1 200 OK\r\nContent-Length: {len(answer)}\r\n\r\n".encode())
                connection.sendall(answer)
            cork(connection, False)
            if path == "/half":
                raw_again = socket.socket(fileno=connection.detach())
                raw_again.sendall(b"\x17\x03\x03\x00\x30" + bytes(10))
                raw_again.recv(1)
                raw_again.close()
                return
    except (OSError, ssl.SSLError):
        pass
    finally:
        try:
            connection.close()
        except OSError:
            pass


def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1], sys.argv[2])
    if len(sys.argv) > 3:
        context.set_alpn_protocols(sys.argv[3].split(","))
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    print(listener.getsockname()[1], flush=True)
    while True:
        raw, _ = listener.accept()
        threading.Thread(target=serve, args=(raw, context), daemon=True).start()


main()
