#!/usr/bin/env python3
"""GETs a second: the Redis client of this package beside redis-benchmark, taken in turns.

    swift build -c release --product redis-bench
    python3 Benchmarks/redis.py .build/release/redis-bench
"""

import socket
import statistics
import subprocess
import sys
import tempfile
import time

DEPTHS = (1, 16, 64)
ROUNDS = 5
SECONDS = 2


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def ours(program, port, depth):
    words = subprocess.run(
        [program, str(port), str(depth), str(SECONDS)], check=True, capture_output=True, text=True
    ).stdout.split()
    assert words[1] == "0", f"{words[1]} requests failed"
    return float(words[0])


def theirs(port, depth):
    """As many requests as last about as long as ours."""
    count = {1: 60_000}.get(depth, 1_000_000)
    lines = subprocess.run(
        ["redis-benchmark", "-p", str(port), "-c", "1", "-P", str(depth), "-n", str(count),
         "-r", "100", "--csv", "get", "bench:__rand_int__"],
        check=True, capture_output=True, text=True,
    ).stdout.splitlines()
    return float(lines[-1].split('","')[1])


def main():
    program = sys.argv[1]
    port = free_port()
    with tempfile.TemporaryDirectory() as directory:
        server = subprocess.Popen(
            ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "",
             "--dir", directory, "--logfile", "redis.log"])
        try:
            for _ in range(100):
                time.sleep(0.05)
                if subprocess.run(["redis-cli", "-p", str(port), "ping"],
                                  capture_output=True).returncode == 0:
                    break
            for number in range(100):
                # redis-benchmark's random numbers have twelve digits.
                for key in (f"bench:{number}", f"bench:{number:012}"):
                    subprocess.run(["redis-cli", "-p", str(port), "set", key, "v" * 100],
                                   check=True, capture_output=True)
            print("| depth | this client | redis-benchmark | ratio |\n|---|---|---|---|")
            for depth in DEPTHS:
                pairs = [(ours(program, port, depth), theirs(port, depth)) for _ in range(ROUNDS)]
                mine, other = (statistics.median(column) for column in zip(*pairs))
                print(f"| {depth} | {mine:,.0f} | {other:,.0f} | {mine / other:.2f} |", flush=True)
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
