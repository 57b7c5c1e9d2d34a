"""Writes down the alerts that Alertmanager sends. Usage: python3 -m stack.sink PORT"""
import http.server
import json
import sys
import time

BODY_BYTES_MAX = 1 << 20


class Sink(http.server.BaseHTTPRequestHandler):
    """One line for each alert: time, channel, state, name, what it is about."""

    def do_GET(self):
        """Says that it is there."""
        self._answer(200)

    def do_POST(self):
        """Takes a notification."""
        length = int(self.headers.get("Content-Length", 0))
        if not 0 <= length <= BODY_BYTES_MAX:
            self._answer(413)
            return
        try:
            alerts = json.loads(self.rfile.read(length))["alerts"]
        except (ValueError, KeyError, TypeError):
            self._answer(400)
            return
        for alert in alerts:
            labels = alert.get("labels", {})
            summary = alert.get("annotations", {}).get("summary", "")
            print(time.strftime("%H:%M:%S"), self.path[1:], alert.get("status"),
                  labels.get("alertname"), labels.get("instance", ""), summary, flush=True)
        self._answer(200)

    def _answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Requests themselves are not worth a line."""


if __name__ == "__main__":
    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Sink).serve_forever()
