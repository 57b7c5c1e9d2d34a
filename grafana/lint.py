"""The rules of a good dashboard, as far as a program can check them: what is wrong, in words."""
import re
import urllib.parse

from grafana import lint_queries
from grafana.boards.parts import WIDTH

UNITS = {"s", "bytes", "Bps", "reqps", "ops", "percentunit", "percent", "short"}
KINDS = {"row", "timeseries", "stat", "heatmap", "state-timeline", "table"}
SHARED_VARIABLES = {"datasource", "job", "instance", "route", "upstream"}
ANNOTATIONS = {"Restarts", "Versions", "Alerts", "Redis master"}
SOURCE = "${datasource}"


def problems(dashboards, families):
    """Everything that is wrong. `dashboards`: uid -> document."""
    found = []
    for uid, document in dashboards.items():
        for check in (whole, variables, annotations, layout, panels, links):
            found += [f"{uid}: {each}" for each in check(document, dashboards)]
        for where, expression, panel, target in queries(document):
            found += [f"{uid}: {where}: {each}"
                      for each in lint_queries.problems(expression, panel, target, families)]
    return found


def queries(document):
    """(where, expression, panel, target) of every query; the last two are None for a variable's
    and for an annotation's."""
    for panel in document["panels"]:
        for target in panel.get("targets", []):
            yield f"{panel['title']!r} {target['refId']}", target["expr"], panel, target
    for each in document["annotations"]["list"]:
        yield f"annotation {each['name']!r}", each["expr"], None, None
    for each in document["templating"]["list"]:
        if each["type"] == "query":
            selector = re.fullmatch(r"label_values\((.+), \w+\)", each["query"]["query"])
            yield (f"variable {each['name']!r}", selector[1] if selector else "", None, None)


def whole(document, _):
    """The document itself."""
    if not re.fullmatch(r"meliproxy-[a-z]+", document.get("uid", "")):
        yield "uid is not meliproxy-…"
    if document.get("schemaVersion") != 39:
        yield "schemaVersion is not 39"
    if document.get("editable") is not False:
        yield "editable is not false: what is changed in the browser is lost"
    if "meliproxy" not in document.get("tags", []):
        yield "has no tag meliproxy"
    if not document.get("title") or not document.get("description"):
        yield "has no title or no description"
    if not any(each["type"] == "dashboards" and each["includeVars"] and each["keepTime"]
               and each["tags"] == ["meliproxy"] for each in document.get("links", [])):
        yield "has no link to its siblings that keeps time and variables"


def variables(document, _):
    """The variables: the shared five, shown when they are used and hidden when not."""
    listed = {each["name"]: each for each in document["templating"]["list"]}
    if missing := SHARED_VARIABLES - set(listed):
        yield f"has no variable {sorted(missing)}"
    text = " ".join(expression for _, expression, panel, _ in queries(document) if panel)
    for name, each in listed.items():
        if name == "datasource":
            if each["type"] != "datasource" or each["query"] != "prometheus":
                yield "variable datasource is not one of Prometheus"
            continue
        if not (each["multi"] and each["includeAll"]):
            yield f"variable {name}: not multi with all"
        if each.get("allValue") != (None if name == "job" else ".+"):
            yield f"variable {name}: all is {each.get('allValue')}"
        if each["refresh"] != 2:
            yield f"variable {name}: not refreshed when the time range changes"
        if each["datasource"]["uid"] != SOURCE:
            yield f"variable {name}: its data source is fixed"
        is_used = re.search(rf"\${name}\b", text) is not None
        if is_used != (each["hide"] == 0):
            yield f"variable {name}: {'hidden' if is_used else 'shown'}, but " + \
                ("used" if is_used else "not used")
    for name in set(re.findall(r"\$(?!__)([a-z_]+)", text)) - set(listed):
        yield f"uses ${name}, which is no variable"


