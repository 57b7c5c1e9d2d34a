"""One supervised process: started, watched, started again, stopped."""
import ctypes
import os
import signal
import subprocess
import time

PR_SET_PDEATHSIG = 1
LOG_BYTES_MAX = 64 << 20
_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent():
    # A supervisor that is killed cannot stop anybody: then the kernel does.
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Process:
    """A command that should run until `stop()`.

    `ready` is asked from another thread and says whether it does its work. `restart_delay` is
    how long to wait before it is started again; one that keeps dying at once waits longer.
    """

    BACKOFF_SECONDS_MAX = 5.0
    SHORT_LIFE_SECONDS = 2.0

    def __init__(self, name, command, log, environment=None, ready=None, restart_delay=0.0,
                 stop_seconds=5.0, ports=()):
        self.name = name
        self.command = [str(part) for part in command]
        self.environment = environment or {}
        self.ready = ready
        self.restart_delay = restart_delay
        self.stop_seconds = stop_seconds
        self.ports = ports
        self.log = log
        self.is_ready = False
        self.restarts = 0
        self.last_exit = None
        self.started_at = None
        self._popen = None
        self._due = None
        self._short_lives = 0
        self._stopping_since = None

    @property
    def pid(self):
        """Its process id while it runs."""
        return self._popen.pid if self.is_running else None

    @property
    def is_running(self):
        """Whether the process is there."""
        return self._popen is not None and self._popen.returncode is None

    @property
    def is_stopped(self):
        """Whether it was told to stop and has."""
        return self._stopping_since is not None and not self.is_running

    @property
    def state(self):
        """One word for people."""
        if self._stopping_since is not None:
            return "stopping" if self.is_running else "stopped"
        if not self.is_running:
            return "down"
        return "up" if self.is_ready else "starting"

    def start(self):
        """Starts it now."""
        with open(self.log, "ab") as log:
            self._popen = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **self.environment},
                start_new_session=True, preexec_fn=_die_with_parent)
        self.started_at = time.monotonic()
        self._due = None
        self.is_ready = False

    def tick(self, now):
        """Notices an end and starts again when it is time. A text when something happened."""
        if self._popen is None:
            return None
        if self._due is None:
            code = self._popen.poll()
            if code is None:
                self._insist(now)
                return None
            self.is_ready = False
            self.last_exit = code
            if self._stopping_since is not None:
                return None
            self._due = now + self._delay(now)
            wait = self._due - now
            return f"{self.name} ended ({_words(code)}), again in {wait:.1f} s"
        if now < self._due or self._stopping_since is not None:
            return None
        self.restarts += 1
        self.start()
        return f"{self.name} started again, pid {self.pid}"

    def _delay(self, now):
        is_short = now - self.started_at < self.SHORT_LIFE_SECONDS
        self._short_lives = self._short_lives + 1 if is_short else 0
        if self._short_lives < 2:
            return self.restart_delay
        return max(self.restart_delay,
                   min(self.BACKOFF_SECONDS_MAX, 0.1 * 2 ** self._short_lives))

    def stop(self, now):
        """Asks it to end; `tick` makes it end when it does not."""
        if self._stopping_since is None:
            self._stopping_since = now
            if self.is_running:
                self._popen.send_signal(signal.SIGTERM)

    def signal(self, number):
        """Sends a signal to this process."""
        if self.is_running:
            self._popen.send_signal(number)

    def _insist(self, now):
        if self._stopping_since is None:
            return
        if now - self._stopping_since > self.stop_seconds:
            self._popen.kill()

    def restart(self):
        """A new process in the old one's place, once `stop` has ended that."""
        self._stopping_since = None
        self.restarts += 1
        self.start()

    def bound_log(self):
        """Empties a log that has grown too long; it is written with O_APPEND."""
        try:
            if os.path.getsize(self.log) > LOG_BYTES_MAX:
                os.truncate(self.log, 0)
        except OSError:
            pass

    def log_tail(self, lines=8):
        """The last lines of its log."""
        try:
            with open(self.log, "rb") as log:
                log.seek(max(0, os.path.getsize(self.log) - 8192))
                text = log.read().decode(errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])


def _words(code):
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
