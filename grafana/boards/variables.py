"""The variables and annotations that every dashboard has."""
from grafana.boards.parts import DATASOURCE
from grafana.boards.queries import pick

ALL = {"selected": True, "text": ["All"], "value": ["$__all"]}


def choice(name, label, query, hidden):
    """A variable of several values, all of them at first, asked for again with each time range.
    All jobs are those that the variable lists, not any job: process_ and scrape_ metrics are
    everybody's, Prometheus' own and HAProxy's too."""
    more = {} if name == "job" else {"allValue": ".+"}
    return {
        **more,
        "name": name, "label": label, "type": "query", "datasource": DATASOURCE,
        "query": {"query": query, "refId": f"variable-{name}"},
        "multi": True, "includeAll": True, "current": ALL, "refresh": 2,
        "sort": 1, "regex": "", "hide": 2 if hidden else 0, "skipUrlSync": False, "options": [],
    }


QUERIES = {
    "job": ("Job", "label_values(meliproxy_build_info, job)"),
    "instance": ("Instance", 'label_values(meliproxy_build_info{job=~"$job"}, instance)'),
    "route": ("Route", f"label_values({pick('http_requests_total')}, route)"),
    "upstream": ("Upstream",
                 f"label_values({pick('upstream_request_duration_seconds_count')}, upstream)"),
    "edge": ("HAProxy",
             'label_values(haproxy_process_start_time_seconds{job="haproxy"}, instance)'),
    "redis": ("Redis", 'label_values(redis_up{job="redis"}, instance)'),
}


def variables(used=(), extra=()):
    """All dashboards have the same five, so that a link takes them along; one that a dashboard
    does not use is hidden. `extra`: more, of this dashboard alone."""
    source = {"name": "datasource", "label": "Data source", "type": "datasource",
              "query": "prometheus", "current": {"selected": True, "text": "default",
                                                 "value": "default"},
              "refresh": 1, "regex": "", "hide": 0, "multi": False, "includeAll": False,
              "skipUrlSync": False, "options": []}
    names = ["job", "instance", "route", "upstream", *extra]
    shown = {"job", "instance", *used, *extra}
    return [source] + [choice(name, *QUERIES[name], hidden=name not in shown) for name in names]


def annotation(name, expression, colour, title, text, tags="", enabled=True):
    """Marks on the time axis wherever the expression has a value."""
    return {"name": name, "enable": enabled, "hide": False, "iconColor": colour,
            "datasource": DATASOURCE, "expr": expression, "titleFormat": title,
            "textFormat": text, "tagKeys": tags, "useValueForTime": False}


def annotations():
    """What explains a change in a graph: restarts, versions, alerts, a new Redis master."""
    build = f"count by (job, version, revision) ({pick('build_info')}"
    return [
        annotation("Restarts", f"changes({pick('process_start_time_seconds')}[$__rate_interval]) > 0",
                   "orange", "Restart", "{{instance}} started again", "instance"),
        annotation("Versions", f"{build}) unless {build} offset 5m)",
                   "blue", "Version", "{{version}} ({{revision}}) runs", "version"),
        annotation("Alerts", 'ALERTS{service="meliproxy",alertstate="firing"}',
                   "red", "{{alertname}}", "{{severity}}", "alertname"),
        annotation("Redis master",
                   f"changes({pick('redis_master_last_switch_timestamp_seconds')}"
                   "[$__rate_interval]) > 0",
                   "purple", "Redis master", "{{instance}} follows a new master", "instance"),
    ]
