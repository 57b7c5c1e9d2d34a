"""What promtool does not see in rules. Each check yields complaints; none at all is the aim."""
import re

import promql_parser as promql

import rules_files
import rules_metrics

SCRAPE_SECONDS = 5
SEVERITIES = {"page", "ticket", "info", "none"}
COMPONENTS = {"proxy", "upstream", "cache", "limits", "edge", "redis", "slo", "monitoring"}
COMPARISONS = {">", "<", ">=", "<=", "==", "!="}
ON_COUNTERS = {"rate", "irate", "increase"}
ON_GAUGES = {"delta", "idelta", "deriv", "predict_linear"}
FRAGILE = {"topk", "bottomk"}
# True on every evaluation by intention.
WITHOUT_COMPARISON = {"Watchdog"}
TARGET_LABELS = {"job", "instance"}


def walk(node):
    """The node and all below it."""
    yield node
    for child in children(node):
        yield from walk(child)


def children(node):
    """The expressions directly below."""
    if isinstance(node, promql.BinaryExpr):
        return [node.lhs, node.rhs]
    if isinstance(node, promql.Call):
        return list(node.args)
    if isinstance(node, (promql.AggregateExpr, promql.ParenExpr, promql.UnaryExpr,
                         promql.SubqueryExpr)):
        return [node.expr]
    if isinstance(node, promql.MatrixSelector):
        return [node.vector_selector]
    return []


def by(node):
    """The labels that an aggregation keeps (none without `by`)."""
    return set(node.modifier.labels) if node.modifier else set()


def labels_of(node, metrics):
    """The labels that each series of the result has."""
    if isinstance(node, promql.VectorSelector):
        metric = metrics.get(node.name)
        return (metric.labels if metric else set()) | TARGET_LABELS
    if isinstance(node, promql.AggregateExpr):
        return by(node)
    if isinstance(node, promql.BinaryExpr):
        sides = [labels_of(node.lhs, metrics), labels_of(node.rhs, metrics)]
        if str(node.op) == "or":
            return sides[0] & sides[1]
        return sides[0] or sides[1]
    if isinstance(node, promql.Call) and node.func.name == "histogram_quantile":
        return labels_of(node.args[1], metrics) - {"le"}
    return set().union(*(labels_of(child, metrics) for child in children(node)))


def selectors(node, metrics):
    """Complaints about names, labels and their values."""
    for part in walk(node):
        if not isinstance(part, promql.VectorSelector):
            continue
        metric = metrics.get(part.name)
        if metric is None:
            yield f"no such metric: {part.name}"
            continue
        for matcher in part.matchers.matchers:
            regular = str(matcher.op) in ("MatchOp.Re", "MatchOp.NotRe")
            if matcher.name not in metric.labels | TARGET_LABELS:
                yield f"{part.name} has no label {matcher.name}"
            if regular and not re.search(r"[.|*+?\[(]", matcher.value):
                yield f"{matcher.name}: a pattern without anything to it"
            if matcher.name == "job" and metric.of not in ("any", matcher.value) \
                    and not (metric.of == "redis" and matcher.value == "sentinel"):
                yield f"{part.name} is not of job {matcher.value}"
            words = metric.words.get(matcher.name)
            values = matcher.value.split("|") if regular else [matcher.value]
            if words and not set(values) <= words:
                yield f"{part.name}: {matcher.name} is never {matcher.value}"


def shapes(node, metrics):
    """Complaints about functions, windows and aggregations."""
    for part in walk(node):
        if isinstance(part, promql.AggregateExpr):
            if str(part.op) in FRAGILE:
                yield f"{part.op}: who is in it changes from one evaluation to the next"
            if part.modifier and part.modifier.type != promql.AggModifierType.By:
                yield "without: say by which labels, so that new ones change nothing"
            missing = by(part) - labels_of(part.expr, metrics)
            if missing:
                yield f"by ({', '.join(sorted(missing))}): no such label here"
        if not isinstance(part, promql.Call):
            continue
        for argument in part.args:
            if not isinstance(argument, promql.MatrixSelector):
                continue
            metric = metrics.get(argument.vector_selector.name)
            if argument.range.total_seconds() < 4 * SCRAPE_SECONDS:
                yield f"{part.func.name}: less than four scrapes in {argument.range}"
            if metric and part.func.name in ON_COUNTERS and metric.type != "counter":
                yield f"{part.func.name} of {argument.vector_selector.name}, which is no counter"
            if metric and part.func.name in ON_GAUGES and metric.type != "gauge":
                yield f"{part.func.name} of {argument.vector_selector.name}, which is no gauge"


