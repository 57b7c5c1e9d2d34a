"""Are the promises kept, and how long will the error budget last?"""
from grafana.boards.parts import (GREEN, ORANGE, RED, YELLOW, Board, by_name, link, number, series,
                                  steps, table, target)
from grafana.boards.queries import EDGE, over, total
from grafana.boards.variables import variables

BUDGETS = {"availability": 0.001, "latency": 0.01}
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
BURN_LINES = steps((1, YELLOW), (3, ORANGE), (6, ORANGE), (14.4, RED))


def ratio(slo, window):
    """The recorded share of bad requests. Availability is measured at HAProxy."""
    scope = 'job="haproxy"' if slo == "availability" else 'job=~"$job"'
    return f"job:slo_{slo}_errors_per_requests:ratio_rate{window}{{{scope}}}"


def board():
    """The dashboard for the week's meeting."""
    page = Board("slo", "meliproxy / SLO",
                 "Are the promises kept? 99.9 % of requests without a 5xx, 99 % within 250 ms, over "
                 "30 days.", variables(extra=("edge",)))
    budget(page.row("Budget of 30 days"))
    burn(page.row("How fast it burns"))
    page.row("Where it burns")
    edge_errors = total("haproxy_frontend_http_responses_total", "code",
                        'proxy="proxy_in",code=~"4xx|5xx"', EDGE)
    page.add(series(
        "Errors at the edge", "4xx and 5xx per second as clients got them, from HAProxy.",
        [target(edge_errors, "{{code}}")], "reqps", colours=("4xx", "5xx"),
        links=[link("HAProxy", "edge")]), 8)
    page.add(series(
        "5xx by route", "Per second, as the instances answered.",
        [target(total("http_requests_total", "route", 'code=~"5.."'), "{{route}}")], "reqps",
        links=[link("Route", "routes", route="route")]), 8)
    slow = over(total("http_request_duration_seconds_bucket", "route", 'le="0.25"'),
                total("http_request_duration_seconds_count", "route"))
    page.add(series(
        "Slower than 250 ms by route", "Share of each route's requests that spends the latency "
        "budget.", [target(f"1 - {slow}", "{{route}}")], "percentunit",
        lines=steps((0.01, RED)), links=[link("Route", "routes", route="route")]), 8)
    page.add(table(
        "Burn alerts", "Budget alerts that are pending or firing now.",
        [("Active", "short", 'ALERTS{alertname=~".*BudgetBurn"}')],
        ["alertname", "alertstate", "severity", "long", "short"],
        hidden=["__name__", "job", "service", "component", "instance"],
        overrides=[by_name("Active", "custom.hidden", True)]), 24, 6)
    return page


def budget(page):
    """What is left, and the ratio it comes from."""
    for slo, words in (("availability", "Requests without a 5xx, at HAProxy"),
                       ("latency", "Requests answered within 250 ms")):
        allowed = BUDGETS[slo]
        page.add(number(
            f"{slo.capitalize()} budget left",
            f"{words}: share of the 30 days' budget of {allowed:.1%} bad requests that is left. "
            "Below zero the promise is broken.",
            f"1 - {ratio(slo, '30d')} / {allowed}", "percentunit",
            steps((0, ORANGE), (0.25, YELLOW), (0.5, GREEN), base=RED), minimum=None, maximum=1),
            6, 5)
        page.add(number(
            f"{slo.capitalize()}, 30 days", f"{words}.", f"1 - {ratio(slo, '30d')}", "percentunit",
            steps((1 - allowed, GREEN), base=RED), maximum=1, decimals=3), 6, 5)


def burn(page):
    """Burn rate 1 spends the budget in exactly 30 days."""
    for slo in BUDGETS:
        page.add(series(
            f"{slo.capitalize()} burn rate",
            "How many times faster than allowed, by window. Lines: 14.4 and 6 page (with their "
            "short window above as well), 3 and 1 make a ticket. Logarithmic.",
            [target(f"{ratio(slo, window)} / {BUDGETS[slo]}", window) for window in WINDOWS],
            "short", log=True, lines=BURN_LINES), 12, 9)
