"""One row for each alert: what is done to the running stack, and how it is made good again."""
import contextlib
import os
import resource
import signal

import harness
from alerts_stack import SESSIONS_MAX, after

# [(alerts, fault and heal in words, context manager over a stack)], in the order in which they run.
ROWS = []

# Alerts that no fault of these tests triggers, and why.
EXCUSED = {
    "MixedVersions": "needs two builds side by side; there is one",
    "PrometheusNoAlertmanager": "without Alertmanager nothing arrives anywhere: the missing Watchdog says it",
    "LogsDropped": "the stack's logs are files, which are never too slow; test_access_log.py has a slow sink",
    "LabelOverflow": "needs more routes than a configuration sensibly has; the cap itself has unit tests",
    "EventLoopSaturated": "a load on two shared processors says little about one event loop",
    "HAProxySaturated": "the same: every program would be short of time, Prometheus too",
    "ScrapeSlow": "scrapes are answered at once or not at all, which is TargetDown",
    "RedisSlow": "not tried: look-ups give up after 15 ms, below the alert's 50; only stores could be so slow",
    "SentinelsDisagree": "not tried: Sentinels tell one another who is master",
    "RateLimiterFailOpen": "not tried: no shipped rule has `on_store_failure: allow`; "
                           "without Redis each instance counts its share",
    "TrafficDrop": "needs a steady yesterday, as test_rules_history.py makes one; seen whenever these rows' load ends",
    "CacheHitRatioDropped": "needs a yesterday; test_rules_history.py has one",
}


def row(*alerts):
    """Declares a fault; its docstring is the text of the table."""
    def add(function):
        ROWS.append((alerts, " ".join(function.__doc__.split()),
                     contextlib.contextmanager(function)))
        return function
    return add


