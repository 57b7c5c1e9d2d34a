"""The machine: what it is, and how much of it others take."""
import os
import pathlib
import platform
import resource
import time

TICKS = os.sysconf("SC_CLK_TCK")


def words():
    """`2 processors (AMD EPYC), Linux 6.1`"""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    model = models[0] if models else platform.machine()
    return f"{os.cpu_count()} processors ({model}), Linux {platform.release().split('-')[0]}"


def busy_seconds(pid):
    """Processor time of a process so far; 0 when it is gone."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return (int(fields[11]) + int(fields[12])) / TICKS


def _all_seconds():
    """Processor time that was used on the whole machine, idle time and waiting for disks apart."""
    fields = pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:9]
    return sum(int(field) for n, field in enumerate(fields) if n not in (3, 4)) / TICKS


class Others:
    """While the block runs: how many processors are busy with what is neither this process, nor a child of
    it that has ended, nor one of `pids`. `taken` afterwards."""

    def __init__(self, pids):
        self.pids = pids
        self.taken = 0.0

    def _ours(self):
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return (sum(map(busy_seconds, self.pids))
                + sum(one.ru_utime + one.ru_stime for one in used))

    def __enter__(self):
        self.begun, self.all, self.ours = time.monotonic(), _all_seconds(), self._ours()
        return self

    def __exit__(self, *_):
        used = _all_seconds() - self.all - (self._ours() - self.ours)
        self.taken = max(0.0, used / (time.monotonic() - self.begun))
