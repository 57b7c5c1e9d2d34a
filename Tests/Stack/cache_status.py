"""Cache-Status (RFC 9211), read with a parser of structured fields (RFC 9651)."""
from dataclasses import dataclass

import http_sf

NAME = "meliproxy"
FORWARDED = {"bypass", "method", "uri-miss", "vary-miss", "miss", "request", "stale", "partial"}
DETAILS = {"l1", "l2", "swr", "sie", "breaker", "gate", "shed", "hit-for-miss", "limits"}
PARAMETERS = {"hit", "fwd", "fwd-status", "ttl", "stored", "collapsed", "key", "detail"}


@dataclass
class CacheStatus:
    """Our member of the field, and the names of those before it."""

    parameters: dict
    before: list

    @property
    def word(self):
        """`hit`, or why the request went on."""
        return "hit" if self.parameters.get("hit") else str(self.parameters.get("fwd"))

    @property
    def detail(self):
        """The detail, or None."""
        detail = self.parameters.get("detail")
        return None if detail is None else str(detail)

    @property
    def stored(self):
        """Whether the answer was stored."""
        return bool(self.parameters.get("stored"))

    @property
    def collapsed(self):
        """Whether the answer to another request was used."""
        return bool(self.parameters.get("collapsed"))

    @property
    def ttl(self):
        """Seconds of freshness left; negative when stale."""
        return self.parameters.get("ttl")


def parse(response):
    """The field of a response; fails when it is not what RFC 9211 and our vocabulary allow."""
    lines = response.all("Cache-Status")
    assert lines, f"no Cache-Status in {response.fields}"
    members = http_sf.parse(", ".join(lines).encode("latin-1"), tltype="list")
    names = [str(name) for name, _ in members]
    assert names[-1] == NAME and names.count(NAME) == 1, f"ours is not last, or not one: {lines}"
    ours = members[-1][1]
    assert set(ours) <= PARAMETERS, f"unknown parameters in {lines}"
    # RFC 9211 §2: both are optional, and a request that was neither answered from the cache nor
    # forwarded (504 for only-if-cached) has none.
    if response.status != 504 or ours:
        assert ("hit" in ours) != ("fwd" in ours), f"one of hit and fwd: {lines}"
    for flag in ("hit", "stored", "collapsed"):
        assert ours.get(flag, True) is True, f"{flag} is not a true boolean: {lines}"
    for number in ("ttl", "fwd-status"):
        assert type(ours.get(number, 0)) is int, f"{number} is no integer: {lines}"
    if "fwd" in ours:
        assert type(ours["fwd"]) is http_sf.Token and str(ours["fwd"]) in FORWARDED, lines
    else:
        # RFC 9211 §2.3, §2.6: these say what became of a request that was forwarded.
        assert not {"fwd-status", "stored", "collapsed"} & set(ours), f"a hit with them: {lines}"
    if "detail" in ours:
        assert type(ours["detail"]) is http_sf.Token and str(ours["detail"]) in DETAILS, lines
    return CacheStatus(ours, names[:-1])
