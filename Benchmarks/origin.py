"""The origin: nginx, with answers that no cache may keep and answers that every cache may."""
import contextlib
import json
import os
import pathlib
import re
import subprocess

from measure import BenchError, fetch
from processes import await_answer, free_port, process

NGINX_USER = "user root;" if os.geteuid() == 0 else ""
# Distinct answers of 1 KB under /c/key/.
KEYS = 100_000

# Sized so that all have room for the idle measurement and none meets a limit.
NGINX_FRAME = """
{user}
daemon off;
worker_processes 1;
worker_rlimit_nofile {files};
pid {dir}/nginx.pid;
error_log {dir}/error.log error;
events {{ worker_connections 16384; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    sendfile on;
    tcp_nopush on;
    tcp_nodelay on;
    client_body_temp_path {dir}/t1;
    proxy_temp_path {dir}/t2;
    fastcgi_temp_path {dir}/t3;
    uwsgi_temp_path {dir}/t4;
    scgi_temp_path {dir}/t5;
{http}
}}
"""

# HAProxy keeps only what says that it may be kept: max-age for all that is under /c/.
ORIGIN_HTTP = """
    open_file_cache max=10 inactive=600s;
    open_file_cache_valid 600s;
    default_type application/json;
    server {{
        listen 127.0.0.1:{http_port} backlog=4096;
        listen 127.0.0.1:{https_port} ssl backlog=4096;
        ssl_certificate {dir}/cert.pem;
        ssl_certificate_key {dir}/key.pem;
        root {dir}/www;
        add_header Cache-Control no-store always;
        location = /1k {{ return 200 '{small}'; }}
        location /c/ {{ add_header Cache-Control max-age=3600; }}
        location = /c/1k {{ add_header Cache-Control max-age=3600; return 200 '{small}'; }}
        location /c/key/ {{ add_header Cache-Control max-age=3600; return 200 '{keyed}'; }}
        location = /status {{ stub_status; }}
    }}
"""


class Origin:
    """nginx with 1 KB bodies from memory and 100 KB files, over http and https."""

    def __init__(self, directory, core):
        self.directory, self.core = pathlib.Path(directory), core
        self.http_port, self.https_port = free_port(), free_port()
        self.own = self.directory / "origin"

    @contextlib.contextmanager
    def running(self):
        """Makes the certificate and the bodies, then serves them."""
        (self.own / "www/c").mkdir(parents=True)
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
             "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
             "-keyout", self.own / "key.pem", "-out", self.own / "cert.pem"],
            check=True, capture_output=True, stdin=subprocess.DEVNULL)
        for name in ("100k", "c/100k"):
            (self.own / "www" / name).write_text(_body(100_000))
        http = ORIGIN_HTTP.format(
            dir=self.own, http_port=self.http_port, https_port=self.https_port,
            small=_body(1000), keyed=_body(980, path="$uri"))
        command = nginx_command(self.own, http)
        with process("origin", command, self.directory, self.core) as child:
            await_answer("origin", child, self.directory, self.http_port, "/1k")
            yield self

    def port(self, scheme):
        """Where the origin listens for this scheme."""
        return self.https_port if scheme == "https" else self.http_port

    def requests(self):
        """How many requests came so far, this question included."""
        _, _, page = fetch(self.http_port, "/status")
        found = re.search(rb"requests\s+\d+ \d+ (\d+)", page)
        if not found:
            raise BenchError(f"the origin's status page is not understood: {page!r}")
        return int(found.group(1))


def _body(size, **more):
    """A JSON document of about `size` bytes; nginx expands nothing but what `more` asks for."""
    items = []
    while len(document := json.dumps({**more, "results": items})) < size:
        items.append({"id": f"MLA{len(items):08}", "price": len(items) * 17})
    return document


def nginx_command(directory, http):
    """Writes the configuration and says how to start nginx with it."""
    directory.mkdir(parents=True, exist_ok=True)
    configuration = directory / "nginx.conf"
    configuration.write_text(NGINX_FRAME.format(
        user=NGINX_USER, files=32768, dir=directory, http=http))
    return ["nginx", "-e", directory / "error.log", "-p", directory, "-c", configuration]
