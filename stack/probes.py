"""Whether a program does its work: small questions over loopback, bounded in time."""
import http.client
import json
import socket
import urllib.parse

from .layout import HOST

TIMEOUT_SECONDS = 0.5


def http_status(port, path, timeout=TIMEOUT_SECONDS):
    """The status of a GET; 0 when nobody answers."""
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        return response.status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def answers(port, path):
    """A probe: the path is answered with 200."""
    return lambda: http_status(port, path) == 200


def redis_command(port, user, password, *words, timeout=TIMEOUT_SECONDS):
    """The first bytes of the answer to one Redis command; empty when there is none."""
    try:
        with socket.create_connection((HOST, port), timeout) as connection:
            connection.settimeout(timeout)
            connection.sendall(_encode("AUTH", user, password) + _encode(*words))
            answer = b""
            while answer.count(b"\r\n") < 2:  # two simple answers, each one line
                received = connection.recv(4096)
                if not received:
                    break
                answer += received
            return answer.partition(b"\r\n")[2].decode(errors="replace")
    except OSError:
        return ""


def _encode(*words):
    parts = [f"*{len(words)}\r\n"] + [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
    return "".join(parts).encode()


def pings(port, user, password):
    """A probe: PING is answered with PONG."""
    return lambda: redis_command(port, user, password, "PING").startswith("+PONG")


def has_quorum(ports, group, user, password):
    """A probe: each of these Sentinels could have a failover carried out."""
    def ask(port):
        return redis_command(port, user, password, "SENTINEL", "CKQUORUM", group)
    return lambda: all(ask(port).startswith("+OK") for port in ports)


def query(port, expression, timeout=2.0):
    """An instant query of Prometheus: [(labels, value)], empty when it cannot be had."""
    path = "/api/v1/query?" + urllib.parse.urlencode({"query": expression})
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout)
    try:
        connection.request("GET", path)
        answer = json.load(connection.getresponse())
        return [(row["metric"], float(row["value"][1])) for row in answer["data"]["result"]]
    except (OSError, http.client.HTTPException, ValueError, KeyError):
        return []
    finally:
        connection.close()
