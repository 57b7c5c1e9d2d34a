"""Broken rules. Systematic ones move each threshold and each `for` of every alert a little; hand-made
ones are the mistakes that people make."""
import re
import shutil
import textwrap

import rules_files

COMPARISON = re.compile(r"(>=|<=|==|!=|>|<)(\s+)(\d[\d.]*)(\)?)")


def _moved(number, up):
    """An integer by one, a fraction by a tenth."""
    if "." in number:
        return f"{float(number) * (1.1 if up else 0.9):g}"
    return str(int(number) + (1 if up else -1))


def thresholds(expr, which, up):
    """`expr` with its comparison number `which` moved, or None if there is none, or nothing to see."""
    found = list(COMPARISON.finditer(expr))
    if which >= len(found):
        return None
    operator, blank, number, bracket = found[which].groups()
    if number == "0" and operator == ">":
        if up and bracket:  # `(x > 0)` only keeps zero out of a division: 1 would do as well
            return None
        change = "> 1" if up else f">= 0{bracket}"
    else:
        change = f"{operator}{blank}{_moved(number, up)}{bracket}"
    start, end = found[which].span()
    return expr[:start] + change + expr[end:]


def count_comparisons():
    """The most comparisons that one alert has."""
    return max(len(COMPARISON.findall(rule.expr)) for rule in rules_files.alerts())


def copy(directory):
    """Rules and tests in a directory of their own, to be broken there."""
    for part in ("rules", "tests"):
        shutil.copytree(rules_files.PROMETHEUS / part, directory / part)
    return directory


def rewrite(directory, change):
    """Applies `change(rule) -> (expr, for) or None` to every alert; the ids of those that changed.

    Works on the text of a file, block by block, so that everything else stays as it is.
    """
    changed = set()
    for path in sorted((directory / "rules").glob("alerts-*.yml")):
        blocks = re.split(r"(?m)^(?=      - alert: )", path.read_text())
        rules = [rule for rule in rules_files.alerts(directory) if rule.file == path.name]
        for index, rule in enumerate(rules, start=1):
            result = change(rule)
            if result is None:
                continue
            expr, wait = result
            block = re.sub(r"(?ms)^        expr:.*?(?=^        (?:for|labels):)",
                           lambda _: "        expr: >-\n" + textwrap.indent(expr, " " * 10) + "\n",
                           blocks[index])
            if wait:
                block = re.sub(r"(?m)^        for:.*$", f"        for: {wait}", block)
            blocks[index] = block
            changed.add(rule.id)
        path.write_text("".join(blocks))
    return changed


def move_threshold(which, up):
    """For `rewrite`."""
    def change(rule):
        expr = thresholds(rule.expr, which, up)
        return expr and (expr, None)
    return change


def move_wait(factor):
    """For `rewrite`."""
    def change(rule):
        wait = rules_files.seconds(rule.wait)
        return (rule.expr, f"{int(wait * factor)}s") if wait else None
    return change


# File, what stands there, what is put in its place; the first is replaced only.
BY_HAND = [
    ("alerts-instances", 'up{job="meliproxy"} == 0\n', 'up{job="meliproxy"}\n'),
    ("alerts-instances", '(count(up{job="meliproxy"} == 1) or vector(0)) == 0',
     'absent(up{job="meliproxy"} == 1)'),
    ("alerts-instances", "changes(process_start", "changes(process_starts"),
    ("alerts-instances", "severity: page", "severity: urgent"),
    ("alerts-instances", "severity: page, service: meliproxy", "severity: page"),
    ("alerts-instances", "rate(meliproxy_log_dropped_total[5m])", "rate(meliproxy_log_dropped_total[5s])"),
    ("alerts-instances", "component: proxy}", 'component: proxy, now: "{{ $value }}"}'),
    ("alerts-instances", "MeliProxyAllDown.md", "MeliproxyAllDown.md"),
    ("alerts-instances", "meliproxy-instances", "meliproxy-machines"),
    ("alerts-instances", "max_over_time(meliproxy_config", "rate(meliproxy_config"),
    ("alerts-instances", "meliproxy_connections_active /", "topk(1, meliproxy_connections_active) /"),
    ("alerts-instances", "(up {{ $value }})", "(up)"),
    ("alerts-instances", "        for: 2m\n", ""),
    ("alerts-forwarding", 'state="open"', 'state="opened"'),
    ("alerts-forwarding", 'decision="deny"', 'decsion="deny"'),
    ("alerts-forwarding", "ratio_rate5m > 0.05", "ratio_rate2m > 0.05"),
    ("alerts-forwarding", "by (job, rule)", "by (job, rules)"),
    ("alerts-forwarding", "{{ $labels.upstream }}", "{{ $labels.route }}"),
    ("alerts-yesterday", "offset 1d", "offset 1h"),
    ("alerts-haproxy", 'proxy="proxies"} == 0', 'proxy="proxies"} == 0 or vector(1)'),
    ("alerts-haproxy", "min_over_time(haproxy_backend_current_queue", "max_over_time(haproxy_backend_current_queue"),
    ("alerts-haproxy", 'proxy=~"proxies|redis_master|sentinels"', 'proxy=~".+"'),
    ("alerts-haproxy", "and on (job, instance, server) haproxy_server_status", "unless on (job, instance, server) haproxy_server_status"),
    ("alerts-redis", 'redis_up{job="redis"}', 'redis_up{job=~"redis"}'),
    ("alerts-redis", 'redis_up{job="redis"}', 'redis_up{job="haproxy"}'),
    ("alerts-redis", "min by (job, master_name)", "max by (job, master_name)"),
    ("alerts-redis", "sum by (job, op, le)", "sum by (job, op)"),
    ("alerts-monitoring", 'up{job!="meliproxy"}', "up"),
    ("alerts-slo", "ratio_rate5m > 14.4", "ratio_rate1h > 14.4"),
    ("alerts-slo", "long: 6h, short: 30m", "long: 1h, short: 5m"),
    ("recording", 'code="5xx"', 'code="500"'),
    ("recording", 'le="0.25"', 'le="0.250"'),
    ("recording", 'le="0.25"', 'le="0.5"'),
    ("recording", ',proxy="proxy_in"', ""),
    ("recording", '{reason!="canceled"}', ""),
    ("recording", "max by (job, instance)", "sum by (job, instance)"),
    ("recording", "sum_over_time", "avg_over_time"),
    ("recording", "ratio_rate6h\n", "ratio_rate8h\n"),
    ("recording", "sum by (job, route)", "avg by (job, route)"),
    ("recording", "job_route:", "route:"),
]


def break_by_hand(directory, mutant):
    """Puts one of `BY_HAND` into a copy."""
    name, old, new = mutant
    path = directory / f"rules/{name}.yml"
    text = path.read_text()
    assert old in text, f"{old!r} is no longer in {path.name}"
    path.write_text(text.replace(old, new, 1))
