#!/usr/bin/env python3
"""Checks a page of metrics: grammar, grouping, histograms, exemplars, equality to the catalogue.

usage: check_exposition.py --format text|openmetrics --catalogue docs/metrics.md FILE|-

`check(page, format, catalogue)` returns the list of problems for use in other tests. The page is
parsed by prometheus_client, and again here, since that parser accepts more than the format allows.
"""
import argparse
import math
import re
import sys

from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text

LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\n"])*)"'
SAMPLE = re.compile(
    r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(" + LABEL + r"(?:," + LABEL + r")*)\})? (\S+)"
    r"(?: # \{(" + LABEL + r"(?:," + LABEL + r")*)\} (\S+))?$"
)
NUMBER = re.compile(r"^-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?$")
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}


def read_catalogue(path):
    """{name: {type, labels, buckets, help, words: {label: [value]}}} from docs/metrics.md."""
    families = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            if not line.startswith("| `"):
                continue
            cells = [c.strip().replace("\\|", "|") for c in re.split(r"(?<!\\)\|", line)[1:-1]]
            name = cells[0].strip("`")
            if len(cells) == 5:
                families[name] = {
                    "type": cells[1],
                    "labels": re.findall(r"`([^`]*)`", cells[2]),
                    "buckets": cells[3].split(),
                    "help": cells[4],
                    "words": {},
                }
            else:
                families[name]["words"][cells[1].strip("`")] = re.findall(r"`([^`]*)`", cells[2])
    return families


def unescape(value):
    return re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m[1], m[1]), value)


def canonical(bound):
    """The canonical text of a bound: Go's shortest form with a point or an exponent."""
    if bound == "+Inf":
        return bound
    value = float(bound)
    text = repr(value)
    if value >= 1e6:
        digits = repr(int(value)).rstrip("0")
        mantissa = digits[0] + ("." + digits[1:] if digits[1:] else "")
        return f"{mantissa}e+{len(str(int(value))) - 1:02d}"
    return text


def check(page, format, catalogue):
    """The problems of `page` (bytes); `catalogue` as `read_catalogue` gives it."""
    problems = []
    try:
        text = page.decode("utf-8")
    except UnicodeDecodeError as error:
        return [f"not UTF-8: {error}"]
    if text and not text.endswith("\n"):
        problems.append("the last line does not end in a newline")
    if re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", text):
        problems.append("control character")
    lines = text.split("\n")[:-1]
    if "" in lines:
        problems.append("blank line")
    if format == "openmetrics":
        if not lines or lines[-1] != "# EOF":
            problems.append("no # EOF")
        if lines.count("# EOF") > 1:
            problems.append("more than one # EOF")
        lines = [line for line in lines if line != "# EOF"]
    try:
        parse = parse_openmetrics if format == "openmetrics" else parse_text
        parsed = list(parse(text))
    except Exception as error:  # the parser raises many kinds
        return problems + [f"prometheus_client: {error!r}"]
    exposed = {}
    families = read_families(lines, format, problems)
    for name, family in families.items():
        full = name
        if format == "openmetrics" and family.get("type") == "counter":
            full = name + "_total"
        exposed[full] = family
        check_family(full, family, format, catalogue, problems)
    if list(exposed) != sorted(exposed):
        problems.append("families are not sorted by name")
    ours = sum(len(family["samples"]) for family in families.values())
    theirs = sum(len(family.samples) for family in parsed)
    if ours != theirs:
        problems.append(f"{ours} samples here, {theirs} by prometheus_client")
    return problems


def read_families(lines, format, problems):
    """{name: {type, help, unit, samples: [(name, labels, value, exemplar)]}} in page order."""
    families = {}
    current = None
    for line in lines:
        if line.startswith("#"):
            parts = line.split(" ", 3)
            if len(parts) < 4 or parts[1] not in ("HELP", "TYPE", "UNIT"):
                problems.append(f"odd comment: {line}")
                continue
            word, name, rest = parts[1].lower(), parts[2], parts[3]
            if name != current and name in families:
                problems.append(f"{name} comes twice")
            current = name
            family = families.setdefault(name, {"samples": []})
            if word in family:
                problems.append(f"{name}: second {word}")
            if family["samples"]:
                problems.append(f"{name}: {word} behind samples")
            family[word] = rest
            continue
        match = SAMPLE.match(line)
        if not match:
            problems.append(f"not a sample: {line}")
            continue
        name, labels = match[1], re.findall(LABEL, match[2] or "")
        kind = families.get(current, {}).get("type")
        base = current[: -len("_total")] if kind == "counter" and format == "text" else current
        if kind not in SUFFIXES or name not in [base + s for s in SUFFIXES[kind]]:
            problems.append(f"{name} under {current} ({kind})")
            continue
        exemplar = None
        if match[8]:
            exemplar = (re.findall(LABEL, match[8]), match[13])
        families[current]["samples"].append((name, labels, match[7], exemplar))
    return families


