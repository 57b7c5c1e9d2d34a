"""The status page in the terminal."""
import shutil
import threading
import time

from . import probes

REFRESH_SECONDS = 2.0
CLEAR = "\x1b[H\x1b[J"
RATES = {
    "requests/s": 'sum(rate(meliproxy_http_requests_total[30s]))',
    "hit ratio": 'sum(rate(meliproxy_cache_requests_total{result="hit"}[1m]))'
                 ' / sum(rate(meliproxy_cache_requests_total[1m]))',
    "p99 ms": '1000 * histogram_quantile(0.99, sum by (le)'
              ' (rate(meliproxy_http_request_duration_seconds_bucket[1m])))',
    "5xx/s": 'sum(rate(haproxy_frontend_http_responses_total{proxy="proxy_in",code="5xx"}[1m]))',
    "targets up": "sum(up)",
    "alerts firing": 'count(ALERTS{alertstate="firing",severity=~"page|ticket"}) or vector(0)',
}


def text(status, rates=None):
    """A status, as `Supervisor.status` gives it, for people."""
    lines = [f"{'program':16} {'state':9} {'pid':>7} {'up':>8} {'restarts':>8}  ports"]
    for row in status["programs"]:
        seconds = "" if row["seconds"] is None else _duration(row["seconds"])
        ports = " ".join(map(str, row["ports"]))
        lines.append(f"{row['name']:16} {row['state']:9} {row['pid'] or '-':>7} {seconds:>8}"
                     f" {row['restarts']:>8}  {ports}")
    ports = status["ports"]
    lines += ["", f"requests    http://127.0.0.1:{ports['front']}/sites",
              f"HAProxy     http://127.0.0.1:{ports['status']}/stats"]
    if "prometheus" in ports:
        lines += [f"Prometheus  http://127.0.0.1:{ports['prometheus']}/alerts",
                  f"Alertmanager http://127.0.0.1:{ports['alertmanager']}"]
    rates = _rates(ports) if rates is None else rates
    lines += ["", "   ".join(f"{name} {value}" for name, value in rates.items()), ""]
    for when, event in status["events"]:
        lines.append(time.strftime("%H:%M:%S ", time.localtime(when)) + event)
    return "\n".join(lines)


def _rates(ports):
    if "prometheus" not in ports:
        return {}
    found = {}
    for name, expression in RATES.items():
        rows = probes.query(ports["prometheus"], expression, timeout=0.5)
        value = rows[0][1] if rows else None
        found[name] = "-" if value is None or value != value else f"{value:.4g}"
    return found


def _duration(seconds):
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{seconds:02}s"


class Page:
    """Draws the page again and again on a terminal; elsewhere, one line for each event."""

    def __init__(self, output, quiet):
        self.output = output
        self.is_drawn = output.isatty() and not quiet
        self._supervisor = None
        self._is_over = threading.Event()

    def event(self, words):
        """Something happened."""
        if not self.is_drawn:
            print(time.strftime("%H:%M:%S"), words, file=self.output, flush=True)

    def follow(self, supervisor):
        """Draws this stack until `end`."""
        self._supervisor = supervisor
        if self.is_drawn:
            threading.Thread(target=self._draw, daemon=True).start()

    def _draw(self):
        while not self._is_over.wait(REFRESH_SECONDS):
            shown = text(self._supervisor.status())
            lines = shutil.get_terminal_size().lines - 1
            self.output.write(CLEAR + "\n".join(shown.splitlines()[:lines]) + "\n")
            self.output.flush()

    def end(self):
        """Stops drawing."""
        self._is_over.set()
        if self.is_drawn:
            self.output.write("stopped\n")
