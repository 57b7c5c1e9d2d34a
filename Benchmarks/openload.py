"""openloop.c: building it, running it, reading what it prints."""
import json
import pathlib
import subprocess
from dataclasses import dataclass

from measure import BenchError

SOURCE = pathlib.Path(__file__).with_name("openloop.c")


@dataclass
class OpenLoad:
    """One run. Rates a second; latencies from when a request was due; `late_*`: the generator's own."""

    requested: float
    achieved: float
    requests: int
    seconds: float
    p50_us: int
    p99_us: int
    p999_us: int
    max_us: int
    late_p99_us: int
    late_max_us: int
    errors: int
    reopened: int


def build(directory):
    """Compiles it; the program's path."""
    program = pathlib.Path(directory) / "openloop"
    built = subprocess.run(["cc", "-O2", "-o", program, SOURCE],
                           stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if built.returncode != 0:
        raise BenchError(f"cc failed on openloop.c:\n{built.stderr}")
    return program


def write_paths(file, keys, misses):
    """Items 1 to `keys`, and of 1,000 lines so many for an item that nobody asked for before."""
    lines = [f"/items/MLA{key}" for key in range(1, keys + 1)] * (10 if misses < 1000 else 0)
    lines += ["/items/MLA#"] * round(len(lines) * misses / (1000 - misses) if lines else 1)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def run(program, url, rate, seconds, *more):
    """One run; `more` are further arguments."""
    command = [program, "--rate", rate, "--seconds", seconds, *more, url]
    done = subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"openloop failed on {url}:\n{done.stdout}{done.stderr}")
    return parse(done.stdout)


def parse(text):
    """The figures in its line."""
    said = json.loads(text)
    latency, late = said["latency_us"], said["late_us"]
    return OpenLoad(
        requested=said["requested_rate"], achieved=said["achieved_rate"],
        requests=said["requests"], seconds=said["seconds"],
        p50_us=latency["p50"], p99_us=latency["p99"], p999_us=latency["p99.9"],
        max_us=latency["max"], late_p99_us=late["p99"], late_max_us=late["max"],
        errors=sum(said["errors"].values()) + sum(said["others"].values()) + said["refused"],
        reopened=said["reopened"])