@row("RedisMemoryNearMax")
def _memory(stack):
    """a replica's `maxmemory` is set just above what it uses, and it may not evict; the former values"""
    port = stack.port_of(stack.replica())
    before = stack.redis(port, "CONFIG", "GET", "maxmemory").split()[1]
    policy = stack.redis(port, "CONFIG", "GET", "maxmemory-policy").split()[1]
    used = next(line for line in stack.redis(port, "INFO", "memory").splitlines()
                if line.startswith("used_memory:")).split(":")[1].strip()
    stack.redis(port, "CONFIG", "SET", "maxmemory", str(int(used) * 101 // 100),
                "maxmemory-policy", "noeviction")
    try:
        yield
    finally:
        stack.redis(port, "CONFIG", "SET", "maxmemory-policy", policy)
        stack.redis(port, "CONFIG", "SET", "maxmemory", before)


@row("InstanceDown")
def _instance(stack):
    """SIGSTOP of one instance; SIGCONT"""
    with stack.stopped("proxy-2"):
        yield


@row("MeliProxyAllDown", "HAProxyNoServers")
def _all_instances(stack):
    """SIGSTOP of all three instances; SIGCONT"""
    with stack.stopped("proxy-1", "proxy-2", "proxy-3"):
        yield


@row("RestartLoop")
def _restarts(stack):
    """kill -9 of an instance six times, 2 s apart; left alone"""
    for _ in range(6):
        os.kill(stack.pid("proxy-3"), signal.SIGKILL)
        after(2.2)
    yield


@row("ConfigReloadFailed")
def _reload(stack):
    """an unknown key in the settings and SIGHUP; the former file and SIGHUP"""
    with stack.settings_changed(lambda text: text + "\nno_such_key: 1\n"):
        yield


@row("HAProxyServerFlapping")
def _flapping(stack):
    """SIGSTOP of an instance for 0.8 s, seven times; left alone"""
    for _ in range(7):
        with stack.stopped("proxy-1"):
            after(0.8)
        after(0.5)
    yield


@row("HAProxyQueueing")
def _queue(stack):
    """`maxconn 1` for each server and twelve clients with requests of 1 s; `maxconn 2000`"""
    for number in (1, 2, 3):
        stack.edge(f"set maxconn server proxies/proxy{number} 1")
    with stack.traffic("/categories/MLA{new}?_latency=1s", clients=12, every=0.01):
        try:
            yield
        finally:
            for number in (1, 2, 3):
                stack.edge(f"set maxconn server proxies/proxy{number} 2000")


@row("HAProxySessionsNearLimit", "ConnectionsNearLimit")
def _connections(stack):
    """170 connections of the 200 that the front takes, each to all three instances; closed"""
    with stack.traffic("/sites", clients=SESSIONS_MAX * 17 // 20, every=0.7):
        yield


@row("HAProxyImbalance")
def _imbalance(stack):
    """weight 1 in 256 for two of three servers, under load; the weights from before"""
    stack.edge("set weight proxies/proxy1 256")
    with stack.traffic("/sites"):
        try:
            yield
        finally:
            stack.edge("set weight proxies/proxy1 1")


@row("FdsNearLimit")
def _descriptors(stack):
    """an instance's limit of descriptors is set just above those that are open; the former limit"""
    pid = stack.pid("proxy-1")
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    open_now = len(os.listdir(f"/proc/{pid}/fd"))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (open_now + open_now // 10, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


@row("RateLimitSpike")
def _limit(stack):
    """80 requests a second for a path that may have 5 an hour; no requests"""
    with stack.traffic("/limited"):
        yield


@row("CachePressure")
def _pressure(stack):
    """only new items, for caches of 2 MiB; no requests"""
    with stack.traffic("/items/MLA{new}", clients=8, every=0.005):
        yield


@row("UpstreamErrors")
def _upstream_errors(stack):
    """two of ten new items are broken off by the upstream; no requests"""
    good, bad = "/items/MLA{new}", "/items/MLA{new}?_break=1"
    with stack.traffic(good, bad, good, good, good, good, bad, good, good, good):
        yield


def _recover(stack):
    """New items without fault until every breaker is closed: one that nobody asks stays as it is."""
    not_closed = 'meliproxy_circuit_breaker_state{state="closed"} == 0'
    with stack.traffic("/items/MLA{new}"):
        harness.wait_until(lambda: not stack.query(not_closed), "closed breakers", 90, 0.5)


@row("RetryStorm")
def _retries(stack):
    """three of ten answers are a 500, which is tried again here; new items without fault"""
    good, bad = "/items/MLA{new}", "/items/MLA{new}?_status=500"
    with stack.traffic(good, bad, good, good, bad, good, good, bad, good, good, clients=8):
        yield
    _recover(stack)


@row("CircuitBreakerOpen")
def _breaker(stack):
    """every answer of the upstream is a 500; new items without fault"""
    with stack.traffic("/items/MLA{new}?_status=500"):
        yield
    _recover(stack)


@row("LatencyBudgetBurn")
def _latency(stack):
    """every answer takes 400 ms; no requests"""
    with stack.traffic("/categories/MLA{new}?_latency=400ms"):
        yield


@row("AvailabilityBudgetBurn")
def _availability(stack):
    """one in three answers is a 500; new items without fault"""
    with stack.traffic("/sites", "/sites", "/items/MLA{new}?_status=500"):
        yield
    _recover(stack)


@row("RedisUnreachable")
def _password(stack):
    """the instances' Redis password is changed on every node; the one from before"""
    secret = stack.secrets("meliproxy")["MELIPROXY_REDIS_PASSWORD"]
    ports = [stack.ports[f"redis_{number}"] for number in (1, 2, 3)]
    for port in ports:
        assert stack.redis(port, "ACL", "SETUSER", "meliproxy", "resetpass", ">other") == "OK"
        stack.redis(port, "CLIENT", "KILL", "USER", "meliproxy")
    try:
        yield
    finally:
        for port in ports:
            assert stack.redis(port, "ACL", "SETUSER", "meliproxy", "resetpass", f">{secret}") == "OK"


@row("RedisReplicaLinkDown")
def _replica_link(stack):
    """a replica's password for its master is wrong, and its link is cut; the former password"""
    replica, master = (stack.port_of(name) for name in (stack.replica(), stack.master()))
    before = stack.redis(replica, "CONFIG", "GET", "masterauth").split()[1]
    stack.redis(replica, "CONFIG", "SET", "masterauth", "wrong")
    stack.redis(master, "CLIENT", "KILL", "TYPE", "replica")
    try:
        yield
    finally:
        stack.redis(replica, "CONFIG", "SET", "masterauth", before)


@row("RedisDown", "RedisMasterSwitched")
def _redis_master(stack):
    """the Redis master is killed, and again whenever it is started; left alone"""
    with stack.kept_dead(stack.master()):
        yield


# A failover is over before these would fire: that is as it should be.
@row("RedisMasterCountWrong", "HAProxyRedisMasterRoute")
def _redis_nodes(stack):
    """all three Redis nodes are killed, and again whenever they are started; left alone"""
    with stack.kept_dead("redis-1", "redis-2", "redis-3"):
        yield


@row("SentinelQuorumLost", "SentinelDown")
def _sentinels(stack):
    """two Sentinels are killed, and again whenever they are started; left alone"""
    with stack.kept_dead("sentinel-1", "sentinel-2"):
        yield


@row("TargetDown")
def _target(stack):
    """SIGSTOP of redis-exporter; SIGCONT"""
    with stack.stopped("redis-exporter"):
        yield


@row("HAProxyDown")
def _edge(stack):
    """SIGSTOP of HAProxy; SIGCONT"""
    with stack.stopped("haproxy"):
        yield


@row("ScrapeNearLimit")
def _scrape_limit(stack):
    """Prometheus is given sample limits of 800; the former ones"""
    with stack.monitoring_changed("prometheus.local.yml", lambda text: text.replace(
            "sample_limit: 5000", "sample_limit: 800")):
        yield


@row("PrometheusRuleFailures")
def _rule(stack):
    """a rule that joins many to many; without it"""
    bad = ("groups:\n  - name: bad\n    interval: 1s\n    rules:\n"
           "      - {record: bad, expr: 'up + on (job) up'}\n")
    with stack.monitoring_changed("rules/alerts-yesterday.yml", lambda text: bad):
        yield
