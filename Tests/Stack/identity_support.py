"""What every part of a running stack counted about requests, and a crowd that counts for itself."""
import collections
import itertools
import random
import threading

import client
import harness

# (weight, method, target): `{small}` repeats, `{new}` never does.
REQUESTS = (
    (40, "GET", "/items/MLA{small}"), (10, "GET", "/items/MLA{new}"), (10, "GET", "/sites"),
    (6, "GET", "/categories/MLA{small}"), (4, "HEAD", "/items/MLA{small}"),
    (4, "GET", "/items/MLA{new}?_status=500"), (3, "GET", "/items/MLA{new}?_status=404"),
    (3, "GET", "/users/me"), (3, "POST", "/items/MLA{small}"), (2, "GET", "/limited"),
    (2, "GET", "/items/MLA{new}?_break=1"), (2, "GET", "/categories/MLA{new}?_latency=40ms"),
)
LIMITED = {"name": "identity", "path": "/limited", "rate": "5/1h"}


class Crowd:
    """Clients with a connection each, who send a number of requests and count the answers by code.

    `lost` are requests without a whole answer: the connection broke off in it or before it.
    """

    def __init__(self, port, seed, count, clients=4):
        self.port, self.count = port, count
        self.codes, self.lost = collections.Counter(), []
        self._lock = threading.Lock()
        self._new = itertools.count(10_000_000 + seed * 1_000_000)
        self._threads = [threading.Thread(target=self._ask, args=(random.Random(seed + n),))
                         for n in range(clients)]
        for thread in self._threads:
            thread.start()

    def join(self):
        """Waits for the last answer."""
        for thread in self._threads:
            thread.join()
        return self

    @property
    def asked(self):
        """Requests that have been answered or lost."""
        return sum(self.codes.values()) + len(self.lost)

    def _ask(self, chance):
        weights = [weight for weight, _, _ in REQUESTS]
        connection = None
        for _ in range(self.count // len(self._threads)):
            _, method, target = chance.choices(REQUESTS, weights)[0]
            target = target.format(small=chance.randrange(1, 40), new=next(self._new))
            connection = connection or client.Client(self.port)
            try:
                response = connection.request(method, target)
            except (OSError, client.wire.BrokenMessage) as problem:
                with self._lock:
                    self.lost.append((target, repr(problem)))
                connection.close()
                connection = None
                continue
            with self._lock:
                self.codes[response.status] += 1
            if "close" in ",".join(response.all("connection")).lower():
                connection.close()
                connection = None
        if connection:
            connection.close()


def instances(stack):
    """{name: Samples} of the instances that run."""
    found = {}
    for row in stack.status()["programs"]:
        if row["name"].startswith("proxy-"):
            page = client.fetch(row["ports"][1], "GET", "/metrics").body.decode()
            found[row["name"]] = harness.Samples(page)
    return found


def at_edge(stack):
    """{class of codes: answers} that HAProxy counted at the front."""
    page = client.fetch(stack.status_port, "GET", "/metrics?scope=frontend").body.decode()
    codes = collections.Counter()
    for sample in harness.Samples(page).samples:
        if sample.name == "haproxy_frontend_http_responses_total" \
                and sample.labels["proxy"] == "proxy_in":
            codes[sample.labels["code"]] += int(sample.value)
    return +codes


def by_code(samples):
    """{code: requests} of one instance."""
    codes = collections.Counter()
    for sample in samples.select("http_requests_total"):
        codes[int(sample.labels["code"])] += int(sample.value)
    return +codes


def classes(codes):
    """{`2xx`: …} of {200: …}."""
    found = collections.Counter()
    for code, count in codes.items():
        found[f"{code // 100}xx"] += count
    return found


def internal(samples, lines):
    """Names of the identities that one instance's page and log break, with both sides; none is right.

    `lines`: its access log since its start.
    """
    def total(name, **labels):
        return int(samples.sum(name, **labels))

    def routes():
        return {s.labels["route"] for s in samples.select("http_requests_total")}

    upstreams = {s.labels["upstream"] for s in samples.select("upstream_requests_total")}
    logged = collections.Counter(line["status"] for line in lines)
    sides = {
        "log lines by code = requests": (logged, by_code(samples)),
        "cache words in the log = look-ups":
            (collections.Counter(line["cache"] for line in lines if line["cache"] != "none"),
             _words(samples, "cache_requests_total", "result")),
        "look-ups = durations but for none":
            (total("cache_requests_total"),
             total("http_request_duration_seconds_count")
             - total("http_request_duration_seconds_count", cache="none")),
        "deny = 429 of the proxy": (total("rate_limit_decisions_total", decision="deny"),
                                    total("http_requests_total", code="429", origin="proxy")),
        "accepted - closed = active":
            (total("connections_accepted_total") - total("connections_closed_total"),
             total("connections_active")),
        "nothing under way": (total("http_requests_in_flight"), 0),
        "attempts in the log = attempts":
            (sum(line["attempts"] for line in lines if line["upstream"]),
             total("upstream_request_duration_seconds_count")),
    }
    for route in routes():
        sides[f"durations of {route} = its requests"] = (
            total("http_request_duration_seconds_count", route=route),
            total("http_requests_total", route=route))
    for name in upstreams:
        sides[f"answers + errors of {name} = attempts"] = (
            total("upstream_requests_total", upstream=name)
            + total("upstream_errors_total", upstream=name),
            total("upstream_request_duration_seconds_count", upstream=name))
    return {name: pair for name, pair in sides.items() if pair[0] != pair[1]}


def _words(samples, name, label):
    found = collections.Counter()
    for sample in samples.select(name):
        found[sample.labels[label]] += int(sample.value)
    return +found
