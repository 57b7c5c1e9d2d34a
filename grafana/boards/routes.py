"""Which route is it?"""
from grafana.boards.parts import (GREEN, ORANGE, RED, Board, by_name, heatmap, hours, link, series,
                                  steps, table, target)
from grafana.boards.queries import over, pick, quantile, rate, total
from grafana.boards.variables import variables

DURATION = "http_request_duration_seconds"
REQUESTS = "http_requests_total"
CHOSEN = 'route=~"$route"'
FAILED = CHOSEN + ',code=~"5.."'
WITHIN_1_S = CHOSEN + ',le="1.0"'
NO_ROUTE = 'route="_other"'


def board():
    """A line for each route, then a row for each chosen one."""
    page = Board("routes", "meliproxy / Routes",
                 "Which route is it? One line for each, and a row of graphs for each chosen one.",
                 variables(used=("route",)))
    page.row("All routes")
    page.add(every_route(), 24, 9)
    whole = total(DURATION + "_count", "route", CHOSEN)
    page.add(series(
        "Slower than 1 s", "Outliers per second. Their access-log lines have the trace id, the "
        "upstream's part of the time, and the number of attempts.",
        [target(f"{whole} - {total(DURATION + '_bucket', 'route', WITHIN_1_S)}", "{{route}}")],
        "reqps"), 8)
    page.add(series(
        "Share of requests that match no route",
        "Requests counted as _other. A rise is an attack, a scanner, or a path template that is "
        "missing from the configuration.",
        [target(over(f"({total(REQUESTS, more=NO_ROUTE)} or vector(0))", total(REQUESTS)),
                "_other")],
        "percentunit", lines=steps((0.05, ORANGE))), 8)
    page.add(series(
        "Requests by method", "Answers per second of the chosen routes.",
        [target(total(REQUESTS, "method", CHOSEN), "{{method}}")], "reqps", stack=True), 8)
    one_route(page.row("$route", repeat="route"))
    return page


def every_route():
    """The table."""
    requests = total(REQUESTS, "route", CHOSEN)
    errors = f"({total(REQUESTS, 'route', FAILED)} or {requests} * 0)"
    count, spent = (total(DURATION + part, "route", CHOSEN) for part in ("_count", "_sum"))
    hits = total(DURATION + "_count", "route", CHOSEN + ',cache="hit"')
    columns = [
        ("Requests", "reqps", requests),
        ("Errors", "percentunit", over(errors, requests)),
        ("Mean", "s", over(spent, count)),
        ("p50", "s", quantile(0.5, DURATION, "route", CHOSEN)),
        ("p99", "s", quantile(0.99, DURATION, "route", CHOSEN)),
        ("Hits", "percentunit", over(f"({hits} or {count} * 0)", count)),
        ("Share of time", "percentunit",
         f"{spent} / on () group_left () {total(DURATION + '_sum', more=CHOSEN)}"),
    ]
    colour = [by_name("Errors", "thresholds", steps((0.001, ORANGE), (0.01, RED))),
              by_name("Errors", "custom.cellOptions", {"type": "color-text"}),
              by_name("Errors", "color", {"mode": "thresholds"})]
    return table(
        "Routes", "Requests per second, share of 5xx, mean, median and 99th percentile, share of "
        "hits, and how much of the time that all requests took was this route's: where speeding "
        "things up pays.", columns, ["route"], sort="Requests", overrides=colour,
        links=[link("Only this route", "routes", route="route")])


def one_route(page):
    """The graphs of one route; the row is repeated."""
    page.add(series(
        "Answers by status", "Per second.",
        [target(total(REQUESTS, "code", CHOSEN), "{{code}}")], "reqps", stack=True,
        overrides=[by_name(code, "color", {"mode": "fixed", "fixedColor": colour})
                   for code, colour in (("200", GREEN), ("503", RED), ("429", ORANGE))]), 8)
    page.add(series(
        "p99 by what the cache did, this route", "Logarithmic.",
        [target(quantile(0.99, DURATION, "cache", CHOSEN), "{{cache}}")], "s", log=True,
        colours=("hit", "stale", "miss", "bypass", "none")), 8)
    page.add(heatmap(
        "Durations, this route", "How many requests took how long.",
        [target(f"sum by (le) (increase({pick(DURATION + '_bucket', CHOSEN)}[$__rate_interval]))",
                "{{le}}", heatmap=True)], "s"), 8)
    page.add(series(
        "This week and last, this route", "Answers per second, and those of the same hour a week ago.",
        [target(total(REQUESTS, more=CHOSEN), "now"),
         target(total(REQUESTS, more=CHOSEN, back="1w"), "a week ago")], "reqps", interval="1m",
        colours=("now", "a week ago")), 8)
    joined = "on (job, instance) group_left (version) " + pick("build_info")
    page.add(series(
        "p99 by version, this route", "Whether the new version is slower than the old.",
        [target(f"histogram_quantile(0.99, sum by (le, version) "
                f"({rate(DURATION + '_bucket', CHOSEN)} * {joined}))", "{{version}}")], "s"), 8)
    page.add(hours("Hour of the day, this route", CHOSEN), 8)
