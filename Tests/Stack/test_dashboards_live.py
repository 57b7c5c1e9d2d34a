"""The dashboards on a running stack: every variable and every query has data, and every panel draws
it. Takes about a minute."""
import json
import time

import pytest

import dashboard_history
import dashboard_stack
import dashboard_traffic
import harness
from grafana import catalogue, generate, render
from grafana.source import Source

DOCUMENTS = {path.stem: json.loads(path.read_text(encoding="utf-8"))
             for path in sorted(generate.DIRECTORY.glob("*.json"))}
# What "all" means: the jobs are listed, everything else is any value.
ALL = {"job": ["meliproxy"]}
TRAFFIC_S, SHOWN_S = 25, 22
# Marks of what did not happen here.
QUIET_ANNOTATIONS = {"Restarts", "Redis master", "Alerts"}


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    """(stack, source) after some traffic with faults, the time now held still."""
    directory = tmp_path_factory.mktemp("dashboards")
    past = dashboard_history.write(directory / "past.om", time.time())
    with dashboard_stack.Stack(directory, history=past) as stack:
        with dashboard_traffic.Traffic(stack):
            stack.demo("error_rate=0.06")
            # Load for a while is what is asked for here; nothing is waited for.
            time.sleep(TRAFFIC_S)
            harness.wait_until(lambda: stack.query('ALERTS{alertname=~".*BudgetBurn"}'),
                               "a burn alert is pending", 30, 0.5)
            end = time.time()
        yield stack, Source(stack.url, end - SHOWN_S, end, scrape=1)


@pytest.mark.parametrize("uid", DOCUMENTS)
def test_every_query_has_data(live, uid):
    """Each panel of each dashboard."""
    _, source = live
    silent = []
    for panel in DOCUMENTS[uid]["panels"]:
        for target in panel.get("targets", []):
            found = any(each.finite() for each in source.ask(panel, target, ALL))
            name = f"{panel['title']} {target['refId']}: {target['expr']}"
            if not found:
                silent.append(name)
    assert not silent, "\n".join(silent)


@pytest.mark.parametrize("uid", DOCUMENTS)
def test_every_variable_has_values(live, uid):
    """Names, no paths; the job variable lists no job but the instances'."""
    _, source = live
    for each in DOCUMENTS[uid]["templating"]["list"]:
        if each["type"] == "query":
            values = source.label_values(source.expression(each["query"]["query"], {}, 1))
            assert values, each["name"]
            assert each["name"] != "job" or values == ALL["job"]
            assert not any("$" in value or "/" in value for value in values), values


def test_one_instance_and_one_route(live):
    """A variable narrows down what is drawn."""
    _, source = live
    panel = next(each for each in DOCUMENTS["meliproxy-instances"]["panels"]
                 if each["title"] == "Requests by instance")
    both = source.data(panel, ALL)
    one = source.data(panel, {**ALL, "instance": ["meliproxy-1"]})
    assert {each.name for each in both} == {"meliproxy-1", "meliproxy-2"}
    assert {each.name for each in one} == {"meliproxy-1"}
    table = next(each for each in DOCUMENTS["meliproxy-routes"]["panels"]
                 if each["title"] == "Routes")
    assert {each.labels["route"] for each in source.data(table, {**ALL, "route": "item"})} == {"item"}
    assert {each.labels["route"] for each in source.data(table, ALL)} >= {"item", "_other", "dead"}


def test_annotations_can_be_asked(live):
    """Every annotation's query is understood; a version appeared."""
    _, source = live
    for each in DOCUMENTS["meliproxy-overview"]["annotations"]["list"]:
        text = source.expression(each["expr"], ALL, 1)
        found = source.get("query_range", query=text, start=source.start, end=source.end, step=1)
        assert found["result"] or each["name"] in QUIET_ANNOTATIONS, each["name"]


def test_panels_say_what_happened(live):
    """The numbers are those of the traffic, not just any."""
    stack, narrow = live
    # A window of 20 s, in which even the rarest request was sent several times.
    source = Source(stack.url, narrow.start, narrow.end, scrape=5)

    def last(uid, title, ref="A", **labels):
        panel = next(each for each in DOCUMENTS[uid]["panels"] if each["title"] == title)
        return [each.finite()[-1] for each in source.data(panel, ALL) if each.target == ref
                and all(each.labels.get(key) == value for key, value in labels.items())]

    assert last("meliproxy-overview", "Instances ready") == [2]
    assert last("meliproxy-edge", "Servers up") == [2]
    assert last("meliproxy-edge", "Redis master route") == [1]
    assert 0.5 < last("meliproxy-overview", "Availability")[0] < 1
    assert 0 < last("meliproxy-overview", "Cache hits")[0] < 1
    assert last("meliproxy-routes", "Routes", "B", route="dead") == [1]
    assert last("meliproxy-cache", "Who was master", instance="redis") == [1]
    assert last("meliproxy-cache", "Who was master", instance="replica") == [0]
    p50, p99 = (last("meliproxy-overview", "Latency quantiles", ref)[0] for ref in "AC")
    assert 0 < p50 < p99 < 10
    heat = next(each for each in DOCUMENTS["meliproxy-overview"]["panels"]
                if each["title"] == "Requests by hour of the day")
    hours = {each.name: each.finite()[-1] for each in source.data(heat, ALL)}
    assert len(hours) == 24 and max(hours.values()) > 2 * min(hours.values())


def test_foreign_metrics_are_as_listed(live):
    """Names and labels of HAProxy's, the exporter's and Prometheus' own metrics."""
    stack, source = live
    for name, family in catalogue.FOREIGN.items():
        found = source.get("series", **{"match[]": name, "start": source.start,
                                        "end": source.end})
        assert found, name
        labels = {label for each in found for label in each} - catalogue.TARGET_LABELS
        assert family.labels <= labels | {"severity", "service", "component", "long", "short"}, (name, labels)
        for label, vocabulary in family.values.items():
            assert {each[label] for each in found if label in each} <= vocabulary, (name, label)
    assert len(stack.query("up == 1")) == 6


def test_every_panel_is_drawn(live):
    """Each panel that has data leaves ink on the picture."""
    _, source = live
    for uid in ("meliproxy-overview", "meliproxy-routes"):
        png, report = render.render(DOCUMENTS[uid], source, ALL, {"route": ["item", "_other"]})
        assert png.startswith(b"\x89PNG") and len(png) < 300_000
        assert render.empty_drawings(report) == []
        assert sum(ink is not None for _, _, ink in report) > 10
