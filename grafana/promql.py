"""What an expression uses and what labels its result has: on promql-parser's syntax tree."""
import re

import promql_parser as syntax

from grafana.catalogue import TARGET_LABELS

# What Grafana puts in before Prometheus sees the expression; any durations will do for a check.
GRAFANA_DURATIONS = {"$__rate_interval": "5m", "$__range": "1h", "$__interval": "1m"}
COUNTER_FUNCTIONS = {"rate", "irate", "increase", "resets"}
GAUGE_FUNCTIONS = {"delta", "idelta", "deriv", "predict_linear"}
SUFFIXES = ("_bucket", "_sum", "_count")
SCALARS = {"time", "scalar", "pi"}
NO_LABELS = {"vector", "hour", "minute", "absent"}


def parse(expression):
    """The syntax tree; ValueError when it is no PromQL."""
    for variable, duration in GRAFANA_DURATIONS.items():
        expression = expression.replace(variable, duration)
    return syntax.parse(expression)


def children(node):
    """The nodes directly below."""
    if isinstance(node, syntax.Call):
        return list(node.args)
    if isinstance(node, syntax.BinaryExpr):
        return [node.lhs, node.rhs]
    if isinstance(node, syntax.MatrixSelector):
        return [node.vector_selector]
    if isinstance(node, syntax.AggregateExpr):
        return [each for each in (node.param, node.expr) if each is not None]
    if isinstance(node, (syntax.ParenExpr, syntax.UnaryExpr, syntax.SubqueryExpr)):
        return [node.expr]
    return []


def walk(node, above=()):
    """Every node with those above it, outermost first."""
    yield node, above
    for child in children(node):
        yield from walk(child, (*above, node))


def bare(node):
    """The node without parentheses."""
    while isinstance(node, syntax.ParenExpr):
        node = node.expr
    return node


def selectors(node):
    """Every selector with the nodes above it."""
    return [(each, above) for each, above in walk(node)
            if isinstance(each, syntax.VectorSelector)]


def matchers(selector):
    """[(label, operator, value)]; the operators as they are written."""
    signs = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}
    return [(each.name, signs[str(each.op).rsplit(".", maxsplit=1)[-1]], each.value)
            for each in selector.matchers.matchers]


def base(name, families):
    """The family that a sample name belongs to, or None."""
    if name in families:
        return name
    for suffix in SUFFIXES:
        stem = name.removesuffix(suffix)
        if stem != name and stem in families and families[stem].kind == "histogram":
            return stem
    return None


def is_counter(name, families):
    """Whether samples of that name only rise."""
    family = base(name, families)
    return family is not None and families[family].kind in ("counter", "histogram")


def is_scalar(node):
    """Whether it is a number rather than a set of series."""
    node = bare(node)
    if isinstance(node, syntax.BinaryExpr):
        return is_scalar(node.lhs) and is_scalar(node.rhs)
    if isinstance(node, syntax.Call):
        return node.func.name in SCALARS
    return isinstance(node, (syntax.NumberLiteral, syntax.StringLiteral))


def selected_labels(name, families):
    """The labels that samples of that name have."""
    family = base(name, families)
    if family is None:
        return TARGET_LABELS
    if ":" in name:
        return frozenset({"job"})
    labels = families[family].labels | TARGET_LABELS
    return labels | {"le"} if name.endswith("_bucket") else labels


def labels(node, families):
    """The labels that the result's series can have."""
    node = bare(node)
    if isinstance(node, syntax.VectorSelector):
        return selected_labels(node.name, families)
    if isinstance(node, syntax.AggregateExpr):
        return aggregated_labels(node, families)
    if isinstance(node, syntax.BinaryExpr):
        return combined_labels(node, families)
    if isinstance(node, syntax.Call):
        name = node.func.name
        if name in SCALARS | NO_LABELS:
            return frozenset()
        below = frozenset().union(*(labels(each, families) for each in node.args))
        if name == "label_replace":
            return below | {node.args[1].val}
        return below - {"le"} if name == "histogram_quantile" else below
    below = children(node)
    return labels(below[0], families) if below else frozenset()


def aggregated_labels(node, families):
    """Those of an aggregation."""
    if node.modifier is None:
        return frozenset()
    named = frozenset(node.modifier.labels)
    if str(node.modifier.type).endswith("By"):
        return named
    return labels(node.expr, families) - named


def combined_labels(node, families):
    """Those of two sides and an operator."""
    left, right = labels(node.lhs, families), labels(node.rhs, families)
    if is_scalar(node.lhs):
        return right
    if is_scalar(node.rhs) or str(node.op) in ("and", "unless"):
        return left
    if str(node.op) == "or":
        return left | right
    modifier = node.modifier
    if modifier is None or modifier.matching is None:
        return left
    if "OneToOne" in str(modifier.card):
        named = frozenset(modifier.matching.labels)
        return named if str(modifier.matching.type).endswith("Include") else left - named
    return left | frozenset(modifier.group_labels or ())


def used(node, families):
    """The names of the families that an expression uses (a name of no family: as it is)."""
    return {base(each.name, families) or each.name for each, _ in selectors(node)}


def legend_labels(legend):
    """The labels that a legend shows."""
    return set(re.findall(r"\{\{\s*(\w+)\s*\}\}", legend))
