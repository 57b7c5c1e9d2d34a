"""Servers as processes: a port, a core, a log; waiting until they answer; ending them by id."""
import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import time

from measure import BenchError, fetch, process_tree


def free_port():
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def process(name, command, directory, core):
    """Runs the command on one core, its words into NAME.log; ends it and its children by id."""
    log = pathlib.Path(directory) / f"{name}.log"
    with open(log, "ab") as words:
        try:
            child = subprocess.Popen(
                [str(part) for part in command], cwd=directory, stdin=subprocess.DEVNULL,
                stdout=words, stderr=words, start_new_session=True,
                preexec_fn=lambda: os.sched_setaffinity(0, {core}))
        except OSError as problem:
            raise BenchError(f"{name} cannot be started: {problem}") from problem
    try:
        yield child
    finally:
        _end(child)


def _end(child):
    if child.poll() is not None:
        return
    members = process_tree(child.pid)
    child.terminate()
    try:
        child.wait(timeout=10)
    except subprocess.TimeoutExpired:
        for member in members:
            with contextlib.suppress(ProcessLookupError):
                os.kill(member, signal.SIGKILL)
        child.wait()


def await_answer(name, child, directory, port, path, seconds=20.0):
    """Waits until the server answers 200, or says why not."""
    deadline = time.monotonic() + seconds
    last = "no answer"
    while time.monotonic() < deadline:
        if child.poll() is not None:
            last = f"it ended with status {child.returncode}"
            break
        try:
            status, _, _ = fetch(port, path)
            if status == 200:
                return
            last = f"it answered {status}"
        except OSError as problem:
            last = str(problem)
        time.sleep(0.02)
    log = (pathlib.Path(directory) / f"{name}.log").read_text(errors="replace")[-2000:]
    error_log = pathlib.Path(directory) / name / "error.log"
    if error_log.exists():
        log += error_log.read_text(errors="replace")[-2000:]
    raise BenchError(f"{name} is not ready: {last}\n{log}")
