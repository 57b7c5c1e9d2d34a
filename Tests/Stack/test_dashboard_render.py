"""The renderer, with made-up data: what it draws, how it writes values, and that its ink check can
fail."""
import copy
import json
import math

import pytest

from grafana import draw, generate, render, units
from grafana.source import Series, Source, legend

DOCUMENTS = {path.stem: json.loads(path.read_text(encoding="utf-8"))
             for path in sorted(generate.DIRECTORY.glob("*.json"))}


class MadeUp(Source):
    """Answers every query with a slow wave, without any server."""

    def __init__(self, name="some", value=1.0):
        super().__init__("http://nowhere", 1_700_000_000, 1_700_000_600)
        self.name, self.value = name, value

    def marks(self, dashboard, chosen):
        return [(self.start + 60, "orange")]

    def ask(self, panel, target, chosen):
        start, end, step = self.span(panel)
        times = [float(end)] if target["instant"] else [
            float(time) for time in range(int(start), int(end) + 1, int(step))]
        values = [self.value * (1.5 + math.sin(time / 90)) for time in times]
        labels = {"route": self.name, "instance": self.name, "le": "0.25"}
        if panel["type"] != "heatmap":
            labels.pop("le")
        return [Series(legend(target["legendFormat"], labels) or self.name, labels, times, values,
                       target["refId"])]


def only(uid, *titles):
    """A dashboard of these panels."""
    document = copy.deepcopy(DOCUMENTS[uid])
    document["panels"] = [document["panels"][0]] + [
        each for each in document["panels"] if each["title"] in titles]
    return document


KINDS = only("meliproxy-overview", "Requests", "Requests by route", "Durations", "Circuit breakers",
             "p99 by what the cache did")


def test_every_kind_leaves_ink():
    """A stat, a stack, a heatmap, states, a logarithmic graph."""
    png, report = render.render(KINDS, MadeUp())
    assert png.startswith(b"\x89PNG")
    assert len(report) == 5 and render.empty_drawings(report) == [], report


def test_table_leaves_ink():
    """Rows merged from several queries."""
    _, report = render.render(only("meliproxy-routes", "Routes"), MadeUp())
    assert render.empty_drawings(report) == [] and report[0][2] > 0


@pytest.mark.parametrize("kind", sorted(draw.KINDS))
def test_ink_check_finds_an_empty_drawing(kind, monkeypatch):
    """A kind that draws nothing is found."""
    monkeypatch.setitem(draw.KINDS, kind, lambda frame, *_: frame.axes())
    document = KINDS if kind != "table" else only("meliproxy-routes", "Routes")
    _, report = render.render(document, MadeUp())
    kinds = {each["title"]: each["type"] for each in document["panels"]}
    assert {kinds[title] for title in render.empty_drawings(report)} == {kind}


def test_no_data_is_told_from_nothing_drawn():
    """A panel without data has no ink in the report, and is not called an empty drawing."""
    _, report = render.render(KINDS, MadeUp(value=math.nan))
    assert [ink for _, _, ink in report] == [None] * 5
    assert render.empty_drawings(report) == []


def test_a_line_at_zero_is_seen():
    """It lies on the axis, and still counts as drawn."""
    document = only("meliproxy-cache", "Purges")
    _, report = render.render(document, MadeUp(value=0.0))
    assert render.empty_drawings(report) == []


def test_names_that_begin_with_an_underscore_are_in_the_legend(monkeypatch):
    """matplotlib's own legend would leave out _other."""
    written = []
    write = draw.Frame.write
    monkeypatch.setattr(draw.Frame, "write", lambda self, x, y, text, **more: (
        written.append(text), write(self, x, y, text, **more)))
    render.render(only("meliproxy-overview", "Requests by route"), MadeUp(name="_other"))
    assert any(text.startswith("_other  ") for text in written), written


def test_each_panel_has_its_own_unit(monkeypatch):
    """The formatter of one axis is not that of the next panel's."""
    seen = []
    text = units.text
    monkeypatch.setattr(units, "text", lambda value, unit, *more: (
        seen.append(unit), text(value, unit, *more))[1])
    render.render(only("meliproxy-overview", "Requests by route", "Latency quantiles"), MadeUp())
    assert {"reqps", "s"} <= set(seen)


def test_repeated_row():
    """Once for each value, below each other, without overlap."""
    places = render.expanded(DOCUMENTS["meliproxy-routes"], {}, {"route": ["a", "b", "c"]})
    titles = [panel["title"] for panel, _ in places if panel["type"] == "row"]
    assert titles == ["All routes", "a", "b"]
    chosen = [mine.get("route") for panel, mine in places if panel["title"] == "Answers by status"]
    assert chosen == ["a", "b"]
    cells = [(x, y) for panel, _ in places
             for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
             for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])]
    assert len(cells) == len(set(cells))


@pytest.mark.parametrize("value,unit,expected", [
    (0.00025, "s", "250 µs"), (0.0125, "s", "12.5 ms"), (2.5, "s", "2.5 s"), (0, "s", "0 s"),
    (7200, "s", "2 h"), (1536, "bytes", "1.5 KiB"), (3 * 2**30, "Bps", "3 GiB/s"),
    (0.985, "percentunit", "98.5 %"), (0.00015, "percentunit", "0.015 %"), (12.34, "percent", "12.3 %"), (1234, "reqps", "1.23 kreq/s"),
    (0.333333, "ops", "0.333 /s"), (5, "short", "5"), (math.nan, "s", "no data"),
    (math.inf, "s", "∞"), (-0.5, "percentunit", "-50.0 %"),
])
def test_values_as_text(value, unit, expected):
    """Units by Grafana's names."""
    assert units.text(value, unit) == expected


def test_grafana_variables():
    """The window holds four scrapes at least, and one more than the step; values are joined."""
    source = Source("http://nowhere", 0, 600, scrape=5)
    text = 'rate(x{instance=~"$instance",job=~"$job"}[$__rate_interval]) + x[$__range]'
    assert source.expression(text, {"instance": ["a.b", "c-d"]}, 5) == \
        'rate(x{instance=~"a\\\\.b|c-d",job=~".+"}[20s]) + x[600s]'
    assert "[65s]" in source.expression(text, {}, 60)


def test_span():
    """Whole steps; a panel's own time and interval."""
    source = Source("http://nowhere", 1000, 1600, scrape=5, points=60)
    assert source.span({}) == (1000, 1600, 10)
    start, end, step = source.span({"timeFrom": "7d", "interval": "1d"})
    assert step == 86400 and end % step == 0 and end - start >= 6 * step
