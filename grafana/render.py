"""Draws a dashboard's JSON as a picture, with data from a Prometheus. Not Grafana: the same places,
units, thresholds, stacks and colours, drawn by matplotlib, so that what a panel shows can be seen
and checked where no Grafana runs."""
import io

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt  # noqa: E402  (after the choice of the backend)
import numpy  # noqa: E402
from PIL import Image  # noqa: E402

from grafana import draw  # noqa: E402

PIXELS_X, PIXELS_Y, GAP, DPI = 64, 34, 6, 100
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


def render(dashboard, source, chosen=None, values=None, only=None):
    """(PNG bytes, report). The report: [(panel's title, number of series, ink)], in which ink is
    None for a panel without data. `only`: draw the panels with these titles."""
    chosen, values = chosen or {}, values or {}
    places = expanded(dashboard, chosen, values)
    if only:
        places = [(panel, mine) for panel, mine in places if panel["title"] in only]
        first = min(panel["gridPos"]["y"] for panel, _ in places)
        for panel, _ in places:
            panel["gridPos"]["y"] -= first
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel, _ in places)
    size = (24 * PIXELS_X, rows * PIXELS_Y + 50)
    figure = plt.figure(figsize=(size[0] / DPI, size[1] / DPI), dpi=DPI, facecolor=PAPER)
    figure.text(12 / size[0], 1 - 20 / size[1], dashboard["title"], fontsize=13, weight="bold",
                va="center")
    figure.text(1 - 12 / size[0], 1 - 20 / size[1], dashboard["description"], fontsize=9,
                va="center", ha="right", color="#555")
    drawn, timed = [], []
    for panel, mine in places:
        place = panel["gridPos"]
        left, top = place["x"] * PIXELS_X + GAP / 2, size[1] - 44 - place["y"] * PIXELS_Y
        frame = draw.Frame(figure, size, left, top - place["h"] * PIXELS_Y + GAP,
                           place["w"] * PIXELS_X - GAP, place["h"] * PIXELS_Y - GAP)
        if panel["type"] == "row":
            frame.title("▾ " + panel["title"], size=11)
            continue
        frame.paper(PANEL)
        frame.title(panel["title"])
        data = source.data(panel, mine)
        axes = draw.KINDS[panel["type"]](frame, panel, data, source.span(panel)) if data \
            else frame.nothing()
        if panel["type"] == "timeseries" and data and not panel.get("timeFrom"):
            timed.append(axes)
        drawn.append((panel["title"], data, axes))
    figure.canvas.draw()
    image = numpy.asarray(figure.canvas.buffer_rgba())
    report = [(title, len(data), ink(image, axes.get_window_extent().extents) if data else None)
              for title, data, axes in drawn]
    # Only now, so that they do not pass for data.
    marks = source.marks(dashboard, chosen)
    for axes in timed:
        draw.marks(axes, marks)
    figure.canvas.draw()
    png = compressed(numpy.asarray(figure.canvas.buffer_rgba()))
    plt.close(figure)
    return png, report


def compressed(image):
    """PNG of at most 128 colours."""
    out = io.BytesIO()
    Image.fromarray(image[:, :, :3]).quantize(128, dither=Image.Dither.NONE).save(
        out, "PNG", optimize=True)
    return out.getvalue()


def empty_drawings(report):
    """The panels that have data and no ink."""
    return [title for title, _, share in report if share is not None and share < INK_MIN]
