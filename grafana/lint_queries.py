"""The rules for one query."""
import re

import promql_parser as syntax

from grafana import promql
from grafana.catalogue import TARGET_LABELS

# Label values that no vocabulary lists, but which are numbers of a known kind.
CODES = frozenset(str(code) for code in range(100, 600))
FREE_OF_TARGETS = {"ALERTS"}
FREE_RANGES = {"7d": {"1h", "1d:1h", "1d"}}


def problems(expression, panel, target, families):
    """What is wrong with one expression; `panel` is None for a variable or an annotation."""
    try:
        tree = promql.parse(expression)
    except ValueError as problem:
        yield f"is no PromQL: {problem}"
        return
    unknown = [each.name for each, _ in promql.selectors(tree)
               if each.name is None or promql.base(each.name, families) is None]
    if unknown:
        yield f"names no known metric: {unknown}"
        return
    for selector, above in promql.selectors(tree):
        yield from selector_problems(selector, families, is_panel=panel is not None)
        if panel is not None:
            yield from function_problems(selector, above, families)
    yield from window_problems(expression, panel)
    yield from shape_problems(tree, families)
    if panel is not None:
        yield from legend_problems(tree, panel, target, families)
        yield from unit_problems(tree, panel, target, families)


def selector_problems(selector, families, is_panel):
    """Matchers: job and instance are there, labels exist, values can occur. The queries of the
    variables job and instance cannot ask for themselves."""
    name = selector.name
    family = families[promql.base(name, families)]
    known = promql.selected_labels(name, families)
    given = promql.matchers(selector)
    named = {label for label, _, _ in given}
    needed = known & TARGET_LABELS if name not in FREE_OF_TARGETS else set()
    if is_panel and needed - named:
        yield f"{name} has no matcher for {sorted(needed - named)}"
    for label, sign, value in given:
        if label not in known:
            yield f"{name} has no label {label}"
        elif value == "" or value in (".*",):
            yield f"{name}: {label}{sign}{value!r} says nothing"
        else:
            yield from value_problems(name, family, label, sign, value)


def value_problems(name, family, label, sign, value):
    """A value that never occurs matches nothing, in silence."""
    if "$" in value:
        return
    vocabulary = family.values.get(label)
    if label == "le":
        vocabulary = frozenset(family.buckets) or None
    if label == "code" and vocabulary is None:
        vocabulary = CODES
    if vocabulary is None:
        return
    words = value.split("|") if sign in ("=~", "!~") else [value]
    for word in words:
        hits = [each for each in vocabulary if (
            re.fullmatch(word, each) if sign in ("=~", "!~") else each == word)]
        if not hits:
            yield f"{name}: {label} is never {word!r}"


def function_problems(selector, above, families):
    """Counters within rate or increase, gauges never."""
    name = selector.name
    functions = {each.func.name for each in above if isinstance(each, syntax.Call)}
    ranged = any(isinstance(each, syntax.MatrixSelector) for each in above)
    if promql.is_counter(name, families):
        if not (ranged and functions & promql.COUNTER_FUNCTIONS):
            yield f"{name} only rises: rate or increase is missing"
        if functions & promql.GAUGE_FUNCTIONS:
            yield f"{name} only rises: {functions} is for gauges"
    elif ranged and functions & promql.COUNTER_FUNCTIONS:
        yield f"{name} is a gauge: no rate or increase"


def window_problems(expression, panel):
    """Windows follow the resolution; only a panel with a time of its own may fix one."""
    for window in re.findall(r"\[([^\]]+)\]", expression):
        allowed = {"$__rate_interval"}
        if panel is not None and panel["type"] == "stat":
            allowed.add("$__range")
        if panel is not None:
            allowed |= FREE_RANGES.get(panel.get("timeFrom"), set())
        if window not in allowed:
            yield f"window [{window}] is not $__rate_interval"


def shape_problems(tree, families):
    """The order of operations."""
    for node, above in promql.walk(tree):
        aggregations = [each for each in above if isinstance(each, syntax.AggregateExpr)]
        if isinstance(node, syntax.AggregateExpr):
            yield from grouping_problems(node, families)
        elif isinstance(node, syntax.Call) and node.func.name == "histogram_quantile":
            if aggregations:
                yield "aggregates quantiles: the quantile comes last"
            yield from quantile_problems(node)
        elif isinstance(node, syntax.Call) and node.func.name.startswith("clamp"):
            yield "clamps, which hides small values"
        elif isinstance(node, syntax.BinaryExpr):
            if str(node.op) == "/" and aggregations:
                yield "aggregates ratios: the ratio of sums is meant"
            yield from matching_problems(node, families)
        elif isinstance(node, syntax.Call) and node.func.name in promql.COUNTER_FUNCTIONS:
            divides = any(isinstance(each, syntax.BinaryExpr) and str(each.op) == "/"
                          for each in above)
            if divides and not aggregations:
                yield "divides rates of single series: the ratio of sums is meant"


