"""One drawing for each kind of panel."""
import datetime
import math
import statistics

import matplotlib.patches
import numpy
from matplotlib.colors import LogNorm
from matplotlib.ticker import FuncFormatter, LogLocator, MultipleLocator, NullFormatter

from grafana import units

COLOURS = {"green": "#56a64b", "yellow": "#e0b400", "orange": "#fa6400", "red": "#e02f44",
           "blue": "#3274d9", "purple": "#a352cc"}
PALETTE = ("#56a64b", "#e0b400", "#3274d9", "#fa6400", "#a352cc", "#1f9e9e", "#c15c17", "#e377c2",
           "#37872d", "#7a6fbe", "#8c564b", "#5f7f9f", "#96d98d", "#8ab8ff", "#ffb357")
TEXT, LEGEND_LINE = "#24292e", 15


class Frame:
    """A panel's place in the picture, in pixels from the bottom left."""

    def __init__(self, figure, size, left, bottom, width, height):
        self.figure, self.size = figure, size
        self.left, self.bottom, self.width, self.height = left, bottom, width, height

    def paper(self, colour):
        """The panel's background, beneath everything else."""
        corner = (self.left / self.size[0], self.bottom / self.size[1])
        self.figure.add_artist(matplotlib.patches.Rectangle(
            corner, self.width / self.size[0], self.height / self.size[1], facecolor=colour,
            edgecolor="#dcdcdc", zorder=-1, transform=self.figure.transFigure))

    def title(self, text, size=9.5):
        """The line at the top."""
        self.write(8, self.height - 12, text, size=size, weight="bold")

    def write(self, x, y, text, size=8, colour=TEXT, **more):
        """Text at a place within the frame."""
        self.figure.text((self.left + x) / self.size[0], (self.bottom + y) / self.size[1],
                         text.replace("$", r"\$"), fontsize=size, color=colour, va="center", **more)

    def axes(self, left=58, bottom=22, right=10, top=26):
        """Axes within the frame, with these margins."""
        axes = self.figure.add_axes((
            (self.left + left) / self.size[0], (self.bottom + bottom) / self.size[1],
            (self.width - left - right) / self.size[0],
            (self.height - top - bottom) / self.size[1]))
        axes.tick_params(labelsize=7, length=2, colors="#555")
        for side in axes.spines.values():
            side.set_color("#dddddd")
        axes.set_facecolor("none")
        return axes

    def nothing(self):
        """A panel without data."""
        self.write(self.width / 2, self.height / 2 - 8, "no data", size=10, colour="#999",
                   ha="center")
        axes = self.axes()
        axes.set_axis_off()
        return axes


def colour(name):
    """Grafana's name of a colour, as matplotlib reads it."""
    return COLOURS.get(name, name)


def fixed_colours(panel):
    """Series' name -> its colour, from the overrides."""
    return {each["matcher"]["options"]: colour(one["value"]["fixedColor"])
            for each in panel["fieldConfig"]["overrides"] for one in each["properties"]
            if one["id"] == "color" and "fixedColor" in one["value"]}


def step_colour(value, thresholds):
    """The colour of the step that a value has reached."""
    reached = [step["color"] for step in thresholds["steps"]
               if step["value"] is None or value >= step["value"]]
    return colour(reached[-1])


def clock(axes, span):
    """The time axis."""
    start, end, _ = span
    axes.set_xlim(start, end)
    form = "%d %b" if end - start > 86400 else "%H:%M:%S" if end - start < 1200 else "%H:%M"
    ticks = numpy.linspace(start, end, 6)[1:-1]
    axes.set_xticks(ticks, [datetime.datetime.fromtimestamp(at, datetime.timezone.utc)
                            .strftime(form) for at in ticks])


def value_axis(axes, unit, log=False):
    """The other one. The formatter is bound here, once for each panel."""
    if log:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 3), numticks=12))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: units.text(value, unit)))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(color="#eeeeee", linewidth=0.8)
    axes.set_axisbelow(True)


