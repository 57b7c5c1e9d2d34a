"""HAProxy at run time: which instance is in which place, and reloading without losing anything."""
import os
import signal
import socket

from .layout import HOST, INSTANCES_MAX

BACKEND = "proxies"


class Edge:
    """Talks to HAProxy's socket. Every verb says whether HAProxy did as told."""

    def __init__(self, socket_path, state_path):
        self.socket_path = socket_path
        self.state_path = state_path

    def command(self, text):
        """The answer to a command (several are separated by `;`); None when nobody answers."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(2)
            try:
                connection.connect(str(self.socket_path))
                connection.sendall(text.encode() + b"\n")
                answer = b""
                while received := connection.recv(65536):
                    answer += received
                return answer.decode()
            except OSError:
                return None

    def servers(self):
        """{server: (address, port, is in use)} of the instances' backend."""
        answer = self.command(f"show servers state {BACKEND}") or ""
        found = {}
        for line in answer.splitlines():
            columns = line.split()
            if len(columns) > 18 and columns[1] == BACKEND:
                found[columns[3]] = (columns[4], int(columns[18]), _is_used(columns[6]))
        return found

    def up(self):
        """Names of the instances' servers that pass their checks and are in use."""
        answer = self.command(f"show servers state {BACKEND}") or ""
        rows = [line.split() for line in answer.splitlines()]
        return {row[3] for row in rows
                if len(row) > 18 and row[1] == BACKEND and row[5] == "2" and _is_used(row[6])}

    def worker(self):
        """The process id of the worker that answers."""
        for line in (self.command("show info") or "").splitlines():
            if line.startswith("Pid: "):
                return int(line[5:])
        return None

    def place(self, instances):
        """Makes the places hold `instances`, {number: (port, admin port)}, and no others."""
        present = self.servers()
        if not present:
            return False
        commands = []
        for number in range(1, INSTANCES_MAX + 1):
            name = f"proxy{number}"
            server = f"{BACKEND}/{name}"
            address, port, is_used = present.get(name, (None, 0, False))
            if number not in instances:
                if is_used:
                    commands.append(f"set server {server} state maint")
                continue
            wanted, admin = instances[number]
            if (address, port, is_used) != (HOST, wanted, True):
                commands += [f"set server {server} addr {HOST} port {wanted}",
                             f"set server {server} check-addr {HOST} port {admin}",
                             f"set server {server} state ready"]
        for command in commands:
            if self.command(command) is None:
                return False
        return True

    def save_state(self):
        """Writes where servers are and how they do, for the process that comes next."""
        state = self.command("show servers state")
        if not state:
            return False
        new = f"{self.state_path}.new"
        with open(new, "w") as file:
            file.write(state)
        os.replace(new, self.state_path)
        return True

    def forget_state(self):
        """A HAProxy that is started anew looks for itself, rather than believe what was."""
        with open(self.state_path, "w") as file:
            file.write("1\n")  # the format's version, and no server

    def reload(self, process):
        """A new HAProxy takes over the sockets; the old one finishes what it has."""
        if not self.save_state():
            return False
        process.signal(signal.SIGUSR2)
        return True


def _is_used(admin_state):
    # Bit 2 only remembers that the configuration says `disabled`; the others are maintenance
    # and drain.
    return int(admin_state) & ~0x04 == 0
