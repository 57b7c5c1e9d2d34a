"""The proxies, passing requests through or answering from their caches: how each is started."""
import json
import os
import pathlib
import re
import shutil
import subprocess

from measure import BenchError, record
from origin import nginx_command
from processes import free_port

ROOT = pathlib.Path(__file__).resolve().parent.parent
# The point of reference among the caches.
BARE = "bare loop"

NGINX_HTTP = """
    upstream origin {{
        server 127.0.0.1:{origin_port};
        keepalive 512;
        keepalive_requests 1000000000;
        keepalive_timeout 600s;
    }}
    {zone}
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
            {cache}
        }}
    }}
"""

NGINX_TLS = """proxy_ssl_trusted_certificate {dir}/cert.pem;
            proxy_ssl_verify on;
            proxy_ssl_name localhost;
            proxy_ssl_server_name on;"""

NGINX_ZONE = """proxy_cache_path {dir}/cache levels=1:2 keys_zone=c:64m max_size=1g inactive=1h
        use_temp_path=off;
    # A file that stays open costs a hit three system calls less.
    open_file_cache max=16384 inactive=600s;
    open_file_cache_valid 600s;"""
# What costs nginx least, by size. A small answer is read and leaves with its head in one call. A large
# one is sent from its file; from tmpfs, sendfile marks the end as not the last piece, and corked it
# would wait for 40 ms.
NGINX_CACHE_SMALL = "proxy_cache c; sendfile off;"
NGINX_CACHE_LARGE = "proxy_cache c; tcp_nopush off;"

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
    {rules}
    default_backend origin
backend origin
    server origin 127.0.0.1:{origin_port} pool-purge-delay 600s {tls}
{cache}
"""

HAPROXY_TLS = "ssl verify required ca-file {dir}/cert.pem sni str(localhost) verifyhost localhost"
HAPROXY_RULES = """http-request cache-use c
    http-response cache-store c"""
HAPROXY_CACHE = """cache c
    total-max-size 512
    max-object-size 1000000
    max-age 3600"""

VARNISH = """
vcl 4.1;
backend origin {{ .host = "127.0.0.1"; .port = "{origin_port}"; }}
"""

ENVOY_CACHE = {
    "name": "envoy.filters.http.cache",
    "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.cache.v3.CacheConfig",
        "typed_config": {"@type": "type.googleapis.com/envoy.extensions.http.cache"
                                  ".simple_http_cache.v3.SimpleHttpCacheConfig"}}}


def nginx(place):
    """nginx with a connection pool to the origin, and proxy_cache where hits are measured."""
    own = place.directory / "nginx"
    cache = NGINX_CACHE_LARGE if place.path == "/c/100k" else NGINX_CACHE_SMALL
    tls = NGINX_TLS.format(dir=place.certificate) if place.scheme == "https" else ""
    return nginx_command(own, NGINX_HTTP.format(
        port=place.port, origin_port=place.origin_port, scheme=place.scheme, tls=tls,
        zone=NGINX_ZONE.format(dir=own) if place.caches else "",
        cache=cache if place.caches else ""))


def haproxy(place):
    """HAProxy, one thread, every idle server connection open to every client."""
    tls = HAPROXY_TLS.format(dir=place.certificate) if place.scheme == "https" else ""
    configuration = place.directory / "haproxy.cfg"
    configuration.write_text(HAPROXY.format(
        port=place.port, origin_port=place.origin_port, tls=tls,
        rules=HAPROXY_RULES if place.caches else "",
        cache=HAPROXY_CACHE if place.caches else ""))
    return ["haproxy", "-db", "-f", configuration]


def varnish(place):
    """Varnish with as many threads as there may be busy connections; logs to its shared memory."""
    script = place.directory / "varnish.vcl"
    script.write_text(VARNISH.format(origin_port=place.origin_port))
    return ["varnishd", "-F", "-n", place.directory / "varnish", "-j", "none", "-T", "none",
            "-a", f"127.0.0.1:{place.port}", "-f", script, "-s", "malloc,512m",
            "-p", "thread_pools=1", "-p", "thread_pool_min=600", "-p", "listen_depth=4096"]


def envoy(place):
    """Envoy's router, one worker, no access log; where hits are measured, its cache filter."""
    connection_manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network"
                 ".http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "in",
        "common_http_protocol_options": {"idle_timeout": "600s"},
        "route_config": {"virtual_hosts": [{
            "name": "all", "domains": ["*"],
            "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "origin"}}]}]},
        "http_filters": [*([ENVOY_CACHE] if place.caches else []), {
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
    """The release binary with one worker. Hits: metrics as always, one request in 100 logged."""
    host = "localhost" if place.scheme == "https" else "127.0.0.1"
    upstream = f"{place.scheme}://{host}:{place.origin_port}"
    command = [place.meliproxy, "serve", "--upstream", upstream,
               "--listen", f"127.0.0.1:{place.port}", "--admin", f"127.0.0.1:{free_port()}",
               "--workers", "1"]
    if place.caches:
        settings = place.directory / "settings.yaml"
        settings.write_text("log: {access: {sample_rate: 100}}\n")
        command += ["--config", settings, "--cache-memory", "512MiB",
                    "--access-log", place.directory / "access.log"]
    else:
        command += ["--cache-memory", "off", "--access-log", "off"]
    if place.scheme == "https":
        command += ["--upstream-ca", f"{place.certificate}/cert.pem"]
    return command


def bare_loop(place):
    """No proxy: the origin's answer, recorded, to whatever is asked."""
    program, answer = place.directory / "bareloop", place.directory / "answer"
    built = subprocess.run(["cc", "-O2", "-o", program, ROOT / "Benchmarks/bareloop.c"],
                           stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if built.returncode != 0:
        raise BenchError(f"cc failed on bareloop.c:\n{built.stderr}")
    answer.write_bytes(record(place.origin_port, place.path))
    return [program, place.port, answer]


# In the order of the report; each makes its configuration and returns its command line.
PROXIES = {"meliproxy": meliproxy, "nginx": nginx, "HAProxy": haproxy, "Envoy": envoy}
CACHES = {"meliproxy": meliproxy, "nginx": nginx, "HAProxy": haproxy, "Varnish": varnish,
          "Envoy": envoy, BARE: bare_loop}
EVERYONE = {**CACHES, **PROXIES}


def versions(names, meliproxy_path):
    """{proxy: what it says of its version}"""
    asked = {
        "meliproxy": [meliproxy_path, "version"], "nginx": ["nginx", "-v"],
        "HAProxy": ["haproxy", "-v"], "Varnish": ["varnishd", "-V"],
        "Envoy": [ROOT / ".venv/bin/envoy", "--version"],
        "wrk": ["wrk", "-v"], "openssl": ["openssl", "version"], "cc": ["cc", "--version"],
    }
    answers = {}
    named = ["cc" if name == BARE else name for name in names]
    for name in [*named, "wrk", "openssl"]:
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
    extra = {"HAProxy": "haproxy", "Varnish": "varnishd", BARE: "cc"}
    tools = [extra[name] for name in names if name in extra]
    for tool in ["nginx", "wrk", "openssl", *tools]:
        if not shutil.which(tool):
            lines.append(f"{tool} is not installed: scripts/install-packages bench")
    if "Envoy" in names and not (ROOT / ".venv/bin/envoy").exists():
        lines.append("Envoy is not installed: scripts/venv bench (or --proxies without it)")
    if "meliproxy" in names and not os.access(meliproxy_path, os.X_OK):
        lines.append(f"{meliproxy_path} is not built: make build (or --without-meliproxy)")
    return lines