def legend(frame, entries, unit, columns):
    """Names with mean and last value; drawn by hand, since matplotlib leaves out names that begin
    with an underscore. The largest come first, the rest is counted."""
    shown = entries[:columns * 3]
    lines = math.ceil(len(shown) / columns)
    width = (frame.width - 16) / columns
    for index, (name, tint, values) in enumerate(shown):
        x, y = 8 + index % columns * width, LEGEND_LINE * (lines - 1 - index // columns) + 10
        numbers = f"{units.text(statistics.fmean(values), unit)}, now {units.text(values[-1], unit)}"
        room = max(6, int(width / 5.4) - len(numbers) - 3)
        label = name if len(name) <= room else name[:room - 1] + "…"
        frame.write(x, y, "▬", colour=tint, size=8)
        frame.write(x + 14, y, f"{label}  {numbers}", size=7)
    if len(entries) > len(shown):
        frame.write(frame.width - 8, frame.height - 12, f"and {len(entries) - len(shown)} more",
                    size=7, colour="#888", ha="right")


def timeseries(frame, panel, data, span):
    """Lines, or a stack of areas."""
    field = panel["fieldConfig"]
    unit, custom = field["defaults"]["unit"], field["defaults"]["custom"]
    data = sorted(data, key=lambda each: -statistics.fmean(each.finite()))
    columns = max(1, round(frame.width / 330))
    lines = min(3, math.ceil(len(data) / columns))
    axes = frame.axes(bottom=24 + LEGEND_LINE * lines)
    log = custom["scaleDistribution"]["type"] == "log"
    value_axis(axes, unit, log)
    named, stacked = fixed_colours(panel), custom["stacking"]["mode"] == "normal"
    grid = numpy.arange(span[0], span[1] + span[2], span[2])
    floor = numpy.zeros(len(grid))
    entries = []
    for index, each in enumerate(data):
        tint = named.get(each.name, PALETTE[index % len(PALETTE)])
        at = dict(zip(each.times, each.values))
        points = numpy.array([at.get(float(time), math.nan) for time in grid])
        points[~numpy.isfinite(points)] = math.nan
        if stacked and not any(each.finite()):
            pass  # nothing to stack: no line on top of the others
        elif stacked:
            top = floor + numpy.nan_to_num(points)
            axes.fill_between(grid, floor, top, color=tint, alpha=0.45, linewidth=0)
            axes.plot(grid, top, color=tint, linewidth=1)
            floor = top
        else:
            axes.plot(grid, points, color=tint, linewidth=1.3, marker=".", markersize=1.5)
        entries.append((each.name, tint, each.finite()))
    if not log:
        value_range(axes, field["defaults"].get("min"), entries)
        if unit in ("bytes", "Bps"):
            step = 2 ** math.ceil(math.log2(max(axes.get_ylim()[1], 6) / 6))
            axes.yaxis.set_major_locator(MultipleLocator(step))
    threshold_lines(axes, field["defaults"])
    clock(axes, span)
    legend(frame, entries, unit, columns)
    return axes


def value_range(axes, low, entries):
    """From the panel's least value on, with room to see a line that lies there."""
    if not any(any(values) for _, _, values in entries):
        axes.set_ylim(-0.04, 1)
    elif low is not None:
        axes.set_ylim(bottom=low - (axes.get_ylim()[1] - low) * 0.03)


def threshold_lines(axes, defaults):
    """Dashed lines at the thresholds that lie within the picture."""
    if defaults["custom"]["thresholdsStyle"]["mode"] == "off":
        return
    low, high = axes.get_ylim()
    for step in defaults["thresholds"]["steps"]:
        if step["value"] is not None and low <= step["value"] <= high * 1.5:
            axes.axhline(step["value"], color=colour(step["color"]), linestyle="--", linewidth=0.9)


def stat(frame, panel, data, _):
    """A number, and its course behind it."""
    defaults, series = panel["fieldConfig"]["defaults"], data[0]
    last = series.finite()[-1]
    tint = step_colour(last, defaults["thresholds"])
    axes = frame.axes(left=6, right=6, bottom=6, top=24)
    axes.set_axis_off()
    if panel["options"]["graphMode"] == "area" and len(series.times) > 1:
        axes.fill_between(series.times, series.values, color=tint, alpha=0.15, linewidth=0)
        axes.plot(series.times, series.values, color=tint, alpha=0.5, linewidth=1)
        axes.set_ylim(0, max(series.finite()) * 2.2 or 1)
    axes.text(0.5, 0.62, units.text(last, defaults["unit"], defaults.get("decimals")),
              transform=axes.transAxes, ha="center", va="center", fontsize=19, color=tint,
              weight="bold")
    return axes


def heat_rows(data):
    """[(label, times -> amount)]: buckets made from cumulative counts, or the series as they are."""
    if not all("le" in each.labels for each in data):
        return [(each.name, dict(zip(each.times, each.values))) for each in data]
    rows, before = [], {}
    for each in sorted(data, key=lambda one: float(one.labels["le"])):
        at = dict(zip(each.times, each.values))
        rows.append((each.labels["le"], {time: value - before.get(time, 0)
                                         for time, value in at.items()}))
        before = at
    return rows


def heatmap(frame, panel, data, span):
    """Cells, darker where there is more."""
    rows = heat_rows(data)
    grid = numpy.arange(span[0], span[1] + span[2], span[2])
    cells = numpy.array([[row.get(float(time), 0) for time in grid] for _, row in rows])
    cells = numpy.where(cells > 1e-9, cells, math.nan)
    axes = frame.axes()
    edges = numpy.append(grid, grid[-1] + span[2]) - span[2]
    if numpy.isfinite(cells).any():
        high = numpy.nanmax(cells)
        axes.pcolormesh(edges, numpy.arange(len(rows) + 1), cells, norm=LogNorm(high / 1e3, high),
                        cmap="Blues" if panel["options"]["color"]["scheme"] == "Blues"
                        else "YlOrRd")
    every = max(1, len(rows) // 8)
    unit = panel["options"]["yAxis"]["unit"]
    names = [units.text(float(name), unit) if unit == "s" else name for name, _ in rows]
    axes.set_yticks(numpy.arange(len(rows))[::every] + (1 if unit == "s" else 0.5), names[::every])
    clock(axes, (float(edges[0]), float(edges[-1]), span[2]))
    return axes


def state_timeline(frame, panel, data, span):
    """A bar for each series, in the colour of its state."""
    words = [each["options"] for each in panel["fieldConfig"]["defaults"]["mappings"]]
    axes = frame.axes(left=110)
    thresholds = panel["fieldConfig"]["defaults"]["thresholds"]
    for index, each in enumerate(data):
        for time, value in zip(each.times, each.values):
            axes.broken_barh([(time - span[2], span[2] * 1.02)], (index + 0.1, 0.8),
                             color=step_colour(value, thresholds))
        reached = [one["result"]["text"] for one in words if one["from"] <= each.values[-1]]
        word = reached[-1] if reached else ""
        axes.text(0.99, (index + 0.5) / len(data), word, transform=axes.transAxes, ha="right",
                  va="center", fontsize=8, color="white", weight="bold")
    axes.set_ylim(0, len(data))
    axes.set_yticks([index + 0.5 for index in range(len(data))],
                    [each.name[:18] for each in data])
    clock(axes, span)
    return axes


def merged(panel, data):
    """(columns, rows) of a table: rows are merged by their labels, then organised."""
    organise = next(each["options"] for each in panel["transformations"]
                    if each["id"] == "organize")
    rows = {}
    for each in data:
        key = tuple(sorted((name, value) for name, value in each.labels.items()
                           if not organise["excludeByName"].get(name)))
        row = rows.setdefault(key, dict(key))
        field = f"Value #{each.target}" if len(panel["targets"]) > 1 else "Value"
        row[organise["renameByName"].get(field, field)] = each.values[-1]
    order = [organise["renameByName"].get(name, name)
             for name, _ in sorted(organise["indexByName"].items(), key=lambda pair: pair[1])]
    return order, list(rows.values())


def overrides(panel, identifier):
    """Column -> what is set for it."""
    return {each["matcher"]["options"]: one["value"]
            for each in panel["fieldConfig"]["overrides"] for one in each["properties"]
            if one["id"] == identifier}


def table(frame, panel, data, _):
    """Rows of text."""
    columns, rows = merged(panel, data)
    hidden = overrides(panel, "custom.hidden")
    columns = [name for name in columns if not hidden.get(name)]
    column_units, limits = overrides(panel, "unit"), overrides(panel, "thresholds")
    for sort in panel["options"]["sortBy"]:
        rows.sort(key=lambda row: row.get(sort["displayName"], 0), reverse=sort["desc"])
    axes = frame.axes(left=6, right=6, bottom=6, top=24)
    axes.set_axis_off()
    fit = int((frame.height - 52) / 21)
    for column, name in enumerate(columns):
        x = 10 + column * (frame.width - 20) / len(columns)
        frame.write(x, frame.height - 34, name, size=8, weight="bold", colour="#3274d9")
        for line, row in enumerate(rows[:fit]):
            value = row.get(name, "")
            tint = step_colour(value, limits[name]) if name in limits and value != "" else TEXT
            shown = value if isinstance(value, str) else units.text(value, column_units.get(name))
            frame.write(x, frame.height - 56 - line * 21, shown, size=8, colour=tint)
    return axes


def marks(axes, found):
    """Annotations: dotted lines in their colour."""
    for time, name in found:
        axes.axvline(time, color=colour(name), linestyle=":", linewidth=1.1)


KINDS = {"timeseries": timeseries, "stat": stat, "heatmap": heatmap, "table": table,
         "state-timeline": state_timeline}
