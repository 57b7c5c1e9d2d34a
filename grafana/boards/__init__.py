"""The seven dashboards."""
from grafana.boards import cache, edge, instances, overview, routes, slo, upstream
from grafana.boards.variables import annotations

BOARDS = (overview, slo, routes, cache, upstream, edge, instances)


def dashboards():
    """uid -> the dashboard as Grafana reads it."""
    made = [module.board().json(annotations()) for module in BOARDS]
    return {each["uid"]: each for each in made}
