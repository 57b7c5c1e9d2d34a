"""Which instance is at its limit? Utilisation, saturation and errors of each."""
from grafana.boards.parts import (GREEN, ORANGE, RED, YELLOW, Board, by_name, series, states, steps,
                                  table, target)
from grafana.boards.queries import over, pick, quantile, rate, total
from grafana.boards.variables import variables

DURATION = "http_request_duration_seconds"


def by_instance(metric, more=""):
    """One gauge of each instance."""
    return f"max by (instance) ({pick(metric, more)})"


def board():
    """USE, and the versions that run."""
    page = Board("instances", "meliproxy / Instances",
                 "Which instance is at its limit? Utilisation, saturation and errors of each.",
                 variables())
    use(page.row("Utilisation and saturation"))
    connections(page.row("Connections and traffic"))
    errors(page.row("Errors, and the telemetry itself"))
    versions(page.row("Versions"))
    return page


def use(page):
    """CPU, loop, memory, descriptors."""
    page.add(series(
        "CPU", "Cores used.", [target(total("process_cpu_seconds_total", "instance"),
                                      "{{instance}}")], "short"), 6)
    page.add(series(
        "Busiest worker", "Share of time that an instance's busiest event loop was not waiting: the "
        "real saturation. At 1 everything on that worker waits.",
        [target(f"max by (instance) ({rate('worker_busy_seconds_total')})", "{{instance}}")],
        "percentunit", maximum=1, lines=steps((0.85, RED))), 6)
    page.add(series(
        "Loop lag p99", "How late an event loop came to a timer that was due.",
        [target(quantile(0.99, "worker_loop_lag_seconds", "instance"), "{{instance}}")], "s"), 6)
    page.add(series(
        "Memory", "Resident.", [target(by_instance("process_resident_memory_bytes"),
                                       "{{instance}}")], "bytes"), 6)
    page.add(series(
        "File descriptors", "Open, of those allowed.",
        [target(over(by_instance("process_open_fds"), by_instance("process_max_fds")),
                "{{instance}}")], "percentunit", maximum=1, lines=steps((0.8, RED))), 6)
    page.add(series(
        "Requests in flight", "Read and not yet completely answered.",
        [target(by_instance("http_requests_in_flight"), "{{instance}}")], "short"), 6)
    page.add(series(
        "Threads", "Workers, control, log, and libcurl's resolvers. A rise is name resolution that "
        "hangs.", [target(by_instance("process_threads"), "{{instance}}")], "short"), 6)
    page.add(states(
        "Lifecycle", "Whether each instance takes traffic.",
        [target(f"{by_instance('ready')} + 2 * {by_instance('draining')}", "{{instance}}")],
        [(0, "not ready", RED), (1, "ready", GREEN), (2, "draining", YELLOW)]), 6)


def connections(page):
    """Clients."""
    page.add(series(
        "Connections", "Client connections open, of those allowed.",
        [target(over(by_instance("connections_active"), by_instance("connections_max")),
                "{{instance}}")], "percentunit", maximum=1, lines=steps((0.8, RED))), 6)
    page.add(series(
        "Connections accepted", "Per second. Far below the requests: clients keep them, as they "
        "should.", [target(total("connections_accepted_total", "instance"), "{{instance}}")],
        "ops"), 6)
    page.add(series(
        "Connections closed", "Per second, by why they ended.",
        [target(total("connections_closed_total", "reason"), "{{reason}}"),
         target(total("connections_rejected_total", "reason"), "rejected: {{reason}}")], "ops"), 6)
    page.add(series(
        "Traffic", "Bytes per second from clients and to them.",
        [target(total("http_received_bytes_total", "instance"), "{{instance}} in"),
         target(total("http_sent_bytes_total", "instance"), "{{instance}} out")], "Bps"), 6)
    page.add(series(
        "Response sizes", "Of bodies sent to clients.",
        [target(quantile(q, "http_response_size_bytes"), name)
         for q, name in ((0.5, "p50"), (0.9, "p90"), (0.99, "p99"))], "bytes", log=True,
        colours=("p50", "p90", "p99")), 6, 7)
    page.add(series(
        "Requests by instance", "Answers per second.",
        [target(total("http_requests_total", "instance"), "{{instance}}")], "reqps",
        stack=True), 6, 7)
    page.add(series(
        "p99 by instance", "One that is slower than the others has a neighbour, or a bad disk for "
        "its log.",
        [target(quantile(0.99, DURATION, "instance"), "{{instance}}")], "s"), 6, 7)
    page.add(series(
        "Admin requests", "Answers of the admin listener per second.",
        [target(total("admin_requests_total", "endpoint, code"), "{{endpoint}} {{code}}")],
        "reqps"), 6, 7)


def errors(page):
    """Logs, configuration, scrapes."""
    page.add(series(
        "Log messages", "Warnings and errors per second, and lines lost because the sink was slow.",
        [target(total("log_messages_total", "level", 'level=~"warning|error"'), "{{level}}"),
         target(total("log_dropped_total"), "dropped")], "ops"), 8)
    page.add(states(
        "Configuration", "Whether the last one loaded was accepted.",
        [target(f"min by (instance) ({pick('config_last_reload_successful')})", "{{instance}}")],
        [(0, "refused", RED), (1, "accepted", GREEN)]), 8)
    page.add(series(
        "Scrapes", "How long Prometheus took to read each page, and how long its writing took.",
        [target(by_instance("scrape_duration_seconds"), "{{instance}} scrape"),
         target(by_instance("metrics_render_seconds"), "{{instance}} render")], "s"), 8)
    page.add(series(
        "Series", "Samples on each page, those kept, and label values that were folded into _other "
        "since there were too many.",
        [target(by_instance("metrics_series"), "{{instance}} exposed"),
         target(by_instance("scrape_samples_post_metric_relabeling"), "{{instance}} kept"),
         target(f"sum(increase({pick('metrics_label_overflow_total')}[$__rate_interval]))",
                "folded into _other")], "short"), 12, 7)
    page.add(series(
        "Page size", "Of the page of metrics, as Prometheus read it; it says so when run with the "
        "feature extra-scrape-metrics.",
        [target(by_instance("scrape_body_size_bytes"), "{{instance}}")], "bytes"), 12, 7)


def versions(page):
    """What runs, and whether the new one is slower."""
    joined = "on (job, instance) group_left (version) " + pick("build_info")
    page.add(series(
        "Requests by version", "Answers per second: how far a roll-out is.",
        [target(f"sum by (version) ({rate('http_requests_total')} * {joined})", "{{version}}")],
        "reqps", stack=True), 8, 7)
    page.add(series(
        "p99 by version", "Whether the new version is slower than the old.",
        [target(f"histogram_quantile(0.99, sum by (le, version) ({rate(DURATION + '_bucket')} * "
                f"{joined}))", "{{version}}")], "s"), 8, 7)
    keys = "instance, version, revision, swift"
    columns = [
        ("Running for", "s",
         f"max by ({keys}) ((time() - {pick('process_start_time_seconds')}) * on (job, instance) "
         f"group_left (version, revision, swift) {pick('build_info')})"),
        ("Config age", "s",
         f"max by ({keys}) ((time() - {pick('config_last_reload_success_timestamp_seconds')}) * "
         f"on (job, instance) group_left (version, revision, swift) {pick('build_info')})"),
    ]
    page.add(table("Builds", "What runs where, since when, with a configuration of what age.",
                   columns, ["instance", "version", "revision", "swift"]), 8, 7)
