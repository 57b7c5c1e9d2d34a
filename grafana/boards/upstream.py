"""Is it the upstream, and what do we do about it?"""
from grafana.boards.parts import BREAKER, GREEN, ORANGE, RED, Board, link, series, states, steps, target
from grafana.boards.queries import breaker, largest, over, pick, quantile, total
from grafana.boards.variables import variables

CHOSEN = 'upstream=~"$upstream"'
TRIED = "upstream_request_duration_seconds_count"


def board():
    """Attempts, times, pool, breaker, limits."""
    page = Board("upstream", "meliproxy / Upstream and resilience",
                 "Is it the upstream, and what do we do about it?", variables(used=("upstream",)))
    attempts(page.row("Attempts"))
    times(page.row("Times"))
    pool(page.row("Connections"))
    held_back(page.row("Breaker, gate, load shedding"))
    limits(page.row("Limits"))
    return page


def attempts(page):
    """Answers, and what brought none."""
    page.add(series(
        "Answers by status", "Attempts that brought an answer, per second.",
        [target(total("upstream_requests_total", "upstream, code", CHOSEN),
                "{{upstream}} {{code}}")], "reqps", stack=True), 8)
    page.add(series(
        "Attempts without an answer", "Per second, by what went wrong.",
        [target(total("upstream_errors_total", "upstream, reason", CHOSEN),
                "{{upstream}} {{reason}}")], "reqps"), 8)
    page.add(series(
        "Errors per attempt", "Attempts without an answer, and those answered with 5xx, of all "
        "attempts.",
        [target(over(total("upstream_errors_total", "upstream", CHOSEN),
                     total(TRIED, "upstream", CHOSEN)), "{{upstream}} no answer"),
         target(over(total("upstream_requests_total", "upstream", CHOSEN + ',code=~"5.."'),
                     total(TRIED, "upstream", CHOSEN)), "{{upstream}} 5xx")],
        "percentunit", lines=steps((0.05, RED))), 8)


def times(page):
    """Of an attempt, and of its parts."""
    for title, metric, words in (
            ("Attempt", "upstream_request_duration_seconds", "One attempt, whole; retries apart."),
            ("Connect", "upstream_connect_duration_seconds",
             "To a usable connection: name, connect, TLS. The network, not the application."),
            ("First byte", "upstream_first_byte_seconds",
             "From the request sent to the answer's first byte: the application thinks.")):
        page.add(series(
            title, f"{words} Logarithmic.",
            [target(quantile(q, metric, "upstream", CHOSEN), f"{{{{upstream}}}} {name}")
             for q, name in ((0.5, "p50"), (0.99, "p99"))], "s", log=True), 8)


def pool(page):
    """Connections and retries."""
    page.add(series(
        "Pool", "Connections, by what they are doing.",
        [target(f"sum by (upstream, state) ({pick('upstream_connections', CHOSEN)})",
                "{{upstream}} {{state}}")], "short", stack=True), 6)
    page.add(series(
        "Reuse", "Share of answers that came over a kept connection. An upstream that cannot be "
        "reached opens none and has no line.",
        [target(f"1 - {total('upstream_connections_opened_total', 'upstream', CHOSEN)} / "
                f"{total('upstream_requests_total', 'upstream', CHOSEN)}", "{{upstream}}")],
        "percentunit", maximum=1), 6)
    page.add(series(
        "Retries", "Per second, by how they ended.",
        [target(total("upstream_retries_total", "upstream, outcome", CHOSEN),
                "{{upstream}} {{outcome}}")], "reqps"), 6)
    page.add(series(
        "Retries per attempt", "Above a fifth, retries are part of the problem.",
        [target(over(total("upstream_retries_total", "upstream", CHOSEN),
                     total(TRIED, "upstream", CHOSEN)), "{{upstream}}")],
        "percentunit", lines=steps((0.2, RED))), 6)


def held_back(page):
    """What holds load back from an upstream in trouble."""
    page.add(states(
        "Breaker state", "Worst over all instances.",
        [target(breaker(CHOSEN), "{{upstream}}")], BREAKER), 12, 6)
    page.add(states(
        "Gate", "Whether the gate of each upstream is closed on at least one instance.",
        [target(largest(pick("upstream_gate_closed", CHOSEN), "upstream"), "{{upstream}}")],
        [(0, "open", GREEN), (1, "closed", RED)]), 12, 6)
    page.add(series(
        "Refused by the breaker", "Requests per second that were not forwarded.",
        [target(total("circuit_breaker_rejected_total", "upstream", CHOSEN), "{{upstream}}")],
        "reqps"), 6)
    page.add(series(
        "Breaker transitions", "In the time of one step. A breaker that flaps has thresholds that "
        "are too tight, or an upstream that half works.",
        [target(f"sum by (upstream, state) (increase({pick('circuit_breaker_transitions_total', CHOSEN)}"
                "[$__rate_interval]))", "{{upstream}} to {{state}}")], "short"), 6)
    page.add(series(
        "Load shed", "Requests per second refused to keep the rest fast.",
        [target(total("shed_total", "upstream, reason", CHOSEN), "{{upstream}} {{reason}}")],
        "reqps"), 6)
    page.add(series(
        "Concurrency", "Requests that may be under way at an upstream, as adapted; those that are, and "
        "those that wait for their turn. Sums of all instances.",
        [target(f"sum by (upstream) ({pick(f'concurrency_{part}', CHOSEN)})",
                f"{{{{upstream}}}} {words}")
         for part, words in (("limit", "limit"), ("in_flight", "in flight"), ("queued", "queued"))],
        "short"), 6)


def limits(page):
    """The rate limits of clients."""
    page.add(series(
        "Limit decisions", "Per second, by rule. shadow_deny and candidate_deny let the request "
        "through, and say what a rule under trial would do.",
        [target(total("rate_limit_decisions_total", "rule, decision"), "{{rule}} {{decision}}")],
        "reqps", stack=True), 8)
    decisions = total("rate_limit_decisions_total", "rule")
    page.add(series(
        "Denied share", "Denied of all decisions of a rule.",
        [target(over(total("rate_limit_decisions_total", "rule", 'decision="deny"'), decisions),
                "{{rule}}")], "percentunit", lines=steps((0.2, ORANGE))), 8)
    page.add(series(
        "Decisions without shared counts", "Per second: Redis could not be asked, and the rule let "
        "through or refused as it says.",
        [target(total("rate_limit_decisions_total", "rule, decision",
                      'decision=~"fail_open|fail_closed"'), "{{rule}} {{decision}}")],
        "reqps", links=[link("Redis", "cache")]), 8)
    page.add(series(
        "Keys counted locally", "Memory of the local limiter, in keys.",
        [target(f"sum by (rule) ({pick('rate_limit_tracked_keys')})", "{{rule}}")], "short"), 12, 6)
    page.add(series(
        "Leases on shared limits", "Per second: questions to Redis about tokens, by what became of "
        "them. failed: it did not answer, and the rules did without.",
        [target(total("rate_limit_lease_total", "outcome"), "{{outcome}}")], "reqps", stack=True),
        12, 6)
