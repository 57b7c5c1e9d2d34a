"""Each rule of the dashboards' lint finds the fault it is for: a good dashboard is spoilt in one
place, and the lint must say so."""
import copy
import dataclasses
import json

import pytest

from grafana import catalogue, generate, lint

FAMILIES = catalogue.families()
GOOD = {path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(generate.DIRECTORY.glob("*.json"))}


def find(document, title):
    """The panel with that title."""
    return next(panel for panel in document["panels"] if panel["title"] == title)


def swap(title, before, after, query=0):
    """A fault in a query of the Overview."""
    def spoil(document):
        target = find(document, title)["targets"][query]
        assert before in target["expr"], target["expr"]
        target["expr"] = target["expr"].replace(before, after)
    return spoil


def write(title, expression):
    """Another query in the Overview."""
    def spoil(document):
        find(document, title)["targets"][0]["expr"] = expression
    return spoil


@dataclasses.dataclass
class Panel:
    """The first step of a path that leads into a panel."""
    title: str


def set_in(*path, to):
    """Another value somewhere."""
    def spoil(document):
        place = document
        for step in path[:-1]:
            place = find(document, step.title) if isinstance(step, Panel) else place[step]
        place[path[-1]] = to
    return spoil


SCOPE = 'job=~"$job",instance=~"$instance"'
BUCKETS = f"rate(meliproxy_http_request_duration_seconds_bucket{{{SCOPE}}}[$__rate_interval])"
COUNT = BUCKETS.replace("_bucket", "_count")
HITS = f'rate(meliproxy_cache_requests_total{{{SCOPE},result="hit"}}[$__rate_interval])'
P99, ROUTES, WITHIN = "p99", "Requests by route", "Answered within 250 ms"

