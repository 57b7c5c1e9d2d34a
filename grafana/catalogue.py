"""The metrics that dashboards may use: those of docs/metrics.md, and of the servers beside it."""
import dataclasses
import pathlib
import re

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
PAGE = REPOSITORY / "docs/metrics.md"

# What Prometheus adds to every series it scrapes.
TARGET_LABELS = frozenset({"job", "instance"})


@dataclasses.dataclass(frozen=True)
class Family:
    """One metric family: its type, its labels, their closed vocabularies, its bucket bounds."""
    kind: str
    labels: frozenset
    values: dict = dataclasses.field(default_factory=dict)
    buckets: tuple = ()


def family(kind, labels="", /, **values):
    """A family that is written down here. `values`: label="a b c"."""
    return Family(kind, frozenset(labels.split()),
                  {label: frozenset(words.split()) for label, words in values.items()})


def words(cell):
    """The words in backquotes of a table's cell."""
    return re.findall(r"`([^`]+)`", cell)


def documented(page=PAGE):
    """The families of docs/metrics.md: name -> Family."""
    families, vocabularies = {}, {}
    for line in page.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if not line.startswith("| `"):
            continue
        name = words(cells[0])[0]
        if len(cells) == 3:
            vocabularies[name, words(cells[1])[0]] = frozenset(words(cells[2]))
        else:
            families[name] = Family(cells[1], frozenset(words(cells[2])),
                                    buckets=tuple(cells[3].split()))
    for (name, label), vocabulary in vocabularies.items():
        families[name].values[label] = vocabulary
    return families


# No panel and no alert needs these: for those who debug the exposition itself.
DEBUG_ONLY = frozenset({
    "process_virtual_memory_bytes",
    "process_virtual_memory_max_bytes",
})

CODES = "1xx 2xx 3xx 4xx 5xx other"

# HAProxy 2.6, redis_exporter 1.45 and Prometheus 2.42: what is used of them, as they export it.
# The live test finds each of them in their pages.
FOREIGN = {
    "haproxy_frontend_http_responses_total": family("counter", "proxy code", code=CODES),
    "haproxy_frontend_requests_denied_total": family("counter", "proxy"),
    "haproxy_frontend_responses_denied_total": family("counter", "proxy"),
    "haproxy_frontend_denied_connections_total": family("counter", "proxy"),
    "haproxy_frontend_request_errors_total": family("counter", "proxy"),
    "haproxy_frontend_current_sessions": family("gauge", "proxy"),
    "haproxy_frontend_limit_sessions": family("gauge", "proxy"),
    "haproxy_frontend_bytes_in_total": family("counter", "proxy"),
    "haproxy_frontend_bytes_out_total": family("counter", "proxy"),
    "haproxy_backend_current_queue": family("gauge", "proxy"),
    "haproxy_backend_retry_warnings_total": family("counter", "proxy"),
    "haproxy_backend_redispatch_warnings_total": family("counter", "proxy"),
    "haproxy_backend_connection_errors_total": family("counter", "proxy"),
    "haproxy_backend_response_errors_total": family("counter", "proxy"),
    "haproxy_backend_client_aborts_total": family("counter", "proxy"),
    "haproxy_backend_queue_time_average_seconds": family("gauge", "proxy"),
    "haproxy_backend_connect_time_average_seconds": family("gauge", "proxy"),
    "haproxy_backend_response_time_average_seconds": family("gauge", "proxy"),
    "haproxy_backend_total_time_average_seconds": family("gauge", "proxy"),
    "haproxy_server_status": family(
        "gauge", "proxy server state", state="DOWN UP MAINT DRAIN NOLB"),
    "haproxy_server_http_responses_total": family("counter", "proxy server code", code=CODES),
    "haproxy_server_check_failures_total": family("counter", "proxy server"),
    "haproxy_process_idle_time_percent": family("gauge"),
    "haproxy_process_dropped_logs_total": family("counter"),
    "haproxy_process_start_time_seconds": family("gauge"),
    "redis_up": family("gauge"),
    "redis_memory_used_bytes": family("gauge"),
    "redis_memory_max_bytes": family("gauge"),
    "redis_keyspace_hits_total": family("counter"),
    "redis_keyspace_misses_total": family("counter"),
    "redis_evicted_keys_total": family("counter"),
    "redis_expired_keys_total": family("counter"),
    "redis_connected_clients": family("gauge"),
    "redis_blocked_clients": family("gauge"),
    "redis_connected_slaves": family("gauge"),
    "redis_connected_slave_lag_seconds": family("gauge", "slave_ip slave_port slave_state"),
    "redis_commands_processed_total": family("counter"),
    "redis_instance_info": family(
        "gauge", "role redis_version", role="master slave sentinel"),
    "redis_sentinel_master_status": family("gauge", "master_name master_address master_status"),
    "redis_sentinel_master_ok_sentinels": family("gauge", "master_name master_address"),
    "redis_sentinel_master_ok_slaves": family("gauge", "master_name master_address"),
    "redis_sentinel_master_ckquorum_status": family("gauge", "master_name message"),
    "scrape_duration_seconds": family("gauge"),
    "scrape_samples_post_metric_relabeling": family("gauge"),
    "scrape_body_size_bytes": family("gauge"),
    "ALERTS": family("gauge", "alertname alertstate severity service component long short",
                     alertstate="pending firing"),
}

# What the recording rules of prometheus/ write.
RECORDED = {
    f"job:slo_{slo}_errors_per_requests:ratio_rate{window}": family("gauge")
    for slo, windows in (("availability", "5m 30m 1h 2h 6h 1d 3d 30d"),
                         ("latency", "5m 30m 1h 2h 6h 1d 3d 30d"))
    for window in windows.split()
}

# Which job the servers beside the proxy are scraped as; prometheus/ and the alerts use the same.
HAPROXY_JOB, REDIS_JOB, SENTINEL_JOB = "haproxy", "redis", "sentinel"


def families():
    """Every family that an expression may name."""
    return {**FOREIGN, **RECORDED, **documented()}
