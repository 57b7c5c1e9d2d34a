"""Does the cache earn its memory, and does Redis hold up?"""
from grafana.boards.parts import (BLUE, GREEN, ORANGE, RED, YELLOW, Board, by_name, number,
                                  series, states, steps, table, target)
from grafana.boards.queries import REDIS, SENTINEL, largest, over, pick, quantile, total
from grafana.boards.variables import variables

HIT = 'result="hit"'


def board():
    """Memory cache, shared cache, Redis, Sentinels."""
    page = Board("cache", "meliproxy / Cache and Redis",
                 "Does the cache earn its memory, and does Redis hold up?",
                 variables(extra=("redis",)))
    worth(page.row("What the cache is worth"))
    content(page.row("What is in it"))
    shared(page.row("Redis as the instances see it"))
    server(page.row("Redis as its exporter sees it"))
    sentinels(page.row("Sentinels"))
    return page


def worth(page):
    """Ratios, stale answers, collapsing."""
    looked = total("cache_requests_total")
    page.add(series(
        "Hit ratio by tier", "Share of look-ups answered from a fresh stored response, by where it "
        "lay; together they are the hit ratio.",
        [target(f"{total('cache_requests_total', 'tier', HIT)} / on () group_left () {looked}",
                "{{tier}}")],
        "percentunit", stack=True, maximum=1), 8)
    page.add(series(
        "Byte hit ratio", "Share of the bytes sent to clients that came from fresh stored responses.",
        [target(over(total("http_sent_bytes_total", more='cache="hit"'),
                     total("http_sent_bytes_total")), "bytes")], "percentunit", maximum=1), 8)
    page.add(series(
        "Stale answers", "Per second. revalidate: served while a fresh one was fetched; error: served "
        "because the upstream failed.",
        [target(total("cache_stale_served_total", "reason"), "{{reason}}")], "reqps"), 8)
    page.add(series(
        "Revalidations", "Conditional requests per second, by how they ended. not_modified is a body "
        "that was not sent again.",
        [target(total("cache_revalidations_total", "outcome"), "{{outcome}}")], "reqps"), 8)
    page.add(series(
        "Collapsing", "Requests per second that needed a fetch: leaders ask the upstream, followers "
        "wait for the leader's answer.",
        [target(total("cache_flights_total", "role"), "{{role}}")], "reqps", stack=True), 8)
    page.add(series(
        "Cluster leases", "Per second: of several instances that miss the same target, one fetches.",
        [target(total("cache_lease_total", "outcome"), "{{outcome}}")], "reqps", stack=True), 8)


def content(page):
    """Stores, evictions, fill."""
    page.add(series(
        "Stores", "Answers to cacheable requests per second, by whether they were stored.",
        [target(total("cache_stores_total", "tier, outcome"), "{{tier}} {{outcome}}")], "reqps",
        stack=True), 8)
    page.add(series(
        "Evictions", "Stored responses that went, per second. size: the memory is too small for what "
        "is asked for.",
        [target(total("cache_evictions_total", "tier, reason"), "{{tier}} {{reason}}")], "ops"), 8)
    page.add(series(
        "Fill", "Memory taken by stored responses, of what they may take.",
        [target(over(f"sum by (instance, tier) ({pick('cache_size_bytes')})",
                     f"sum by (instance, tier) ({pick('cache_max_size_bytes')} > 0)"),
                "{{instance}} {{tier}}")], "percentunit", maximum=1,
        lines=steps((0.95, ORANGE))), 8)
    page.add(series(
        "Entries", "Stored targets; one may have several variants.",
        [target(f"sum by (instance, tier) ({pick('cache_entries')})", "{{instance}} {{tier}}")],
        "short"), 8)
    page.add(series(
        "Purges", "Per second, by what they were about.",
        [target(total("cache_purges_total", "kind"), "{{kind}}")], "ops"), 8)
    page.add(series(
        "Invalidations: how late", "From the purge on one instance to its effect on this one.",
        [target(quantile(q, "cache_invalidation_lag_seconds"), name)
         for q, name in ((0.5, "p50"), (0.99, "p99"))], "s", colours=("p50", "p99")), 8)


def shared(page):
    """The client's side of Redis."""
    page.add(series(
        "Command p99", "By kind of command. The path of a request waits for cache_get and rate_limit.",
        [target(quantile(0.99, "redis_command_duration_seconds", "op"), "{{op}}")], "s", log=True,
        lines=steps((0.05, RED))), 8)
    page.add(series(
        "Failed commands", "Per second, by kind and by what went wrong.",
        [target(total("redis_commands_total", "op, outcome", 'outcome!="ok"'),
                "{{op}} {{outcome}}")], "ops"), 8)
    page.add(series(
        "Commands", "Per second, by kind.",
        [target(total("redis_commands_total", "op"), "{{op}}")], "ops", stack=True), 8)
    page.add(series(
        "Replies of no use", "Per second, by why.",
        [target(total("redis_errors_total", "reason"), "{{reason}}")], "ops"), 6)
    page.add(series(
        "Pending commands", "Sent and not answered. A line that stays up is Redis or the network "
        "being slow.",
        [target(largest(pick("redis_pending_commands"), "instance"), "{{instance}}")], "short"), 6)
    page.add(series(
        "Reconnects", "Per second, by why the connection was lost.",
        [target(total("redis_reconnects_total", "reason"), "{{reason}}")], "ops"), 6)
    page.add(states(
        "Connected to a master", "Whether each instance reaches the master.",
        [target(f"min by (instance) ({pick('redis_connected')})", "{{instance}}")],
        [(0, "no", RED), (1, "yes", GREEN)]), 6)
    page.add(states(
        "Memory cache trusted", "Whether each instance hears invalidations, so that its memory may "
        "answer without asking Redis.",
        [target(f"min by (instance) ({pick('cache_coherence_live')})", "{{instance}}")],
        [(0, "no", ORANGE), (1, "yes", GREEN)]), 6)
    page.add(series(
        "Not sent to Redis", "Commands per second that were not sent because the breaker towards Redis "
        "was open or too many waited; memory and upstream do without.",
        [target(total("redis_commands_total", "outcome",
                      'outcome=~"breaker_open|queue_full|not_connected"'), "{{outcome}}")], "ops"), 6)
    page.add(series(
        "Invalidations", "Heard per second, by what they meant for the memory cache.",
        [target(total("cache_invalidations_total", "kind"), "{{kind}}")], "ops"), 6)
    page.add(series(
        "Rare events", "In the time of one step: records that could not be read, purges sent again to "
        "a new master, functions loaded again.",
        [target(f"sum by (reason) (increase({pick('cache_record_faults_total')}"
                "[$__rate_interval]))", "record: {{reason}}")]
        + [target(f"sum(increase({pick(metric)}[$__rate_interval]))", words)
           for metric, words in (("cache_purge_replays_total", "purge sent again"),
                                 ("redis_function_loads_total", "functions loaded"))],
        "short"), 6)