def annotations(document, _):
    """What is marked on the time axis."""
    listed = {each["name"] for each in document["annotations"]["list"]}
    if listed != ANNOTATIONS:
        yield f"annotations are {sorted(listed)}"
    for each in document["annotations"]["list"]:
        if each["datasource"]["uid"] != SOURCE:
            yield f"annotation {each['name']}: its data source is fixed"


def layout(document, _):
    """Places: nothing outside, nothing on top of something else, ids and titles once."""
    taken, ids, titles = {}, set(), set()
    for panel in document["panels"]:
        place, title = panel["gridPos"], panel["title"]
        if panel["id"] in ids:
            yield f"{title!r}: id {panel['id']} twice"
        if title in titles:
            yield f"{title!r}: title twice"
        ids.add(panel["id"])
        titles.add(title)
        if place["x"] < 0 or place["x"] + place["w"] > WIDTH or place["w"] < 1 or place["h"] < 1:
            yield f"{title!r}: outside the {WIDTH} columns"
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                if other := taken.get((x, y)):
                    yield f"{title!r}: overlaps {other!r}"
                    return
                taken[x, y] = title
    if document["panels"][0]["type"] != "row":
        yield "does not begin with a row"


def panels(document, _):
    """Each panel by itself."""
    for panel in document["panels"]:
        for each in panel_problems(panel):
            yield f"{panel['title']!r}: {each}"


def panel_problems(panel):
    """What is wrong with a panel, but for its queries."""
    if panel["type"] not in KINDS:
        yield f"type {panel['type']} is not one of {sorted(KINDS)}"
        return
    if panel["type"] == "row":
        return
    if len(panel.get("description", "")) < 4 or not panel["description"].endswith("."):
        yield "has no description"
    if panel["datasource"]["uid"] != SOURCE:
        yield "its data source is fixed"
    defaults = panel["fieldConfig"]["defaults"]
    given = [defaults.get("unit")] + [
        each["value"] for override in panel["fieldConfig"]["overrides"]
        for each in override["properties"] if each["id"] == "unit"]
    for unit in given:
        if unit not in UNITS:
            yield f"unit {unit!r} is not one of {sorted(UNITS)}"
    values = [step["value"] for step in defaults["thresholds"]["steps"]]
    if not values or values[0] is not None or values[1:] != sorted(set(values[1:])):
        yield f"thresholds do not ascend from nothing: {values}"
    letters = [each["refId"] for each in panel["targets"]]
    if not letters or len(set(letters)) != len(letters):
        yield "has no query, or two with one refId"
    if any(each["datasource"]["uid"] != SOURCE for each in panel["targets"]):
        yield "a query's data source is fixed"
    legends = [each["legendFormat"] for each in panel["targets"]]
    if panel["type"] not in ("stat", "table") and (
            len(set(legends)) != len(legends) or "" in legends):
        yield f"legends are empty or the same: {legends}"
    is_table = panel["type"] == "table"
    is_instant = is_table or panel["options"].get("graphMode") == "none"
    if any(each["instant"] != is_instant or (each["format"] == "table") != is_table
           for each in panel["targets"]):
        yield "tables and bare numbers ask for instants, everything else for a range"


def links(document, dashboards):
    """Data links lead to a dashboard that is there, and set variables that it has."""
    for panel in document["panels"]:
        for link in panel.get("fieldConfig", {}).get("defaults", {}).get("links", []):
            address = urllib.parse.urlsplit(link["url"])
            goal = dashboards.get(address.path.removeprefix("/d/"))
            if goal is None:
                yield f"{panel['title']!r}: link to {address.path}, which is not there"
                continue
            names = {each["name"] for each in goal["templating"]["list"]}
            for name in re.findall(r"var-(\w+)=", address.query):
                if name not in names:
                    yield f"{panel['title']!r}: link sets {name}, which the goal does not have"
            if "${__url_time_range}" not in address.query:
                yield f"{panel['title']!r}: link forgets the time range"
