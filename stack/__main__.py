"""The command line of the local stack: scripts/stack --help."""
import argparse
import json
import os
import pathlib
import socket
import sys
import time

from . import page
from .layout import REPOSITORY, Layout, StackError
from .supervisor import Supervisor, watch_signals

RUN = REPOSITORY / ".stack"


def order(run, verb, timeout=120, **arguments):
    """Sends one order to the stack that runs in `run`; its answer."""
    before = os.getcwd()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout)
        try:
            os.chdir(run)  # the path of a socket has 107 characters at most
            connection.connect("control")
        except OSError:
            raise StackError(f"no stack runs in {run}") from None
        finally:
            os.chdir(before)
        connection.sendall(json.dumps({"verb": verb, **arguments}).encode() + b"\n")
        answer = json.loads(connection.makefile().readline() or '{"error": "it went away"}')
    if "error" in answer:
        raise StackError(answer["error"])
    return answer["ok"]


def up(options):
    """Starts a stack and stays with it."""
    layout = Layout(options.run, options.free_ports)
    display = page.Page(sys.stdout, options.quiet)
    supervisor = Supervisor(layout, options, display.event)
    watch_signals(supervisor)
    display.follow(supervisor)
    supervisor.run()
    display.end()
    return 1 if supervisor.failure else 0


def status(options):
    """Prints what runs."""
    found = order(options.run, "status")
    print(json.dumps(found) if options.json else page.text(found))
    return 0 if found["up"] else 1


def scale(options):
    """Changes the number of instances."""
    print(f"{order(options.run, 'scale', instances=options.instances)} instances")
    return 0


def restart(options):
    """Restarts the instances, one after the other."""
    print(f"{order(options.run, 'restart', timeout=600)} instances restarted")
    return 0


def reload(options):
    """Reloads HAProxy's configuration."""
    order(options.run, "reload")
    print("HAProxy reloaded")
    return 0


def down(options):
    """Stops a stack and waits until nothing of it is left."""
    run = pathlib.Path(options.run)
    if not run.exists():
        return 0
    try:
        order(run, "down")
    except StackError as problem:
        # Its supervisor was killed, and the kernel stopped the rest: only files are left.
        if "no stack runs" not in str(problem) or not (run / "control").exists():
            raise
        Layout(run).remove()
    deadline = time.monotonic() + 90
    while run.exists():
        if time.monotonic() > deadline:
            raise StackError(f"{run} is still there")
        time.sleep(0.05)
    return 0


def parser():
    """The command line."""
    root = argparse.ArgumentParser(prog="scripts/stack", description=__doc__.split(":")[0])
    root.add_argument("--run", default=RUN, help="run directory (default: .stack)")
    verbs = root.add_subparsers(required=True)
    one = verbs.add_parser("up", help="start everything and stay; Ctrl-C or `down` stops it")
    one.add_argument("--instances", type=int, default=2, help="of meliproxy (default: 2)")
    one.add_argument("--workers", type=int, default=1, help="threads of each (default: 1)")
    one.add_argument("--upstream", help="URL of an API (default: the demo API)")
    one.add_argument("--config", default=REPOSITORY / "config/meliproxy.yaml",
                     help="of the instances (default: config/meliproxy.yaml)")
    one.add_argument("--monitoring", type=pathlib.Path, default=REPOSITORY / "prometheus",
                     help="files of Prometheus and Alertmanager (default: prometheus)")
    one.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="variables",
                     help="a variable of HAProxy and the instances, such as FRONT_MAXCONN=100")
    one.add_argument("--free-ports", action="store_true", help="any ports but the documented ones")
    one.add_argument("--bare", action="store_true", help="without Prometheus and what it needs")
    one.add_argument("--quiet", action="store_true", help="no status page, only events")
    one.set_defaults(act=up)
    one = verbs.add_parser("status", help="what runs, where, how")
    one.add_argument("--json", action="store_true")
    one.set_defaults(act=status)
    one = verbs.add_parser("scale", help="another number of instances")
    one.add_argument("instances", type=int)
    one.set_defaults(act=scale)
    for act in (restart, reload, down):
        verbs.add_parser(act.__name__, help=act.__doc__).set_defaults(act=act)
    return root


def main():
    """Exit code 1 with one line about why when something cannot be done."""
    options = parser().parse_args()
    try:
        return options.act(options)
    except StackError as problem:
        print(f"stack: {problem}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