# (name, what is done to the Overview, words of the complaint)
MUTANTS = (
    ("no PromQL", swap(P99, "sum by (le)", "sum by (le"), "is no PromQL"),
    ("mean of quantiles", write(P99, f"avg(histogram_quantile(0.99, sum by (le, route) ({BUCKETS})))"),
     "aggregates quantiles"),
    ("quantile of single series", write(P99, f"histogram_quantile(0.99, {BUCKETS})"),
     "something else than sum by (le"),
    ("quantile without le", write(P99, f"histogram_quantile(0.99, sum by (route) ({BUCKETS}))"),
     "something else than sum by (le"),
    ("quantile of a count", write(P99, f"histogram_quantile(0.99, sum by (le) ({COUNT}))"),
     "has no buckets"),
    ("ratio of single series", write("Cache hits", f"{HITS} / {HITS}"), "single series"),
    ("mean of ratios", write("Cache hits", f"avg({HITS} / {HITS})"), "aggregates ratios"),
    ("clamped", write("Cache hits", f"sum({HITS}) / clamp_min(sum({HITS}), 1)"), "clamps"),
    ("counter without rate", write("Requests", f"sum(meliproxy_http_requests_total{{{SCOPE}}})"),
     "rate or increase is missing"),
    ("rate of a gauge", swap("Instances ready", "meliproxy_ready{" + SCOPE + "}",
                             "rate(meliproxy_ready{" + SCOPE + "}[$__rate_interval])"),
     "is a gauge"),
    ("delta of a counter", write("Requests", f"sum(delta(meliproxy_http_requests_total{{{SCOPE}}}"
                                             "[$__rate_interval]))"), "is for gauges"),
    ("fixed window", swap("Requests", "[$__rate_interval]", "[30s]"), "not $__rate_interval"),
    ("range of a graph", swap(ROUTES, "[$__rate_interval]", "[$__range]"), "not $__rate_interval"),
    ("no job", swap("Requests", 'job=~"$job",', ""), "no matcher for ['job']"),
    ("no instance", swap("Requests", ',instance=~"$instance"', ""), "no matcher for ['instance']"),
    ("a metric that is not there", swap("Requests", "http_requests_total", "http_request_total"),
     "names no known metric"),
    ("a label that is not there", swap(ROUTES, "by (route)", "by (path)"), "groups by path"),
    ("a matcher that is not there", swap(ROUTES, SCOPE, SCOPE + ',path="/"'), "has no label path"),
    ("a word that never occurs", swap("Cache hits", 'result="hit"', 'result="hits"'),
     "result is never 'hits'"),
    ("a bucket that is not there", swap(WITHIN, 'le="0.25"', 'le="0.3"'), "le is never '0.3'"),
    ("a status that cannot be", swap("Error ratio by origin", "5..", "5...", 0),
     "code is never '5...'"),
    ("a matcher that says nothing", swap(ROUTES, SCOPE, SCOPE + ',route=~".*"'), "says nothing"),
    ("wrong unit", set_in(Panel(P99), "fieldConfig", "defaults", "unit", to="short"),
     "the quantile is in s"),
    ("unknown unit", set_in(Panel(P99), "fieldConfig", "defaults", "unit", to="seconds"),
     "unit 'seconds' is not one of"),
    ("share that is none", set_in(Panel("Requests"), "fieldConfig", "defaults", "unit",
                                  to="percentunit"), "percentunit, but no ratio"),
    ("overlap", set_in(Panel(ROUTES), "gridPos", "x", to=0), "overlaps"),
    ("outside", set_in(Panel(ROUTES), "gridPos", "w", to=13), "outside the 24 columns"),
    ("id twice", set_in(Panel(ROUTES), "id", to=1), "id 1 twice"),
    ("title twice", set_in(Panel(ROUTES), "title", to=P99), "title twice"),
    ("no description", set_in(Panel(ROUTES), "description", to=""), "has no description"),
    ("fixed data source", set_in(Panel(ROUTES), "datasource", to={"uid": "Prometheus"}),
     "data source is fixed"),
    ("old kind of panel", set_in(Panel(ROUTES), "type", to="graph"), "type graph is not one of"),
    ("thresholds in disorder",
     set_in(Panel(P99), "fieldConfig", "defaults", "thresholds", "steps",
            to=[{"color": "green", "value": None}, {"color": "red", "value": 1},
                {"color": "red", "value": 0.5}]), "do not ascend"),
    ("editable", set_in("editable", to=True), "editable is not false"),
    ("old schema", set_in("schemaVersion", to=16), "schemaVersion is not 39"),
    ("no tag", set_in("tags", to=[]), "has no tag"),
    ("no way to the others", set_in("links", to=[]), "has no link"),
    ("way that loses time", set_in("links", 0, "keepTime", to=False), "has no link"),
    ("variable that is used and hidden", set_in("templating", "list", 1, "hide", to=2),
     "hidden, but used"),
    ("variable that is shown and not used", set_in("templating", "list", 3, "hide", to=0),
     "shown, but not used"),
    ("variable of one value", set_in("templating", "list", 1, "multi", to=False), "not multi with all"),
    ("every job there is", set_in("templating", "list", 1, "allValue", to=".+"), "all is .+"),
    ("all of nothing", set_in("templating", "list", 2, "allValue", to=""), "all is "),
    ("stale variable", set_in("templating", "list", 1, "refresh", to=1), "not refreshed"),
    ("unknown variable", swap(ROUTES, "$instance", "$host"), "which is no variable"),
    ("annotation lost", set_in("annotations", "list", to=[]), "annotations are []"),
    ("link to nowhere", set_in(Panel(ROUTES), "fieldConfig", "defaults", "links",
                               to=[{"url": "/d/meliproxy-route?${__url_time_range}"}]),
     "which is not there"),
    ("link with a variable that is not there",
     set_in(Panel(ROUTES), "fieldConfig", "defaults", "links",
            to=[{"url": "/d/meliproxy-routes?var-path=a&${__url_time_range}"}]), "sets path"),
    ("link that forgets the time", set_in(Panel(ROUTES), "fieldConfig", "defaults", "links",
                                          to=[{"url": "/d/meliproxy-routes?var-route=a"}]),
     "forgets the time range"),
    ("link with a label that is not there",
     set_in(Panel(ROUTES), "fieldConfig", "defaults", "links",
            to=[{"url": "/d/meliproxy-routes?var-route=${__field.labels.path}&"
                        "${__url_time_range}"}]), "link asks for __field.labels.path"),
    ("one refId twice", set_in(Panel("Latency quantiles"), "targets", 1, "refId", to="A"),
     "two with one refId"),
    ("same legend", set_in(Panel("Latency quantiles"), "targets", 1, "legendFormat", to="p50"),
     "legends are empty or the same"),
    ("legend of a label that is not there",
     set_in(Panel(ROUTES), "targets", 0, "legendFormat", to="{{path}} {{route}}"),
     "legend shows ['path']"),
    ("legend that tells nothing apart", set_in(Panel(ROUTES), "targets", 0, "legendFormat",
                                               to="requests"), "does not tell ['route'] apart"),
    ("several series in one number", swap("Requests", "sum(", "sum by (route) ("),
     "one number for each"),
    ("instant graph", set_in(Panel(ROUTES), "targets", 0, "instant", to=True),
     "ask for instants"),
    ("matching on what is not there", swap("Error ratio by origin", "on ()", "on (pod)"),
     "matches on pod"),
)


@pytest.mark.parametrize("spoil,words", [each[1:] for each in MUTANTS],
                         ids=[each[0] for each in MUTANTS])
def test_lint_finds(spoil, words):
    """One fault, and its complaint."""
    spoilt = copy.deepcopy(GOOD)
    spoil(spoilt["meliproxy-overview"])
    found = lint.problems(spoilt, FAMILIES)
    assert any(words in each for each in found), found


def test_there_are_enough_mutants():
    """Names tell them apart, and every function that checks has one."""
    assert len({name for name, _, _ in MUTANTS}) == len(MUTANTS) >= 40
