"""What the panels of a dashboard show: their queries, asked of a Prometheus."""
import dataclasses
import json
import math
import re
import urllib.parse
import urllib.request


@dataclasses.dataclass
class Series:
    """One series of a panel: its legend, its labels, and its points."""
    name: str
    labels: dict
    times: list
    values: list
    target: str

    def finite(self):
        """The values that are numbers."""
        return [value for value in self.values if math.isfinite(value)]


def seconds(text):
    """'5s', '1m', '1d' in seconds."""
    return int(text[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}[text[-1]]


class Source:
    """A Prometheus, and a span of time in it."""

    def __init__(self, url, start, end, scrape=5, points=240):
        self.url, self.start, self.end = url, start, end
        self.scrape, self.points = scrape, points

    def get(self, path, **query):
        """The data of one answer of its API."""
        address = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(address, timeout=30) as answer:
            return json.load(answer)["data"]

    def label_values(self, query):
        """What a variable's query gives: `label_values(selector, label)`."""
        selector, label = re.fullmatch(r"label_values\((.+), (\w+)\)", query).groups()
        found = self.get("series", **{"match[]": selector, "start": self.start, "end": self.end})
        return sorted({each[label] for each in found if label in each})

    def span(self, panel):
        """(start, end, step) of a panel, whole steps as Grafana asks for them."""
        start = self.end - seconds(panel["timeFrom"]) if panel.get("timeFrom") else self.start
        step = max((self.end - start) / self.points, self.scrape)
        if panel.get("interval"):
            step = max(step, min(seconds(panel["interval"]), (self.end - start) / 4))
        step = max(1, round(step))
        return start // step * step, self.end // step * step, step

    def expression(self, text, chosen, step):
        """An expression with Grafana's variables put in. `chosen`: variable -> value or values."""
        window = max(step + self.scrape, 4 * self.scrape)
        text = text.replace("$__rate_interval", f"{window}s")
        text = text.replace("$__range", f"{round(self.end - self.start)}s")

        def value(match):
            words = chosen.get(match[1], ".+")
            # Twice escaped, as Grafana does: for the regular expression, and for PromQL's string.
            return words if isinstance(words, str) else "|".join(
                re.sub(r"([\\^$*+?.()|\[\]{}])", r"\\\\\1", word) for word in words)

        return re.sub(r"\$([a-z]+)", value, text)

    def ask(self, panel, target, chosen):
        """The series of one query; one point each for an instant query."""
        start, end, step = self.span(panel)
        text = self.expression(target["expr"], chosen, step)
        if target["instant"]:
            found = self.get("query", query=text, time=self.end)["result"]
            points = [[each["value"]] for each in found]
        else:
            found = self.get("query_range", query=text, start=start, end=end, step=step)["result"]
            points = [each["values"] for each in found]
        return [Series(legend(target["legendFormat"], each["metric"]), each["metric"],
                       [float(time) for time, _ in values], [float(value) for _, value in values],
                       target["refId"]) for each, values in zip(found, points)]

    def data(self, panel, chosen):
        """All series of a panel that have a finite value."""
        return [series for target in panel["targets"] for series in self.ask(panel, target, chosen)
                if series.finite()]

    def marks(self, dashboard, chosen):
        """(time, colour) of the beginnings of a dashboard's annotations."""
        found = []
        for each in dashboard["annotations"]["list"]:
            start, end, step = self.span({})
            text = self.expression(each["expr"], chosen, step)
            for series in self.get("query_range", query=text, start=start, end=end,
                                   step=step)["result"]:
                times = [float(time) for time, _ in series["values"]]
                found += [(time, each["iconColor"]) for index, time in enumerate(times)
                          if not index or time - times[index - 1] > 1.5 * step]
        return found


def legend(form, labels):
    """A legend with the labels put in."""
    if not form:
        return " ".join(f"{key}={value}" for key, value in labels.items())
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda match: labels.get(match[1], ""), form)
