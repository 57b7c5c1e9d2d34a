"""Draws a dashboard's JSON as a picture, with data from a Prometheus. Not Grafana: the same places,
units, thresholds, stacks and colours, drawn by matplotlib, so that what a panel shows can be seen
and checked where no Grafana runs."""
import io

import numpy
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from grafana import draw

# Of one cell of the grid, between panels, of the title.
PIXELS_X, PIXELS_Y, GAP, HEAD = 64, 34, 6, 44
DPI = 100
INK_MIN = 0.0004
PAPER, PANEL = "#f4f5f5", "#ffffff"


def expanded(dashboard, chosen, values, repeats_max=2):
    """(panel, chosen) for every panel, those of a repeated row once for each value."""
    done, row, below = [], None, 0
    groups = []
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            groups.append((panel, []))
        else:
            groups[-1][1].append(panel)
    for row, panels in groups:
        variable = row.get("repeat")
        for value in (values.get(variable, [])[:repeats_max] if variable else [None]):
            mine = chosen if value is None else {**chosen, variable: value}
            title = row["title"] if value is None else value
            for each in ({**row, "title": title}, *panels):
                place = {**each["gridPos"], "y": each["gridPos"]["y"] + below}
                done.append(({**each, "gridPos": place}, mine))
            if variable:
                below += max(each["gridPos"]["y"] + each["gridPos"]["h"] for each in panels) \
                    - row["gridPos"]["y"]
    return done


def ink(image, box):
    """The share of pixels within a panel's plot that are clearly not paper, grid or frame."""
    left, bottom, right, top = box
    height = image.shape[0]
    part = image[int(height - top) + 2:int(height - bottom) - 2, int(left) + 2:int(right) - 2, :3]
    return float((part.min(axis=2) < 200).mean()) if part.size else 0.0


def render(dashboard, source, chosen=None, values=None):
    """(PNG bytes, report). The report: [(panel's title, number of series, ink)], in which ink is
    None for a panel without data. `chosen`: variable -> values; `values`: all of a variable's
    values, for rows that are repeated."""
    chosen = chosen or {}
    places = expanded(dashboard, chosen, values or {})
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel, _ in places)
    size = (24 * PIXELS_X, rows * PIXELS_Y + HEAD)
    figure = Figure(figsize=(size[0] / DPI, size[1] / DPI), dpi=DPI, facecolor=PAPER)
    canvas = FigureCanvasAgg(figure)
    head = draw.Frame(figure, size, 0, size[1] - HEAD, size[0], HEAD)
    head.write(12, HEAD - 20, dashboard["title"], size=13, weight="bold")
    head.write(size[0] - 12, HEAD - 20, dashboard["description"], size=9, colour="#555", ha="right")
    drawn = [draw_panel(figure, size, panel, source, mine) for panel, mine in places]
    drawn = [each for each in drawn if each]
    canvas.draw()
    image = numpy.asarray(canvas.buffer_rgba()).copy()
    report = [(panel["title"], len(data),
               ink(image, axes.get_window_extent().extents) if data else None)
              for panel, data, axes in drawn]
    # Only now, so that they do not pass for data.
    marks = source.marks(dashboard, chosen)
    for panel, data, axes in drawn:
        if panel["type"] == "timeseries" and data and not panel.get("timeFrom"):
            draw.marks(axes, marks)
    canvas.draw()
    return compressed(numpy.asarray(canvas.buffer_rgba())), report


def draw_panel(figure, size, panel, source, chosen):
    """(panel, its series, its axes); None for a row."""
    place = panel["gridPos"]
    frame = draw.Frame(figure, size, place["x"] * PIXELS_X + GAP / 2,
                       size[1] - HEAD - (place["y"] + place["h"]) * PIXELS_Y + GAP,
                       place["w"] * PIXELS_X - GAP, place["h"] * PIXELS_Y - GAP)
    if panel["type"] == "row":
        frame.title("▾ " + panel["title"], size=11)
        return None
    frame.paper(PANEL)
    frame.title(panel["title"])
    data = source.data(panel, chosen)
    if not data:
        return panel, data, frame.nothing()
    return panel, data, draw.KINDS[panel["type"]](frame, panel, data, source.span(panel))


def compressed(image):
    """PNG of at most 96 colours."""
    out = io.BytesIO()
    Image.fromarray(image[:, :, :3]).quantize(96, dither=Image.Dither.NONE).save(
        out, "PNG", optimize=True)
    return out.getvalue()


def empty_drawings(report):
    """The panels that have data and no ink."""
    return [title for title, _, share in report if share is not None and share < INK_MIN]
