"""The long windows, over three days of made history in a real Prometheus."""
import contextlib
import json
import pathlib
import subprocess
import urllib.parse
import urllib.request

import pytest

import harness
import rules_files
from test_rules import ALERTS, runbook_queries

START = 1_700_006_400  # a multiple of two hours, as blocks are
DAYS = 3
END = START + DAYS * 86400
STEP = 60
SLOW_BOUND, ALL_BOUND = "0.25", "+Inf"


def traffic(minute):
    """(requests, of which bad) in a minute. Quiet and bad on the first day, busy and good on the
    others, bad again in the last hour and worse in the last five minutes."""
    if minute >= DAYS * 1440 - 5:
        return 1000, 50
    if minute >= DAYS * 1440 - 60:
        return 1000, 20
    return (100, 10) if minute < 1440 else (1000, 1)


def expected(minutes, smear=1):
    """The bad share of all requests in the last `minutes`. Out of rates over `smear` minutes, the last
    ones of them count less, since fewer evaluations have seen them yet."""
    last = DAYS * 1440
    weights = {minute: min(smear, last - minute) / smear
               for minute in range(max(0, last - minutes), last)}
    return (sum(traffic(minute)[1] * weight for minute, weight in weights.items())
            / sum(traffic(minute)[0] * weight for minute, weight in weights.items()))


def history():
    """Counters at the edge and of one instance, as OpenMetrics."""
    edge, bucket = "haproxy_frontend_http_responses", "meliproxy_http_request_duration_seconds"
    where = 'job="haproxy",instance="h",proxy="proxy_in"'
    at = 'job="meliproxy",instance="a",route="items",cache="miss"'
    series = [[], [], [], [], []]
    all_, bad = 0, 0
    for minute in range(DAYS * 1440 + 1):
        when = START + minute * STEP
        for lines, name, labels, value in [
                (series[0], f"{edge}_total", f'{where},code="2xx"', all_ - bad),
                (series[1], f"{edge}_total", f'{where},code="5xx"', bad),
                (series[2], f"{bucket}_bucket", f'{at},le="{SLOW_BOUND}"', all_ - bad),
                (series[3], f"{bucket}_bucket", f'{at},le="{ALL_BOUND}"', all_),
                (series[4], f"{bucket}_count", at, all_)]:
            lines.append(f"{name}{{{labels}}} {value} {when}")
        if minute < DAYS * 1440:
            requests, failed = traffic(minute)
            all_, bad = all_ + requests, bad + failed
    text = [f"# TYPE {edge} counter", *series[0], *series[1], f"# TYPE {bucket} histogram",
            *series[2], *series[3], *series[4], "# EOF", ""]
    return "\n".join(text)


@contextlib.contextmanager
def prometheus(data):
    """Prometheus over what is in `data`, without targets or rules; its URL."""
    port = harness.free_port()
    settings = data.parent / "empty.yml"
    settings.write_text("global: {}\n")
    process = subprocess.Popen(
        ["prometheus", f"--config.file={settings}", f"--storage.tsdb.path={data}",
         "--storage.tsdb.retention.time=100y", f"--web.listen-address=127.0.0.1:{port}",
         "--log.level=error"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"

    def ready():
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/-/ready", timeout=5):
            return True
        assert process.poll() is None, "Prometheus ended"
        return False

    try:
        harness.wait_until(ready, "Prometheus is ready", within=30, every=0.1)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=20)


def query(url, expr, at=END):
    """The result of an instant query."""
    form = urllib.parse.urlencode({"query": expr, "time": at})
    with urllib.request.urlopen(f"{url}/api/v1/query?{form}", timeout=60) as answer:
        page = json.load(answer)
    assert page["status"] == "success", page
    return page["data"]["result"]


@pytest.fixture(scope="module")
def past(tmp_path_factory):
    """A Prometheus that has the counters, and what the rules would have recorded from them."""
    directory = tmp_path_factory.mktemp("history")
    data, page = directory / "data", directory / "history.txt"
    page.write_text(history())
    good, said = rules_files.run("promtool", "tsdb", "create-blocks-from", "openmetrics", page, data)
    assert good, said
    # `rates` first: `slo-long` reads what it records.
    rules = (rules_files.PROMETHEUS / "rules/recording.yml").read_text()
    rates = directory / "rates.yml"
    rates.write_text(rules[rules.index("groups:"):rules.index("  - name: slo\n")])
    with prometheus(data) as url:
        good, said = rules_files.run(
            "promtool", "tsdb", "create-blocks-from", "rules", f"--start={START}", f"--end={END}",
            f"--url={url}", f"--output-dir={data}", "--eval-interval=1m", rates)
        assert good, said
    with prometheus(data) as url:
        yield url


RULES = [rule for rule in rules_files.load() if "errors_per_requests:" in rule.record]


def test_all_windows_are_there():
    windows = "5m 30m 1h 2h 6h 1d 3d 30d".split()
    assert [rule.record.rsplit("ratio_rate", 1)[1] for rule in RULES
            if "availability" in rule.record] == windows
    assert len(RULES) == 2 * len(windows)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.record)
def test_ratio_over_window(past, rule):
    """The recorded ratio is that of the requests themselves, over each window."""
    window = rule.record.rsplit("ratio_rate", 1)[1]
    result = query(past, rule.expr)
    job = "haproxy" if "availability" in rule.record else "meliproxy"
    assert [one["metric"] for one in result] == [{"job": job}]
    # Up to six hours straight from the counters; from a day on out of rates over five minutes, which
    # Prometheus evaluates at a moment within the minute that depends on the group's name.
    smear, within = (5, 0.02) if rules_files.seconds(window) >= 86400 else (1, 0.0001)
    share = expected(rules_files.seconds(window) // 60, smear)
    assert float(result[0]["value"][1]) == pytest.approx(share, rel=within)


def test_windows_differ():
    """The history is such that no window could be taken for another one."""
    shares = sorted({expected(minutes) for minutes in (5, 30, 60, 120, 360, 1440, 4320)})
    assert len(shares) == 7
    assert all(high / low > 1.05 for low, high in zip(shares, shares[1:]))


@pytest.mark.parametrize("name", sorted({rule.alert for rule in ALERTS}))
def test_runbook_queries_run(past, name):
    """Prometheus takes each query of a runbook; whether there is an answer depends on the stack."""
    page = pathlib.Path(rules_files.RUNBOOKS / f"{name}.md")
    for expr in runbook_queries(page.read_text()):
        query(past, expr)
