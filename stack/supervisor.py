"""Keeps a stack running: one loop over processes, orders and what takes several steps."""
import json
import os
import selectors
import signal
import socket
import subprocess
import threading
import time

from .edge import Edge
from .layout import REPOSITORY, StackError, is_taken
from .probes import has_quorum, pings
from .programs import GROUP, NODES, Programs

TURN_SECONDS = 0.05
PROBE_SECONDS = 0.2
STEP_SECONDS_MAX = 60


class Supervisor:
    """Starts everything, starts again what dies, carries out orders, stops everything.

    What takes time is a generator that yields while it waits; the loop goes on with each of them
    once a turn, and sends the order's answer when the generator returns.
    """

    def __init__(self, layout, options, announce):
        self.layout = layout
        self.options = options
        self.announce = announce
        self.programs = Programs(layout, options)
        self.edge = Edge(self.programs.edge_socket, self.programs.edge_state)
        self.processes = {}
        self.instances = {}
        self.is_up = False
        self.events = []
        self._steps = []
        self._wants_end = False
        self._selector = selectors.DefaultSelector()
        self._placed = None

    # Life

    def run(self):
        """From an empty directory to an empty directory. Returns when told to end."""
        self.programs.check_instances(self.options.instances)
        self.layout.make()
        listener = None
        try:
            subprocess.run([REPOSITORY / "scripts/secrets", self.layout.secrets], check=True)
            listener = self._listen()
            self.edge.forget_state()
            self._make()
            self._steps.append((self._start(), None))
            threading.Thread(target=self._probe, daemon=True).start()
            while not self._wants_end:
                self._turn()
        finally:
            self._stop_all()
            if listener:
                listener.close()
            self.layout.remove()

    def end(self, *_):
        """Leaves the loop; also a signal handler."""
        self._wants_end = True

    def _turn(self):
        for key, _ in self._selector.select(TURN_SECONDS):
            self._accept(key.fileobj)
        now = time.monotonic()
        for process in list(self.processes.values()):
            event = process.tick(now)
            if event:
                self._say(event)
            process.bound_log()
        self._place()
        for step in list(self._steps):
            self._advance(step)

    def _advance(self, step):
        generator, connection = step
        try:
            next(generator)
            return
        except StopIteration as end:
            answer = {"ok": end.value}
        except StackError as problem:
            answer = {"error": str(problem)}
        self._steps.remove(step)
        if connection:
            _reply(connection, answer)
        elif "error" in answer:
            self._say(answer["error"])
            self.failure = answer["error"]
            self.end()

    failure = None

    def _say(self, event):
        self.events = [*self.events[-7:], (time.time(), event)]
        self.announce(event)

    # Starting

    def _make(self):
        programs = self.programs
        made = [programs.node(number) for number in NODES]
        if not self.options.upstream:
            made.append(programs.demo())
        made += [programs.haproxy()]
        if not self.options.bare:
            made += [programs.exporter(), programs.alert_sink(), programs.alertmanager(),
                     programs.prometheus()]
        for number in range(1, self.options.instances + 1):
            made.append(self._make_instance(number))
        made += [programs.sentinel(number) for number in NODES]
        self.processes = {process.name: process for process in made}
        taken = [str(port) for process in made for port in process.ports if is_taken(port)]
        if taken:
            raise StackError(f"in use: port {', '.join(taken)}; `--free-ports` takes others")
        self._write_targets()

    def _write_targets(self):
        if not self.options.bare:
            self.programs.write_targets(self.instances)

    def _make_instance(self, number):
        process = self.programs.proxy(number)
        self.instances[number] = process
        return process

    def _start(self):
        sentinels = [p for name, p in self.processes.items() if name.startswith("sentinel-")]
        for process in self.processes.values():
            if process not in sentinels:
                process.start()
        nodes = [self.processes[f"redis-{number}"] for number in NODES]
        yield from self._until(lambda: all(node.is_ready for node in nodes), nodes)
        for process in sentinels:
            process.start()
        everything = list(self.processes.values())
        yield from self._until(lambda: all(p.is_ready for p in everything), everything)
        yield from self._until_up(self.instances)
        # The Sentinels know one another, and HAProxy knows the master.
        password = self.layout.environment("redis")["NODE_PASSWORD"]
        ports = [self.layout.port(f"sentinel_{number}") for number in NODES]
        yield from self._until(has_quorum(ports, GROUP, "node", password), sentinels)
        for name in ("redis", "sentinel"):
            yield from self._until(pings(self.layout.port(name), "node", password), [])
        self.is_up = True
        self._say("everything is up")

    def _until(self, condition, processes, within=STEP_SECONDS_MAX):
        deadline = time.monotonic() + within
        # What was restarted before, by order or after a death, says nothing about this time.
        before = {process.name: process.restarts for process in processes}
        while not condition():
            for process in processes:
                if process.restarts > before[process.name] + 2 and not process.is_ready:
                    raise StackError(f"{process.name} does not stay up:\n{process.log_tail()}")
            if time.monotonic() > deadline:
                late = [p for p in processes if not p.is_ready]
                tails = "\n".join(f"{p.name}: {p.log_tail()}" for p in late)
                raise StackError(f"not ready within {within} s: {tails or 'HAProxy'}")
            yield

    def _until_up(self, numbers):
        """Until HAProxy sends requests to these instances."""
        wanted = {f"proxy{number}" for number in numbers}
        yield from self._until(lambda: wanted <= self.edge.up(), [])

    # HAProxy's places

    def _place(self):
        """Keeps HAProxy's places as the instances are, also after it was started again."""
        haproxy = self.processes["haproxy"]
        if not haproxy.is_ready:
            self._placed = None
            return
        wanted = {number: process.ports for number, process in self.instances.items()}
        mark = (haproxy.pid, wanted)
        if self._placed != mark and self.edge.place(wanted):
            self._placed = mark

    # Orders

    def _listen(self):
        # By a relative name: the path of a socket has 107 characters at most.
        listener = socket.socket(socket.AF_UNIX)
        before = os.getcwd()
        os.chdir(self.layout.run)
        try:
            listener.bind("control")
        finally:
            os.chdir(before)
        listener.listen(8)
        self._selector.register(listener, selectors.EVENT_READ)
        return listener

    def _accept(self, listener):
        connection, _ = listener.accept()
        connection.settimeout(1)
        try:
            order = json.loads(connection.makefile().readline())
            step = self._order(**order)
        except (OSError, ValueError, TypeError, StackError) as problem:
            _reply(connection, {"error": str(problem) or "not an order"})
            return
        self._steps.append((step, connection))

    def _order(self, verb, **arguments):
        verbs = {"status": self._status, "scale": self._scale, "restart": self._rolling_restart,
                 "reload": self._reload, "down": self._down}
        if verb not in verbs:
            raise StackError(f"no such order: {verb}")
        if verb in ("scale", "restart", "reload") and self._busy():
            raise StackError("something else is under way, try again")
        return verbs[verb](**arguments)

    def _busy(self):
        """Whether the start or an earlier order still takes its time."""
        return not self.is_up or bool(self._steps)

    def _status(self):
        yield
        return self.status()

    def status(self):
        """What runs, as plain values."""
        now = time.monotonic()
        rows = [{"name": p.name, "state": p.state, "pid": p.pid, "ports": list(p.ports),
                 "restarts": p.restarts, "last_exit": p.last_exit,
                 "seconds": round(now - p.started_at, 1) if p.started_at else None}
                for p in self.processes.values()]
        ports = self.layout.ports()
        if self.options.bare:
            ports = {name: ports[name] for name in ports if name not in
                     ("exporter", "alert_sink", "alertmanager", "prometheus")}
        return {"up": self.is_up, "pid": os.getpid(), "ports": ports,
                "programs": rows, "events": self.events, "run": str(self.layout.run)}

    def _scale(self, instances):
        self.programs.check_instances(instances)
        new = [number for number in range(1, instances + 1) if number not in self.instances]
        gone = [number for number in self.instances if number > instances]
        for number in new:
            process = self._make_instance(number)
            if any(is_taken(port) for port in process.ports):
                del self.instances[number]
                raise StackError(f"in use: a port of {process.ports}")
            self.processes[process.name] = process
            process.start()
        if new:
            processes = [self.instances[number] for number in new]
            yield from self._until(lambda: all(p.is_ready for p in processes), processes)
            yield from self._until_up(new)
        leaving = {number: self.instances[number] for number in gone}
        for process in leaving.values():
            process.stop(time.monotonic())
        yield from self._until(lambda: all(p.is_stopped for p in leaving.values()), [])
        for number, process in leaving.items():
            del self.instances[number]
            del self.processes[process.name]
        self._write_targets()
        self._say(f"{len(self.instances)} instances")
        return len(self.instances)

    def _rolling_restart(self):
        for number, process in sorted(self.instances.items()):
            process.stop(time.monotonic())
            yield from self._until(lambda p=process: p.is_stopped, [])
            process.restart()
            yield from self._until(lambda p=process: p.is_ready, [process])
            yield from self._until_up([number])
        self._say("every instance was restarted")
        return len(self.instances)

    def _reload(self):
        haproxy = self.processes["haproxy"]
        before = self.edge.worker()
        if not self.edge.reload(haproxy):
            raise StackError("HAProxy does not answer on its socket")
        yield from self._until(lambda: self.edge.worker() not in (None, before), [])
        self._placed = None
        yield from self._until_up(self.instances)
        self.edge.forget_state()
        self._say("HAProxy was reloaded")
        return True

    def _down(self):
        yield
        self.end()
        return True

    # Watching and stopping

    def _probe(self):
        """In a thread of its own: a program that does not answer holds nobody up."""
        while not self._wants_end:
            for process in list(self.processes.values()):
                if process.is_running and process.ready and not self._wants_end:
                    pid = process.pid
                    is_ready = bool(process.ready())
                    if process.pid == pid:
                        process.is_ready = is_ready
            time.sleep(PROBE_SECONDS)

    def _stop_all(self):
        order = ("prometheus", "alert", "redis-exporter", "haproxy", "proxy-", "sentinel-",
                 "redis-", "demo-api")
        for prefix in order:
            group = [p for name, p in self.processes.items() if name.startswith(prefix)]
            for process in group:
                process.stop(time.monotonic())
            while any(process.is_running for process in group):
                for process in group:
                    process.tick(time.monotonic())
                time.sleep(0.02)


def _reply(connection, answer):
    try:
        connection.sendall(json.dumps(answer).encode() + b"\n")
    except OSError:
        pass
    connection.close()


def watch_signals(supervisor):
    """Ctrl-C, a hang-up and SIGTERM end the stack."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, supervisor.end)
