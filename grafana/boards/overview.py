"""Is it healthy now, and if not, where does it come from?"""
from grafana.boards.parts import (BREAKER, GREEN, ORANGE, RED, YELLOW, Board, heatmap, hours, link,
                                  number, series, states, steps, target)
from grafana.boards.queries import breaker, over, pick, quantile, rate, total
from grafana.boards.variables import variables

DURATION = "http_request_duration_seconds"
REQUESTS = "http_requests_total"
FAILED = 'code=~"5.."'


def board():
    """The dashboard to open first."""
    page = Board("overview", "meliproxy / Overview",
                 "Is it healthy now? Rate, errors and duration, and where they come from.",
                 variables())
    now(page.row("Healthy now?"))
    red(page.row("Rate, errors, duration"))
    where(page.row("Where does it come from?"))
    before(page.row("Compared with before"))
    return page


def now(page):
    """Six numbers."""
    errors = f"sum(rate({pick(REQUESTS, FAILED)}[$__range]))"
    page.add(number(
        "Availability", "Share of requests in the time range that did not end in a 5xx, measured at "
        "the instances. A dead instance cannot report its own failures: the SLO dashboard measures "
        "at HAProxy.",
        f"1 - ({errors} or vector(0)) / sum(rate({pick(REQUESTS)}[$__range]))", "percentunit",
        steps((0.99, ORANGE), (0.999, GREEN), base=RED), spark=False, maximum=1, decimals=3), 4, 4)
    page.add(number("Requests", "Requests answered per second, by all instances.",
                    total(REQUESTS), "reqps", steps()), 4, 4)
    page.add(number("p99", "99 of 100 requests were answered within this time, hits and misses.",
                    quantile(0.99, DURATION), "s",
                    steps((0.25, YELLOW), (1, RED))), 4, 4)
    page.add(number(
        "Cache hits", "Share of look-ups that were answered from a fresh stored response.",
        over(total("cache_requests_total", more='result="hit"'), total("cache_requests_total")),
        "percentunit", steps((0.2, YELLOW), (0.5, GREEN), base=ORANGE), maximum=1), 4, 4)
    page.add(number("Instances ready", "Instances that take traffic.", f"sum({pick('ready')})",
                    "short", steps((1, YELLOW), (2, GREEN), base=RED), decimals=0), 4, 4)
    page.add(number(
        "Firing alerts", "Alerts that page somebody or ask for work, firing now.",
        'count(ALERTS{service="meliproxy",alertstate="firing",severity=~"page|ticket"}) or vector(0)',
        "short", steps((1, RED)), decimals=0), 4, 4)


def red(page):
    """The four graphs of every service."""
    classes = ('sum by (class) (label_replace('
               + rate(REQUESTS, 'code!="429"') + ', "class", "$1", "code", "(.).."))')
    page.add(series(
        "Requests by status class", "Answers per second. 429 stands apart from the other 4xx: that "
        "is the limiter at work, not a client's mistake.",
        [target(classes, "{{class}}xx"), target(total(REQUESTS, more='code="429"'), "429")],
        "reqps", stack=True, colours=("2xx", "3xx", "4xx", "5xx", "429")), 12)
    page.add(series(
        "Error ratio by origin", "Share of all requests that ended in a 5xx, by who made the answer: "
        "the upstream, the cache (a stored error), or the proxy itself (502, 503, 504).",
        [target(f"{total(REQUESTS, 'origin', FAILED)} / on () group_left () {total(REQUESTS)}",
                "{{origin}}")],
        "percentunit", lines=steps((0.001, ORANGE), (0.0144, RED)), colours=("upstream", "proxy")),
        12)
    page.add(series(
        "Latency quantiles", "From the parsed head to the last byte given to the kernel. The dots are "
        "exemplars: each carries the trace id of one request, which its access-log line has as well.",
        [target(quantile(q, DURATION), name, exemplar=name == "p99")
         for q, name in ((0.5, "p50"), (0.9, "p90"), (0.99, "p99"))],
        "s", colours=("p50", "p90", "p99")), 12)
    page.add(series(
        "Answered within 250 ms", "Share of each route's requests; 99 % is the objective.",
        [target(over(total(DURATION + "_bucket", "route", 'le="0.25"'),
                     total(DURATION + "_count", "route")), "{{route}}")],
        "percentunit", maximum=1, lines=steps((0.99, GREEN), base=RED),
        links=[link("Route", "routes", route="route")]), 12)


def where(page):
    """What a change in the four graphs above is made of."""
    page.add(series(
        "p99 by what the cache did", "Hits and misses are two populations; a quantile of both "
        "together moves when their shares do. Logarithmic.",
        [target(quantile(0.99, DURATION, "cache"), "{{cache}}")], "s", log=True,
        colours=("hit", "stale", "miss", "bypass", "none"),
        links=[link("Cache", "cache")]), 8)
    page.add(heatmap(
        "Durations", "How many requests took how long. Two bands are hits and misses.",
        [target(f"sum by (le) (increase({pick(DURATION + '_bucket')}[$__rate_interval]))", "{{le}}",
                heatmap=True)], "s"), 8)
    page.add(series(
        "Requests by route", "Answers per second. A click leads to the route.",
        [target(total(REQUESTS, "route"), "{{route}}")], "reqps", stack=True,
        links=[link("Route", "routes", route="route")]), 8)
    page.add(series(
        "Cache results", "Look-ups per second, by what was found and done (the words of RFC 9211).",
        [target(total("cache_requests_total", "result"), "{{result}}")], "reqps", stack=True,
        colours=("hit", "stale-served", "collapsed", "miss", "bypass"),
        links=[link("Cache", "cache")]), 8)
    page.add(series(
        "Limiter", "Decisions per second that were not a plain yes, by rule. fail_open: the shared "
        "counts could not be asked, and the request was let through.",
        [target(total("rate_limit_decisions_total", "rule, decision", 'decision!="allow"'),
                "{{rule}} {{decision}}")], "reqps", links=[link("Limits", "upstream")]), 8)
    page.add(series(
        "Refused or broken off", "Requests that ended at the level of the protocol: malformed, too "
        "large, too slow, gone, or cut short by the upstream.",
        [target(total("http_request_errors_total", "reason"), "{{reason}}")], "reqps"), 8)
    page.add(states(
        "Circuit breakers", "Worst state of each upstream's breaker over all instances. Open: nothing "
        "is forwarded; what is stored is served, the rest refused.",
        [target(breaker(), "{{upstream}}")], BREAKER,
        links=[link("Upstream", "upstream", upstream="upstream")]), 24, 5)


def before(page):
    """Is today like last week?"""
    page.add(series(
        "Requests, this week and last", "The same hour a week ago, from as long ago as Prometheus "
        "keeps its data.",
        [target(total(REQUESTS), "now"), target(total(REQUESTS, back="1w"), "a week ago")],
        "reqps", interval="1m", colours=("now", "a week ago")), 6)
    page.add(series(
        "p99, this week and last", "The same hour a week ago.",
        [target(quantile(0.99, DURATION), "now"),
         target(quantile(0.99, DURATION, back="1w"), "a week ago")], "s", interval="1m",
        colours=("now", "a week ago")), 6)
    page.add(series(
        "Requests by day", "By route, in the 24 hours before each point; of the last seven days.",
        [target(f"sum by (route) (increase({pick(REQUESTS)}[1d]))", "{{route}}")], "short",
        stack=True, timeFrom="7d", interval="1d", links=[link("Route", "routes", route="route")]), 6)
    page.add(hours("Requests by hour of the day"), 6)
