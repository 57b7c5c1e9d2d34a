"""What do clients see, and does HAProxy spread the load?"""
from grafana.boards.parts import (GREEN, ORANGE, RED, YELLOW, Board, fixed, link, number, series,
                                  states, steps, target)
from grafana.boards.queries import EDGE, over, total
from grafana.boards.variables import variables

FRONT, BACK = 'proxy="proxy_in"', 'proxy="proxies"'
UP, MASTER_UP = BACK + ',state="UP"', 'proxy="redis_master",state="UP"'
SERVERS = "haproxy_server_http_responses_total"


def at(metric, more=""):
    """A selector of one of HAProxy's metrics."""
    return f"{metric}{{{EDGE}{',' if more else ''}{more}}}"


def board():
    """The edge."""
    page = Board("edge", "meliproxy / HAProxy edge",
                 "What do clients see, and does HAProxy spread the load?", variables(extra=("edge",)))
    now(page.row("Healthy now?"))
    traffic(page.row("What clients see"))
    servers(page.row("The instances behind it"))
    return page


def now(page):
    """Six numbers."""
    page.add(number("Servers up", "Instances that HAProxy sends requests to.",
                    f"sum({at('haproxy_server_status', UP)})",
                    "short", steps((1, YELLOW), (2, GREEN), base=RED), decimals=0), 4, 4)
    page.add(number(
        "Redis master route", "Servers that HAProxy holds for the Redis master. 1 is right; 0: no "
        "master; 2: two servers say so.",
        f"sum({at('haproxy_server_status', MASTER_UP)})", "short",
        steps((1, GREEN), (2, RED), base=RED), decimals=0), 4, 4)
    page.add(number("Queue", "Requests that wait for a free server.",
                    f"sum({at('haproxy_backend_current_queue', BACK)})", "short",
                    steps((1, ORANGE), (100, RED)), decimals=0), 4, 4)
    page.add(number(
        "Sessions", "Client connections, of those allowed.",
        over(f"sum({at('haproxy_frontend_current_sessions', FRONT)})",
             f"sum({at('haproxy_frontend_limit_sessions', FRONT)})"), "percentunit",
        steps((0.5, YELLOW), (0.8, RED)), maximum=1), 4, 4)
    page.add(number("Idle", "Time that HAProxy had nothing to do.",
                    f"min({at('haproxy_process_idle_time_percent')})", "percent",
                    steps((20, YELLOW), (40, GREEN), base=RED), maximum=100), 4, 4)
    page.add(number("Dropped log lines", "Per second.",
                    total("haproxy_process_dropped_logs_total", scope=EDGE), "short",
                    steps((0.001, ORANGE))), 4, 4)


def traffic(page):
    """The frontend."""
    page.add(series(
        "Answers by status class", "Per second, as clients got them.",
        [target(total("haproxy_frontend_http_responses_total", "code", FRONT, EDGE), "{{code}}")],
        "reqps", stack=True, colours=("2xx", "3xx", "4xx", "5xx")), 8)
    page.add(series(
        "Denied and malformed", "Per second: by rules, and what was no HTTP.",
        [target(total(f"haproxy_frontend_{metric}_total", more=FRONT, scope=EDGE), words)
         for metric, words in (("requests_denied", "requests denied"),
                               ("responses_denied", "answers denied"),
                               ("denied_connections", "connections denied"),
                               ("request_errors", "malformed"))], "reqps"), 8)
    page.add(series(
        "Bytes", "Per second, from and to clients.",
        [target(total("haproxy_frontend_bytes_in_total", more=FRONT, scope=EDGE), "in"),
         target(total("haproxy_frontend_bytes_out_total", more=FRONT, scope=EDGE), "out")], "Bps"), 8)
    page.add(series(
        "Retries and errors", "Per second, between HAProxy and the instances.",
        [target(total(f"haproxy_backend_{metric}_total", more=BACK, scope=EDGE), words)
         for metric, words in (("retry_warnings", "retries"), ("redispatch_warnings", "redispatches"),
                               ("connection_errors", "connection errors"),
                               ("response_errors", "answers broken off"),
                               ("client_aborts", "clients gone"))], "reqps"), 8)
    page.add(series(
        "Mean times", "Means of HAProxy's last 1024 requests, in steps of 1 ms: no quantile can be "
        "had from them, and a hit reads 0. The Overview has the real distribution.",
        [target(f"max({at(f'haproxy_backend_{part}_time_average_seconds', BACK)})", part)
         for part in ("queue", "connect", "response", "total")], "s"), 8)
    behind = total("http_requests_total")
    page.add(series(
        "Edge minus instances", "Answers per second that HAProxy got from the instances, less those "
        "the instances count. Away from zero: one of the two loses requests, or clients go round "
        "HAProxy.",
        [target(f"{total(SERVERS, more=BACK, scope=EDGE)} - {behind}", "difference")], "reqps",
        minimum=None), 8)


def servers(page):
    """The backend."""
    page.add(series(
        "Answers by server", "Per second.",
        [target(total(SERVERS, "server", BACK, EDGE), "{{server}}")], "reqps", stack=True,
        links=[link("Instances", "instances")]), 8)
    spread = total(SERVERS, "server", BACK, EDGE)
    page.add(series(
        "Imbalance", "The busiest server's share of the traffic over the mean. 1 is even.",
        [target(f"max({spread}) / avg({spread})", "busiest / mean")], "short",
        lines=steps((2, ORANGE))), 8)
    page.add(series(
        "Server changes", "How often each server went up or down, in the time of one step.",
        [target(f"sum by (server) (changes({at('haproxy_server_status', UP)}[$__rate_interval]))",
                "{{server}}")], "short"), 8)
    page.add(states(
        "Servers", "Whether HAProxy sends requests to each.",
        [target(f"max by (server) ({at('haproxy_server_status', UP)})", "{{server}}")],
        [(0, "not up", RED), (1, "up", GREEN)]), 12, 6)
    page.add(series(
        "Failed health checks", "Per second.",
        [target(total("haproxy_server_check_failures_total", "server", BACK, EDGE), "{{server}}")],
        "ops"), 6, 6)
    page.add(series(
        "PROXY header errors", "Connections per second that an instance closed because their PROXY "
        "header was missing or malformed.",
        [target(total("proxy_protocol_errors_total", "instance"), "{{instance}}")], "ops"), 6, 6)
