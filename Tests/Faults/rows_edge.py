"""Instances and HAProxy: rows 19 to 22."""
import os
import signal
import time

import harness
from table import row


@row(19, "kill -9 of an instance", longest_ms=100)
def _killed(run):
    pid = run.system.pid("proxy-1")
    with run.fault():
        os.kill(pid, signal.SIGKILL)
        harness.wait_until(lambda: "proxy1" not in run.system.edge.up(), "HAProxy noticed", 5)
        run.remark(f"HAProxy knows after {run.since():.2f} s")
        harness.wait_until(lambda: "proxy1" in run.system.edge.up(), "it is back", 20)
        run.remark(f"its successor is in use after {run.since():.2f} s")


@row(20, "SIGSTOP of an instance for 4 s", longest_ms=700)
def _stopped(run):
    pid = run.system.pid("proxy-2")
    with run.fault():
        os.kill(pid, signal.SIGSTOP)
        try:
            harness.wait_until(lambda: "proxy2" not in run.system.edge.up(), "HAProxy noticed", 5)
            run.remark(f"HAProxy knows after {run.since():.2f} s")
            time.sleep(max(0, 4 - run.since()))
        finally:
            os.kill(pid, signal.SIGCONT)


@row(21, "rolling restart of all instances, three rounds", longest_ms=50)
def _restarted(run):
    with run.fault():
        for _ in range(3):
            run.system.order("restart", within=120)
    run.remark(f"three rounds in {run.healed - run.begun:.0f} s")


@row(22, "HAProxy is reloaded, three times")
def _reloaded(run):
    with run.fault():
        for _ in range(3):
            run.system.order("reload")
            time.sleep(1)
