"""A made-up past, for panels that look back by days: eight days of requests that rise and fall with
the hour, a bad quarter of an hour two days ago, and trouble since 40 minutes."""
import math

DAY, HOUR = 86400, 3600
BACK, COARSE, FINE = 8 * DAY, 600, 5
INSTANCES = ("meliproxy-1", "meliproxy-2")
ROUTES = {"item": 0.55, "category": 0.25, "items": 0.12, "sites": 0.08}
# Cumulative shares of requests within each bucket, a tenth of them misses.
SHARES = {"0.0005": 0.55, "0.001": 0.82, "0.0025": 0.9, "0.01": 0.91, "0.05": 0.955, "0.1": 0.985,
          "0.25": 0.996, "0.5": 0.999, "+Inf": 1.0}


def rate(at):
    """Requests per second of one instance: few at night, fewer on Saturdays and Sundays."""
    hour = at % DAY / HOUR
    day_of_week = (at // DAY + 4) % 7  # the epoch was a Thursday; 0 is Sunday
    daily = 0.55 - 0.45 * math.cos((hour - 4) / 24 * 2 * math.pi)
    return 45 * daily * (0.6 if day_of_week in (0, 6) else 1)


def failing(at, now):
    """The share of 5xx."""
    if 0 <= at - (now - 2 * DAY) < 900:
        return 0.06
    return 0.03 if at > now - 2400 else 0.0002


def moments(now):
    """The times of samples: coarse, and fine around the moment that lies a week back."""
    end = now - 120
    coarse = range(int(now - BACK), int(end), COARSE)
    fine = range(int(now - 7 * DAY - 600), int(now - 7 * DAY + 1200), FINE)
    return sorted({*coarse, *fine})


def lines(now):
    """The history as OpenMetrics, family after family."""
    times, total, bad = moments(now), [0.0], [0.0]
    for before, at in zip(times, times[1:]):
        requests = rate(at) * (at - before)
        total.append(total[-1] + requests)
        bad.append(bad[-1] + requests * failing(at, now))
    yield "# TYPE haproxy_frontend_http_responses counter"
    edge = 'haproxy_frontend_http_responses_total{job="haproxy",instance="haproxy-1",' \
        'proxy="proxy_in",code="%s"} %.3f %d'
    for code, values in (("2xx", total), ("5xx", bad)):
        yield from (edge % (code, 2 * value, at) for at, value in zip(times, values))
    yield "# TYPE meliproxy_http_requests counter"
    for name in INSTANCES:
        for route, share in ROUTES.items():
            labels = f'job="meliproxy",instance="{name}",route="{route}",method="GET",code="200",' \
                'origin="cache"'
            yield from (f"meliproxy_http_requests_total{{{labels}}} {share * value:.3f} {at}"
                        for at, value in zip(times, total))
    yield "# TYPE meliproxy_http_request_duration_seconds histogram"
    for name in INSTANCES:
        labels = f'job="meliproxy",instance="{name}",route="item",cache="hit"'
        for at, value in zip(times, total):
            for bound, share in SHARES.items():
                yield f'meliproxy_http_request_duration_seconds_bucket{{{labels},le="{bound}"}} ' \
                    f"{share * value:.3f} {at}"
            yield f"meliproxy_http_request_duration_seconds_count{{{labels}}} {value:.3f} {at}"
            yield f"meliproxy_http_request_duration_seconds_sum{{{labels}}} {value * 0.004:.3f} {at}"
    yield "# EOF"


def write(path, now):
    """The history as a file for `promtool tsdb create-blocks-from openmetrics`."""
    path.write_text("\n".join(lines(now)) + "\n")
    return path
