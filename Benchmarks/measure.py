"""What is read from the machine and from wrk: CPU time, memory, requests, latencies."""
import http.client
import os
import pathlib
import re
import socket
import subprocess
from dataclasses import dataclass

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class BenchError(Exception):
    """Something that makes the figures worthless; the text is for the person who ran it."""


def process_tree(pid):
    """The process and all that it started and that still run."""
    children = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # ended meanwhile
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    tree, todo = [], [pid]
    while todo:
        current = todo.pop()
        tree.append(current)
        todo += children.get(current, [])
    return tree


def cpu_seconds(pid):
    """User and system time of the tree so far: all threads, and children already waited for."""
    ticks = 0
    for member in process_tree(pid):
        try:
            stat = pathlib.Path(f"/proc/{member}/stat").read_text()
        except OSError:
            continue
        # proc(5): utime, stime, cutime, cstime are fields 14 to 17, state (after the name) is 3.
        ticks += sum(map(int, stat.rpartition(")")[2].split()[11:15]))
    return ticks / TICKS_PER_SECOND


def busy_seconds(cores):
    """How long these cores have been busy so far, whoever used them; stolen time is counted."""
    ticks = 0
    for line in pathlib.Path("/proc/stat").read_text(encoding="ascii").splitlines():
        name, *fields = line.split()
        if name in {f"cpu{core}" for core in cores}:
            # proc(5): user, nice, system, idle, iowait, irq, softirq, steal
            ticks += sum(map(int, fields[:3])) + sum(map(int, fields[5:8]))
    return ticks / TICKS_PER_SECOND


def resident_kib(pid):
    """Resident memory of the tree in KiB; pages that processes share count once for each."""
    total = 0
    for member in process_tree(pid):
        try:
            status = pathlib.Path(f"/proc/{member}/status").read_text()
        except OSError:
            continue
        found = re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
        total += int(found.group(1)) if found else 0
    return total


@dataclass
class Load:
    """One run of wrk."""

    requests: int
    seconds: float
    p50_us: float
    p99_us: float
    errors: int


_UNITS_US = {"us": 1.0, "ms": 1e3, "s": 1e6, "m": 60e6}


def _latency(text, percentile):
    found = re.search(rf"^\s+{percentile}%\s+([\d.]+)(us|ms|s|m)\s*$", text, re.MULTILINE)
    return float(found.group(1)) * _UNITS_US[found.group(2)] if found else float("nan")


def parse_wrk(text):
    """The figures in wrk's report."""
    found = re.search(r"(\d+) requests in ([\d.]+)(us|ms|s|m),", text)
    if not found:
        raise BenchError(f"wrk reported no requests:\n{text}")
    socket_errors = re.search(r"Socket errors: (.*)", text)
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    errors = sum(map(int, re.findall(r"\d+", socket_errors.group(1)))) if socket_errors else 0
    errors += int(refused.group(1)) if refused else 0
    return Load(
        requests=int(found.group(1)),
        seconds=float(found.group(2)) * _UNITS_US[found.group(3)] / 1e6,
        p50_us=_latency(text, 50),
        p99_us=_latency(text, 99),
        errors=errors,
    )


def drive(url, connections, seconds, core, script=()):
    """One closed-loop run: `connections` keep-alive connections for `seconds`, from one core.

    `script`: a Lua file and its arguments. Returns the figures; None when the script ended wrk.
    """
    chosen = ["-s", script[0]] if script else []
    command = ["wrk", "--latency", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s",
               *chosen, url, *(["--", *script[1:]] if script else [])]
    done = subprocess.run(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}))
    if done.returncode != 0:
        raise BenchError(f"wrk failed on {url}:\n{done.stdout}{done.stderr}")
    return parse_wrk(done.stdout) if "Thread Stats" in done.stdout else None


def fetch(port, path, timeout_s=5.0):
    """One GET on a connection of its own: (status, {lower-case field: value}, body)."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        fields = {name.lower(): value for name, value in response.getheaders()}
        return response.status, fields, response.read()
    finally:
        connection.close()


def record(port, path):
    """One answer as it came over the wire, on a connection that is kept."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as one:
        one.sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
        return _read_answer(one, f"a connection to port {port}")


def open_idle(port, path, count):
    """`count` connections that each got one answer and stay open. Returns the sockets."""
    request = f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()
    sockets = []
    try:
        for number in range(count):
            one = socket.create_connection(("127.0.0.1", port), timeout=10)
            sockets.append(one)
            one.sendall(request)
            _read_answer(one, f"idle connection {number}")
    except BaseException:
        close_all(sockets)
        raise
    return sockets


def _read_answer(one, name):
    received = b""
    while b"\r\n\r\n" not in received:
        received += _receive(one, name)
    head, _, body = received.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length:\s*(\d+)", head)
    if not head.startswith(b"HTTP/1.1 200") or not length:
        raise BenchError(f"{name}: unexpected answer {head[:80]!r}")
    missing = int(length.group(1)) - len(body)
    while missing > 0:
        more = _receive(one, name)
        received, missing = received + more, missing - len(more)
    return received


def _receive(one, name):
    try:
        data = one.recv(65536)
    except OSError as problem:
        raise BenchError(f"{name}: {problem}") from problem
    if not data:
        raise BenchError(f"{name}: closed by the other side")
    return data


def still_open(sockets):
    """How many of the connections the other side has not closed."""
    alive = 0
    for one in sockets:
        one.setblocking(False)
        try:
            alive += one.recv(1, socket.MSG_PEEK) != b""
        except BlockingIOError:
            alive += 1
        except OSError:
            pass
    return alive


def close_all(sockets):
    """Closes all of them."""
    for one in sockets:
        one.close()
