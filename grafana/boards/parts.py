"""Dashboards and panels as plain dictionaries, in the form of Grafana's schema 39."""
from grafana.boards.queries import hour_of_day

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH = 24
ROW_HEIGHT = 1

GREEN, YELLOW, ORANGE, RED, BLUE = "green", "yellow", "orange", "red", "blue"
PURPLE, GREY = "purple", "#8e8e8e"

# The states of a breaker, as `queries.breaker` counts them.
BREAKER = [(0, "closed", GREEN), (0.5, "ramp", BLUE), (1, "half open", YELLOW), (2, "open", RED)]

# One colour for one word, on every dashboard.
WORD_COLOURS = {
    "2xx": GREEN, "3xx": BLUE, "4xx": YELLOW, "5xx": RED, "429": ORANGE,
    "hit": GREEN, "stale": YELLOW, "miss": BLUE, "bypass": PURPLE, "none": GREY,
    "stale-served": YELLOW, "collapsed": "#56a64b", "proxy": ORANGE, "upstream": RED,
    "now": GREEN, "a week ago": GREY, "p50": GREEN, "p90": YELLOW, "p99": RED,
}


class Board:
    """One dashboard: rows and panels, laid out from left to right in the order they are added."""

    def __init__(self, slug, title, description, variables):
        self.slug, self.title, self.description = slug, title, description
        self.variables = variables
        self.panels = []
        self._x = self._y = self._height = 0

    def row(self, title, repeat=None):
        """Begins a row; with `repeat`, once for every value of that variable."""
        self._next_line()
        row = {"type": "row", "title": title, "collapsed": False, "panels": [],
               "datasource": DATASOURCE}
        if repeat:
            row["repeat"] = repeat
        self._place(row, WIDTH, ROW_HEIGHT)
        return self

    def add(self, panel, width, height=8):
        """Puts a panel right of the last one, or on the next line when it does not fit."""
        if self._x + width > WIDTH:
            self._next_line()
        self._place(panel, width, height)
        return self

    def _place(self, panel, width, height):
        panel["id"] = len(self.panels) + 1
        panel["gridPos"] = {"x": self._x, "y": self._y, "w": width, "h": height}
        self.panels.append(panel)
        self._x += width
        self._height = max(self._height, height)

    def _next_line(self):
        self._y += self._height
        self._x = self._height = 0

    def json(self, annotations):
        """The dashboard as Grafana reads it."""
        return {
            "uid": f"meliproxy-{self.slug}",
            "title": self.title,
            "description": self.description,
            "tags": ["meliproxy"],
            "schemaVersion": 39,
            "version": 1,
            "editable": False,
            "timezone": "browser",
            "graphTooltip": 1,
            "fiscalYearStartMonth": 0,
            "refresh": "30s",
            "time": {"from": "now-1h", "to": "now"},
            "templating": {"list": self.variables},
            "annotations": {"list": annotations},
            "links": [{
                "title": "meliproxy", "type": "dashboards", "tags": ["meliproxy"], "icon": "",
                "tooltip": "The other dashboards, with the same time range and variables",
                "asDropdown": True, "includeVars": True, "keepTime": True, "targetBlank": False,
            }],
            "panels": self.panels,
        }


def target(expression, legend="", instant=False, table=False, heatmap=False, exemplar=False):
    """One query; its refId is given by the panel."""
    return {
        "datasource": DATASOURCE, "expr": expression, "editorMode": "code",
        "legendFormat": legend, "instant": instant, "range": not instant,
        "format": "table" if table else "heatmap" if heatmap else "time_series",
        "exemplar": exemplar,
    }


def lettered(targets):
    """The queries with refIds A, B, … Z, AA, AB, …"""
    for index, each in enumerate(targets):
        high, low = divmod(index, 26)
        each["refId"] = ("" if not high else chr(64 + high)) + chr(65 + low)
    return targets


def steps(*pairs, base=GREEN):
    """Thresholds: `base` below the first value, then a colour from each value on."""
    return {"mode": "absolute", "steps": [{"color": base, "value": None}]
            + [{"color": colour, "value": value} for value, colour in pairs]}


def by_name(name, identifier, value):
    """An override of one property of the field with this name."""
    return {"matcher": {"id": "byName", "options": name},
            "properties": [{"id": identifier, "value": value}]}


def fixed(name, colour):
    """A fixed colour for the series of that name."""
    return by_name(name, "color", {"mode": "fixed", "fixedColor": colour})


def link(title, uid, **variables):
    """A data link to another dashboard: same time, datasource, job, instance; and the labels of
    the series that was clicked, as `variable="label"`. In a table labels are fields of the row."""
    query = [f"var-{name}=${{__field.labels.{label}}}" for name, label in variables.items()]
    query += ["${datasource:queryparam}", "${job:queryparam}", "${instance:queryparam}",
              "${__url_time_range}"]
    return {"title": title, "url": f"/d/meliproxy-{uid}?" + "&".join(query), "targetBlank": False}


def panel(kind, title, description, targets, unit, options, custom=None, overrides=(), links=(),
          thresholds=None, minimum=0, maximum=None, decimals=None, mappings=(), colour=None,
          **more):
    """What all kinds have in common."""
    defaults = {"unit": unit, "thresholds": thresholds or steps(), "mappings": list(mappings),
                "color": colour or {"mode": "palette-classic"}, "custom": custom or {}}
    if minimum is not None:
        defaults["min"] = minimum
    if maximum is not None:
        defaults["max"] = maximum
    if decimals is not None:
        defaults["decimals"] = decimals
    if links:
        defaults["links"] = list(links)
    return {"type": kind, "title": title, "description": description, "datasource": DATASOURCE,
            "targets": lettered(list(targets)), "options": options,
            "fieldConfig": {"defaults": defaults, "overrides": list(overrides)}, **more}