def compares(node):
    """Whether the expression drops what is no reason for an alert."""
    while isinstance(node, promql.ParenExpr):
        node = node.expr
    if not isinstance(node, promql.BinaryExpr):
        return False
    if str(node.op) in ("and", "or", "unless"):
        return compares(node.lhs) and (str(node.op) != "or" or compares(node.rhs))
    return str(node.op) in COMPARISONS and not (node.modifier and node.modifier.return_bool)


def alert_expression(rule, node):
    """Complaints about what only alerts must have."""
    if rule.alert not in WITHOUT_COMPARISON and not compares(node):
        yield "nothing is compared: it would fire for every series"
    functions = {part.func.name for part in walk(node) if isinstance(part, promql.Call)}
    wait = rules_files.seconds(rule.wait)
    if functions & {"absent", "absent_over_time"} and wait < 2 * SCRAPE_SECONDS:
        yield "absent without a `for` of two scrapes"
    ranges = [part.range.total_seconds() for part in walk(node)
              if isinstance(part, promql.MatrixSelector)]
    if not wait and rule.alert not in WITHOUT_COMPARISON and max(ranges, default=0) < 300:
        yield "fires on a single sample: give it a `for`, or let it look back"


def alert_texts(rule, node, metrics, boards):
    """Complaints about labels and annotations."""
    if rule.labels.get("severity") not in SEVERITIES:
        yield f"severity is {rule.labels.get('severity')}"
    if rule.labels.get("service") != "meliproxy":
        yield f"service is {rule.labels.get('service')}"
    if rule.labels.get("component") not in COMPONENTS:
        yield f"component is {rule.labels.get('component')}"
    for label, value in rule.labels.items():
        if "{{" in value:
            yield f"label {label} has a template: each value would be another alert"
    if set(rule.annotations) != {"summary", "description", "runbook_url", "dashboard_uid"}:
        yield f"annotations: {sorted(rule.annotations)}"
        return
    if "$value" not in rule.annotations["description"]:
        yield "the description does not say the value"
    if rule.annotations["runbook_url"] != f"docs/runbooks/{rule.alert}.md":
        yield "runbook_url does not fit"
    if rule.annotations["dashboard_uid"] not in boards:
        yield f"no dashboard {rule.annotations['dashboard_uid']}"
    have = labels_of(node, metrics) | set(rule.labels)
    for name in re.findall(r"\$labels\.(\w+)", " ".join(rule.annotations.values())):
        if name not in have:
            yield f"$labels.{name} is empty"


def record_name(rule, node, metrics):
    """Complaints about a name that does not say what is recorded."""
    parts = rule.record.split(":")
    if len(parts) != 3 or "_total" in rule.record:
        yield "a name is level:metric:operations, without _total"
        return
    level = set(parts[0].split("_"))
    have = labels_of(node, metrics)
    if not (level <= have <= level | TARGET_LABELS):
        yield f"level {parts[0]}, but the labels are {sorted(have)}"
    windows = {promql.display_duration(part.range) for part in walk(node)
               if isinstance(part, promql.MatrixSelector)}
    if windows and not any(parts[2].endswith(window) for window in windows):
        yield f"{parts[2]}, but the window is {', '.join(windows)}"


def boards():
    """Uids of the dashboards: those in grafana/dashboards, or the agreed ones as long as none is."""
    files = list((rules_files.REPOSITORY / "grafana/dashboards").glob("*.json"))
    words = "overview slo routes cache upstream edge instances".split()
    return {file.stem for file in files} or {f"meliproxy-{word}" for word in words}


def lint(directory):
    """All complaints about the rules in `directory`/rules, each with the rule's name."""
    rules = rules_files.load(directory)
    metrics = rules_metrics.known(rules)
    uids = boards()
    complaints = []
    for rule in rules:
        node = promql.parse(rule.expr)
        found = [*selectors(node, metrics), *shapes(node, metrics)]
        if rule.alert:
            found += [*alert_expression(rule, node), *alert_texts(rule, node, metrics, uids)]
        else:
            found += record_name(rule, node, metrics)
        complaints += [f"{rule.id}: {complaint}" for complaint in found]
    ids = [rule.id for rule in rules]
    complaints += [f"{name}: more than once" for name in set(ids) if ids.count(name) > 1]
    return complaints
