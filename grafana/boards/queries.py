"""PromQL as the dashboards write it: rates within $__rate_interval, ratios of sums, quantiles of
sums of buckets, and job and instance in every selector."""

OWN = 'job=~"$job",instance=~"$instance"'
EDGE = 'job="haproxy",instance=~"$edge"'
REDIS = 'job="redis",instance=~"$redis"'
SENTINEL = 'job="sentinel",instance=~".+"'


def pick(metric, more="", scope=OWN):
    """A selector. `metric` is a full name, or one of meliproxy without its prefix."""
    foreign = ("process_", "haproxy_", "scrape_", "meliproxy_")
    full = metric if metric.startswith(foreign) or scope != OWN else f"meliproxy_{metric}"
    return f"{full}{{{scope}{',' if more else ''}{more}}}"


def rate(metric, more="", scope=OWN, back=""):
    """Per second, each series apart. `back`: how long ago."""
    offset = f" offset {back}" if back else ""
    return f"rate({pick(metric, more, scope)}[$__rate_interval]{offset})"


def summed(inner, by=""):
    """The sum, by labels or of all."""
    return f"sum by ({by}) ({inner})" if by else f"sum({inner})"


def total(metric, by="", more="", scope=OWN, back=""):
    """The summed rate."""
    return summed(rate(metric, more, scope, back), by)


def over(numerator, denominator):
    """A ratio, both sides already summed."""
    return f"{numerator} / {denominator}"


def quantile(q, metric, by="", more="", back=""):
    """A quantile of the summed buckets: over all series that are not told apart by `by`."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({q}, {total(metric + '_bucket', labels, more, back=back)})"


def mean(metric, by="", more=""):
    """Sum over count."""
    return over(total(metric + "_sum", by, more), total(metric + "_count", by, more))


def hour_of_day(hour, more=""):
    """What was requested in the hour of the last day that ended at `hour` (UTC)."""
    hourly = f"sum(increase({pick('http_requests_total', more)}[1h]))"
    return f"max_over_time(({hourly} and on () hour() == {hour})[1d:1h])"


def breaker(more=""):
    """Worst state of each upstream's breaker: 0 closed, 0.5 ramp, 1 half open, 2 and more open."""
    states = [largest(pick("circuit_breaker_state", f'{more}{"," if more else ""}state="{state}"'),
                      "upstream") for state in ("open", "half_open", "ramp")]
    return f"{states[0]} * 2 + {states[1]} + {states[2]} * 0.5"


def largest(inner, by):
    """The largest, by labels."""
    return f"max by ({by}) ({inner})"
