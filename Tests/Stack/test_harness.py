"""What the other tests rely on."""
import os

import harness


def test_processes_are_not_given_the_same_port():
    """Both look for ports from the same place on, and none of these is in use yet."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, ",".join(str(harness.free_port()) for _ in range(50)).encode())
        os._exit(0)
    os.close(writing)
    mine = {harness.free_port() for _ in range(50)}
    with os.fdopen(reading) as pipe:
        others = {int(port) for port in pipe.read().split(",")}
    os.waitpid(child, 0)
    assert len(mine) == len(others) == 50 and not mine & others