def grouping_problems(node, families):
    """Labels in `by` exist."""
    if node.modifier is None:
        return
    have = promql.labels(node.expr, families)
    for label in node.modifier.labels:
        if label not in have:
            yield f"groups by {label}, which is none of {sorted(have)}"


def quantile_problems(node):
    """A quantile is that of a sum by le of rates of buckets."""
    inner = promql.bare(node.args[1])
    if not (isinstance(inner, syntax.AggregateExpr) and str(inner.op) == "sum"
            and inner.modifier is not None and "le" in inner.modifier.labels):
        yield "quantile of something else than sum by (le, …)"
    for selector, _ in promql.selectors(inner):
        if not selector.name.endswith(("_bucket", "_info")):
            yield f"quantile of {selector.name}, which has no buckets"


def matching_problems(node, families):
    """Labels in `on` and `group_left` exist."""
    if node.modifier is None or node.modifier.matching is None:
        return
    left, right = (promql.labels(side, families) for side in (node.lhs, node.rhs))
    for label in node.modifier.matching.labels:
        if label not in left or label not in right:
            yield f"matches on {label}, which one side does not have"
    for label in node.modifier.group_labels or ():
        if label not in right:
            yield f"takes {label} from a side that does not have it"


def legend_problems(tree, panel, target, families):
    """A legend shows the labels that tell the series apart, and no others."""
    have = promql.labels(tree, families)
    shown = promql.legend_labels(target["legendFormat"])
    if strange := shown - have:
        yield f"legend shows {sorted(strange)}, of {sorted(have)}"
    if panel["type"] in ("timeseries", "state-timeline"):
        if hidden := have - shown - (TARGET_LABELS if ":" in target["expr"] else set()):
            yield f"legend does not tell {sorted(hidden)} apart"
    kind = "data.fields" if panel["type"] == "table" else "field.labels"
    for link in panel["fieldConfig"]["defaults"].get("links", []):
        for place, label in re.findall(r"\{__(data\.fields|field\.labels)\.(\w+)\}", link["url"]):
            if place != kind or label not in have:
                yield f"link asks for __{place}.{label}; there is __{kind} of {sorted(have)}"
    if panel["type"] == "stat" and have - TARGET_LABELS:
        yield f"one number for each of {sorted(have)}"


def column_unit(panel, target):
    """The unit in which a query's result is shown."""
    names = next((each["options"]["renameByName"] for each in panel.get("transformations", [])
                  if each["id"] == "organize"), {})
    column = names.get(f"Value #{target['refId']}", names.get("Value"))
    for override in panel["fieldConfig"]["overrides"]:
        if override["matcher"] == {"id": "byName", "options": column}:
            for each in override["properties"]:
                if each["id"] == "unit":
                    return each["value"]
    return panel["fieldConfig"]["defaults"]["unit"]


def unit_problems(tree, panel, target, families):
    """The unit is that of the quantity."""
    unit = column_unit(panel, target)
    names = {each.name for each, _ in promql.selectors(tree)}
    top = promql.bare(tree)
    divides = any(isinstance(each, syntax.BinaryExpr) and str(each.op) == "/"
                  for each, _ in promql.walk(tree))
    if unit == "percentunit":
        if not divides and not any("busy_seconds" in name or ":ratio_" in name for name in names):
            yield "percentunit, but no ratio"
        return
    if isinstance(top, syntax.Call) and top.func.name == "histogram_quantile":
        family = promql.base(sorted(names)[-1], families)
        wanted = "bytes" if family.endswith("_bytes") else "s"
        if unit != wanted:
            yield f"unit {unit}, but the quantile is in {wanted}"
        return
    if divides or panel["type"] in ("heatmap", "state-timeline"):
        return
    for name in names:
        functions = {each.func.name for each, _ in promql.walk(tree)
                     if isinstance(each, syntax.Call)}
        wanted = {True: {"Bps"}, False: {"bytes"}}["rate" in functions] \
            if "_bytes" in name else None
        if wanted is None and promql.is_counter(name, families) and "rate" in functions:
            wanted = {"reqps", "ops", "short"}
        if wanted is not None and unit not in wanted:
            yield f"unit {unit} for {name}, not one of {sorted(wanted)}"
