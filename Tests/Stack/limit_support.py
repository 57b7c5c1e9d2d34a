"""What the tests of rate limits have in common."""
import http_sf

import client as clients
import harness

LOCAL = "127.0.0.1"
TOKEN = "s3cret-token-of-the-tests"


def cacheable(request):
    """An answer that is stored for every path that begins with /c, and for no other."""
    path = request.target.partition("?")[0]
    status = path.rpartition("/")[2] if "/status/" in path else "200"
    control = "max-age=3600" if path.startswith("/c") else "no-store"
    body = b"answer"
    return (f"HTTP/1.1 {status} X\r\nCache-Control: {control}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body


def settings(upstream, limits, **more):
    """Settings with these rules; clients say in X-Forwarded-For who they are."""
    upstream.answer = cacheable
    more.setdefault("trusted_proxies", [f"{LOCAL}/32"])
    more.setdefault("admin", {"token": TOKEN})
    return harness.settings_for(upstream, limits=limits, **more)


def ask(connection, target, who=None, fields=(), method="GET"):
    """One request on an open connection, from the address `who`."""
    fields = list(fields)
    if who:
        fields.append(("X-Forwarded-For", who))
    return connection.request(method, target, fields)


def statuses(proxy, target, count, who=None, at_once=100, **options):
    """The statuses of `count` requests on one connection, many in one segment."""
    fields = [("X-Forwarded-For", who)] if who else []
    fields += options.get("fields", [])
    found = []
    with proxy.client() as connection:
        head = clients.head("GET", target, fields)
        while len(found) < count:
            several = min(at_once, count - len(found))
            connection.send(head * several)
            found += [connection.response().status for _ in range(several)]
    return found


def decisions(proxy, rule):
    """{decision: count} of a rule, those that are not 0."""
    samples = proxy.metrics().select("rate_limit_decisions_total", rule=rule)
    return {s.labels["decision"]: int(s.value) for s in samples if s.value}


def wait_decisions(proxy, rule, **expected):
    """Waits until a rule has decided so; the page may be shared for a moment."""
    last = []

    def holds():
        last[:] = [decisions(proxy, rule)]
        return last[0] == expected

    harness.wait_until(holds, lambda: f"{rule}: {last[0]}, expected {expected}", every=0.05)


def items(response, name):
    """{item: parameters} of a field that is a list of strings (RFC 9651)."""
    value = ", ".join(response.all(name)).encode()
    consumed, parsed = 0, http_sf.parse(value, tltype="list")
    assert consumed == 0
    return {str(item): dict(parameters) for item, parameters in parsed}


def admin(proxy, method, target):
    """A request to the admin API with the token."""
    return proxy.admin(method, target, [("Authorization", f"Bearer {TOKEN}")])