def check_family(name, family, format, catalogue, problems):
    row = catalogue.get(name)
    if row is None:
        problems.append(f"{name} is not in the catalogue")
        return
    if family.get("type") != row["type"]:
        problems.append(f"{name}: type {family.get('type')}, catalogue {row['type']}")
    if unescape(family.get("help", "")) != row["help"]:
        problems.append(f"{name}: help {family.get('help')!r}, catalogue {row['help']!r}")
    if not family["samples"]:
        problems.append(f"{name} has no sample")
    seen = set()
    for sample, labels, value, exemplar in family["samples"]:
        where = f"{sample}{labels}"
        key = (sample, tuple(sorted(labels)))
        if key in seen:
            problems.append(f"duplicate {where}")
        seen.add(key)
        names = [label for label, _ in labels]
        wanted = row["labels"] + (["le"] if sample.endswith("_bucket") else [])
        if names != wanted:
            problems.append(f"{where}: labels {names}, catalogue {wanted}")
        for label, text in labels:
            if len(unescape(text).encode()) > 128:
                problems.append(f"{where}: {label} is too long")
            words = row["words"].get(label)
            if words and text not in words + ["_other"]:
                problems.append(f"{where}: {label} {text!r} is not in the vocabulary")
            if label == "code" and text != "_other" and not re.fullmatch("[1-5][0-9][0-9]", text):
                problems.append(f"{where}: code {text!r}")
        if not NUMBER.match(value) or not math.isfinite(float(value)):
            problems.append(f"{where}: value {value}")
        elif row["type"] != "gauge" and float(value) < 0:
            problems.append(f"{where}: negative {value}")
        if exemplar and (format != "openmetrics" or not sample.endswith("_bucket")):
            problems.append(f"{where}: exemplar not allowed")
    if row["type"] == "histogram":
        check_histogram(name, family["samples"], row["buckets"] + ["+Inf"], problems)


def check_histogram(name, samples, bounds, problems):
    groups = {}
    order = []
    for sample, labels, value, exemplar in samples:
        key = tuple((label, text) for label, text in labels if label != "le")
        if not order or order[-1] != key:
            order.append(key)
        group = groups.setdefault(key, {"buckets": [], "ends": {}})
        if sample.endswith("_bucket"):
            group["buckets"].append((dict(labels).get("le", ""), value, exemplar))
        else:
            group["ends"][sample[len(name):]] = value
    if len(order) != len(groups):
        problems.append(f"{name}: samples of one label set are not together")
    for key, group in groups.items():
        where = f"{name}{list(key)}"
        given = [bound for bound, _, _ in group["buckets"]]
        if given != bounds:
            problems.append(f"{where}: le {given}, catalogue {bounds}")
            continue
        if any(canonical(bound) != bound for bound in given):
            problems.append(f"{where}: le not canonical: {given}")
        counts = [float(value) for _, value, _ in group["buckets"]]
        if counts != sorted(counts):
            problems.append(f"{where}: buckets fall: {counts}")
        if set(group["ends"]) != {"_sum", "_count"}:
            problems.append(f"{where}: has {sorted(group['ends'])}")
        elif float(group["ends"]["_count"]) != counts[-1]:
            problems.append(f"{where}: +Inf {counts[-1]}, _count {group['ends']['_count']}")
        below = -math.inf
        for bound, _, exemplar in group["buckets"]:
            if exemplar:
                labels, value = exemplar
                if not below < float(value) <= float(bound):
                    problems.append(f"{where}: exemplar {value} not in ({below}, {bound}]")
                if sum(len(label) + len(text) for label, text in labels) > 128:
                    problems.append(f"{where}: exemplar labels too long")
                trace = dict(labels).get("trace_id", "")
                if not re.fullmatch("[0-9a-f]{32}", trace) or trace == "0" * 32:
                    problems.append(f"{where}: trace_id {trace!r}")
            below = float(bound)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--format", choices=["text", "openmetrics"], required=True)
    parser.add_argument("--catalogue", required=True, help="docs/metrics.md")
    parser.add_argument("file", help="the page, - for standard input")
    arguments = parser.parse_args()
    if arguments.file == "-":
        page = sys.stdin.buffer.read()
    else:
        with open(arguments.file, "rb") as file:
            page = file.read()
    problems = check(page, arguments.format, read_catalogue(arguments.catalogue))
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