def server(page):
    """The servers' own numbers."""
    page.add(series(
        "Memory", "Used, and the limit where there is one (a replica without a limit reports 0).",
        [target(f"max by (instance) (redis_memory_used_bytes{{{REDIS}}})", "{{instance}} used"),
         target(f"max by (instance) (redis_memory_max_bytes{{{REDIS}}} > 0)", "{{instance}} limit")],
        "bytes"), 8)
    hits, misses = (total(f"redis_keyspace_{word}_total", "instance", scope=REDIS)
                    for word in ("hits", "misses"))
    page.add(series(
        "Keyspace hits", "Share of look-ups that found their key.",
        [target(f"{hits} / ({hits} + {misses} > 0)", "{{instance}}")], "percentunit", maximum=1), 8)
    page.add(series(
        "Evicted and expired keys", "Per second. Evicted: the memory limit was reached.",
        [target(total("redis_evicted_keys_total", "instance", scope=REDIS), "{{instance}} evicted"),
         target(total("redis_expired_keys_total", "instance", scope=REDIS), "{{instance}} expired")],
        "ops"), 8)
    page.add(series(
        "Clients", "Connections, and those waiting in a blocking command.",
        [target(f"max by (instance) (redis_connected_clients{{{REDIS}}})", "{{instance}}"),
         target(f"max by (instance) (redis_blocked_clients{{{REDIS}}})", "{{instance}} blocked")],
        "short"), 6)
    page.add(series(
        "Commands processed", "Per second.",
        [target(total("redis_commands_processed_total", "instance", scope=REDIS), "{{instance}}")],
        "ops"), 6)
    page.add(series(
        "Replicas and their lag", "Connected replicas, and how long ago each was heard.",
        [target(f"max by (instance) (redis_connected_slaves{{{REDIS}}})", "{{instance}} replicas"),
         target(f"max by (slave_ip, slave_port) (redis_connected_slave_lag_seconds{{{REDIS}}})",
                "lag of {{slave_ip}}:{{slave_port}}")],
        "short", overrides=[{"matcher": {"id": "byRegexp", "options": "lag.*"},
                             "properties": [{"id": "unit", "value": "s"}]}]), 6)
    page.add(states(
        "Who was master", "Role of each server over time.",
        [target(f'max by (instance) (redis_instance_info{{{REDIS},role="master"}})'
                f' or 0 * max by (instance) (redis_up{{{REDIS}}})', "{{instance}}")],
        [(0, "replica", BLUE), (1, "master", GREEN)]), 6)


def sentinels(page):
    """What each of them believes."""
    page.add(number(
        "Redis servers up", "Servers that answer their exporter.", f"sum(redis_up{{{REDIS}}})",
        "short", steps((1, YELLOW), (2, GREEN), base=RED), decimals=0), 4, 6)
    page.add(states(
        "Sentinels reached", "Whether the instances reach each Sentinel.",
        [target(f"min by (sentinel) ({pick('sentinel_up')})", "{{sentinel}}")],
        [(0, "no", RED), (1, "yes", GREEN)]), 6, 6)
    keys = "instance, master_name"
    columns = [
        ("Quorum", "short",
         f"min by ({keys}) (redis_sentinel_master_ckquorum_status{{{SENTINEL}}})"),
        ("Sentinels", "short",
         f"max by ({keys}) (redis_sentinel_master_ok_sentinels{{{SENTINEL}}})"),
        ("Replicas", "short", f"max by ({keys}) (redis_sentinel_master_ok_slaves{{{SENTINEL}}})"),
        ("Masters", "short",
         f"count by ({keys}) (redis_sentinel_master_status{{{SENTINEL}}} == 1)"),
    ]
    page.add(table(
        "What each Sentinel believes", "Of each Sentinel: is there a quorum, how many Sentinels and replicas does it "
        "hold for well, and how many masters.", columns, ["instance", "master_name"],
        overrides=[by_name("Quorum", "thresholds", steps((1, GREEN), base=RED))]), 14, 6)
    page.add(series(
        "Master switches followed", "Failovers that each instance followed, in the time of one step.",
        [target(f"sum by (instance) (increase({pick('redis_master_switches_total')}"
                "[$__rate_interval]))", "{{instance}}")], "short"), 24, 6)