def series(title, description, targets, unit, stack=False, log=False, lines=None, colours=(),
           **more):
    """Lines over time. `lines`: thresholds drawn as dashed lines. `colours`: words of
    WORD_COLOURS that occur in the legend."""
    custom = {
        "drawStyle": "line", "lineWidth": 1, "fillOpacity": 30 if stack else 8,
        "lineInterpolation": "linear", "showPoints": "never", "spanNulls": False,
        "axisPlacement": "auto", "stacking": {"mode": "normal" if stack else "none", "group": "A"},
        "scaleDistribution": {"type": "log", "log": 10} if log else {"type": "linear"},
        "thresholdsStyle": {"mode": "dashed" if lines else "off"},
    }
    options = {"legend": {"showLegend": True, "displayMode": "table", "placement": "bottom",
                          "calcs": ["mean", "lastNotNull"]},
               "tooltip": {"mode": "multi", "sort": "desc"}}
    overrides = [fixed(word, WORD_COLOURS[word]) for word in colours]
    overrides += more.pop("overrides", [])
    if log:
        more.setdefault("minimum", None)
    return panel("timeseries", title, description, targets, unit, options, custom,
                 overrides, thresholds=lines, **more)


def number(title, description, expression, unit, thresholds, spark=True, **more):
    """One number, coloured by its thresholds; asked for once unless its course is shown."""
    options = {"graphMode": "area" if spark else "none", "colorMode": "value", "textMode": "auto",
               "justifyMode": "auto", "orientation": "auto", "wideLayout": True,
               "showPercentChange": False, "percentChangeColorMode": "standard",
               "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}
    return panel("stat", title, description, [target(expression, instant=not spark)], unit,
                 options, thresholds=thresholds, colour={"mode": "thresholds"}, **more)


def heatmap(title, description, targets, unit, scheme="Spectral", **more):
    """Buckets over time, darker where there is more."""
    options = {
        "calculate": False, "cellGap": 1, "yAxis": {"axisPlacement": "left", "unit": unit},
        "rowsFrame": {"layout": "auto"}, "showValue": "never",
        "color": {"mode": "scheme", "scheme": scheme, "steps": 64, "exponent": 0.5,
                  "fill": "dark-orange", "reverse": False},
        "cellValues": {"unit": "short"}, "legend": {"show": True},
        "tooltip": {"mode": "single", "yHistogram": False}, "exemplars": {"color": "red"},
        "filterValues": {"le": 1e-09},
    }
    return panel("heatmap", title, description, targets, unit, options,
                 {"scaleDistribution": {"type": "linear"}}, minimum=None, **more)


def hours(title, more=""):
    """Requests by day and hour of the day."""
    return heatmap(
        title, "One column for each of the last seven days, one line for each hour (UTC), named by "
        "its end.", [target(hour_of_day(hour, more), f"{hour:02}:00") for hour in range(24)],
        "short", scheme="Blues", timeFrom="7d", interval="1d")


def states(title, description, targets, words, **more):
    """Which state each series was in, over time. `words`: [(value, word, colour)], ascending; each
    holds up to the next one's value."""
    ends = [value - 0.001 for value, _, _ in words[1:]] + [None]
    mappings = [{"type": "range", "options": {
        "from": value, "to": end, "result": {"text": word, "color": colour, "index": index}}}
        for index, ((value, word, colour), end) in enumerate(zip(words, ends))]
    thresholds = steps(*[(value, colour) for value, _, colour in words[1:]], base=words[0][2])
    options = {"mergeValues": True, "showValue": "auto", "alignValue": "left", "rowHeight": 0.8,
               "legend": {"showLegend": True, "displayMode": "list", "placement": "bottom",
                          "calcs": []},
               "tooltip": {"mode": "single", "sort": "none"}, "perPage": 20}
    return panel("state-timeline", title, description, targets, "short", options,
                 {"lineWidth": 0, "fillOpacity": 80}, thresholds=thresholds, mappings=mappings,
                 colour={"mode": "thresholds"}, **more)


def table(title, description, columns, keys, unit="short", sort=None, **more):
    """One row for each set of `keys`. `columns`: [(name, unit, expression)], or
    [(name, unit, expression, cell links)]; an expression's value is its column."""
    targets = [target(column[2], instant=True, table=True) for column in columns]
    lettered(targets)
    single = len(columns) == 1
    names = {f"Value #{each['refId']}": column[0] for each, column in zip(targets, columns)}
    if single:
        names = {"Value": columns[0][0]}
    overrides = [by_name(column[0], "unit", column[1]) for column in columns]
    order = {name: index for index, name in enumerate([*keys, *names])}
    for each in more.get("links", ()):
        each["url"] = each["url"].replace("__field.labels.", "__data.fields.")
    transformations = [] if single else [{"id": "merge", "options": {}}]
    transformations.append({"id": "organize", "options": {
        "excludeByName": {"Time": True, **{label: True for label in more.pop("hidden", ())}},
        "indexByName": order, "renameByName": names}})
    options = {"showHeader": True, "cellHeight": "sm", "frameIndex": 0, "showTypeIcons": False,
               "footer": {"show": False, "reducer": ["sum"], "countRows": False, "fields": ""},
               "sortBy": [{"displayName": sort, "desc": True}] if sort else []}
    return panel("table", title, description, targets, unit, options,
                 {"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False},
                 overrides + more.pop("overrides", []), minimum=None, decimals=2,
                 transformations=transformations, **more)
