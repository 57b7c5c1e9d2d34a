"""The dashboards as files: generated, read by Grafana's own models, free of what the lint finds; and
everything in the catalogue of metrics is drawn somewhere."""
import json
import re

import pytest
import yaml
from grafana_foundation_sdk.cog import encoder, plugins
from grafana_foundation_sdk.models import dashboard as models

import dashboard_stack
from grafana import catalogue, generate, lint, promql

REPOSITORY = catalogue.REPOSITORY
FAMILIES = catalogue.families()
DOCUMENTS = {path.stem: json.loads(path.read_text(encoding="utf-8"))
             for path in sorted(generate.DIRECTORY.glob("*.json"))}
RULES = sorted((REPOSITORY / "prometheus/rules").glob("*.yml"))
# What Grafana's Prometheus data source reads of an annotation; its models know no data source.
OF_THE_DATA_SOURCE = {"titleFormat", "textFormat", "tagKeys", "useValueForTime"}


def expressions():
    """Every expression of a panel, and of an alert."""
    for document in DOCUMENTS.values():
        for _, expression, _, _ in lint.queries(document):
            yield expression
    for path in RULES:
        for group in yaml.safe_load(path.read_text())["groups"]:
            yield from (rule["expr"] for rule in group["rules"] if "alert" in rule)


def test_there_are_seven():
    """The set is what the documentation says."""
    assert set(DOCUMENTS) == {f"meliproxy-{name}" for name in (
        "overview", "slo", "routes", "cache", "upstream", "edge", "instances")}


def test_files_are_what_the_generator_writes():
    """Nobody edits the JSON."""
    for path, text in generate.files().items():
        assert path.read_text(encoding="utf-8") == text, f"{path}: make dashboards"
    assert set(generate.DIRECTORY.glob("*.json")) == set(generate.files())
    assert generate.main(["--check"]) == 0


def lost(before, after, path=""):
    """What is in `before` and not, or otherwise, in `after`."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            if key not in after:
                yield f"{path}.{key}"
            else:
                yield from lost(value, after[key], f"{path}.{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for one, other in zip(before, after):
            yield from lost(one, other, f"{path}[]")
    elif before != after:
        yield f"{path}: {before!r} became {after!r}"


def round_trip(document):
    """What Grafana's models do not take over."""
    plugins.register_default_plugins()
    model = models.Dashboard.from_json(document)
    return list(lost(document, json.loads(encoder.JSONEncoder(sort_keys=True).encode(model))))


@pytest.mark.parametrize("uid", DOCUMENTS)
def test_models_of_grafana_know_every_key(uid):
    """Read by the SDK's models of Grafana 11.6 and written again, nothing is missing."""
    found = [each for each in round_trip(DOCUMENTS[uid])
             if each.removeprefix(".annotations.list[].") not in OF_THE_DATA_SOURCE]
    assert not found


def test_round_trip_finds_a_misspelt_key():
    """The check above can fail."""
    document = json.loads(json.dumps(DOCUMENTS["meliproxy-slo"]))
    document["panels"][1]["fieldConfig"]["defaults"]["unitt"] = "s"
    document["panels"][1]["options"]["graphMod"] = "area"
    found = set(round_trip(document)) - set(round_trip(DOCUMENTS["meliproxy-slo"]))
    assert found == {".panels[].options.graphMod", ".panels[].fieldConfig.defaults.unitt"}


def test_lint():
    """No rule is broken."""
    assert lint.problems(DOCUMENTS, FAMILIES) == []


def test_every_family_is_used_or_for_debugging():
    """What is exported is looked at, and what is for debugging only is not drawn."""
    used = set()
    for expression in expressions():
        used |= promql.used(promql.parse(expression), FAMILIES)
    exported = set(catalogue.documented())
    assert exported - used - catalogue.DEBUG_ONLY == set()
    assert catalogue.DEBUG_ONLY <= exported
    drawn = {name for document in DOCUMENTS.values()
             for _, expression, _, _ in lint.queries(document)
             for name in promql.used(promql.parse(expression), FAMILIES)}
    assert not drawn & catalogue.DEBUG_ONLY, "drawn: take it off DEBUG_ONLY"
    assert set(catalogue.FOREIGN) - used - drawn == set(), "listed and not used"


def test_recorded_series_are_recorded():
    """What the SLO dashboard reads is written by a rule."""
    recorded = {rule["record"] for path in RULES
                for group in yaml.safe_load(path.read_text())["groups"]
                for rule in group["rules"] if "record" in rule}
    assert set(catalogue.RECORDED) - recorded == set()


def test_names_at_haproxy():
    """The proxies whose names the dashboards match are in HAProxy's configuration."""
    path = REPOSITORY / "haproxy/haproxy.cfg"
    text = path.read_text() if path.exists() else dashboard_stack.HAPROXY
    sections = set(re.findall(r"^(?:frontend|backend|listen) (\w+)", text, re.MULTILINE))
    matched = {name for expression in expressions()
               for name in re.findall(r'proxy="(\w+)"', expression)}
    assert matched == {"proxy_in", "proxies", "redis_master"} and matched <= sections


# --- provisioning ---------------------------------------------------------------------------------

# The keys that Grafana reads (its documentation of provisioning), so far as they make sense here.
DATASOURCE_KEYS = {"name", "uid", "type", "access", "url", "isDefault", "editable", "jsonData",
                   "orgId", "version", "basicAuth", "basicAuthUser", "secureJsonData",
                   "withCredentials"}
JSON_DATA_KEYS = {"httpMethod", "timeInterval", "exemplarTraceIdDestinations", "queryTimeout",
                  "prometheusType", "prometheusVersion", "cacheLevel", "incrementalQuerying",
                  "manageAlerts", "disableRecordingRules", "tlsSkipVerify", "customQueryParameters"}
PROVIDER_KEYS = {"name", "orgId", "folder", "folderUid", "type", "disableDeletion",
                 "allowUiUpdates", "updateIntervalSeconds", "options"}


def unknown_keys(datasources, providers):
    """Keys that Grafana would pass over without a word."""
    for each in datasources["datasources"]:
        yield from set(each) - DATASOURCE_KEYS
        yield from set(each["jsonData"]) - JSON_DATA_KEYS
    for each in providers["providers"]:
        yield from set(each) - PROVIDER_KEYS
        yield from set(each["options"]) - {"path", "foldersFromFilesStructure"}
    for each in (datasources, providers):
        yield from set(each) - {"apiVersion", "datasources", "deleteDatasources", "prune",
                                "providers"}


def provisioning():
    """Both files."""
    place = REPOSITORY / "grafana/provisioning"
    return [yaml.safe_load((place / name).read_text())
            for name in ("datasources/prometheus.yml", "dashboards/meliproxy.yml")]


def test_provisioning():
    """No key that Grafana does not know; one default; the interval is that of the scrapes."""
    datasources, providers = provisioning()
    assert list(unknown_keys(datasources, providers)) == []
    (source,) = datasources["datasources"]
    assert source["isDefault"] is True and source["type"] == "prometheus"
    scrapes = REPOSITORY / "prometheus/prometheus.yml"
    interval = yaml.safe_load(scrapes.read_text())["global"]["scrape_interval"] \
        if scrapes.exists() else "5s"
    assert source["jsonData"]["timeInterval"] == interval
    (provider,) = providers["providers"]
    assert provider["allowUiUpdates"] is False


def test_misspelt_provisioning_is_found():
    """The key of the old configuration, which Grafana never read."""
    datasources, providers = provisioning()
    datasources["datasources"][0]["is_default"] = True
    providers["providers"][0]["disable_deletion"] = True
    assert set(unknown_keys(datasources, providers)) == {"is_default", "disable_deletion"}


# --- documentation --------------------------------------------------------------------------------

PAGES = (REPOSITORY / "docs/dashboards.md", REPOSITORY / "docs/parity-dashboards.md")
TITLES = {panel["title"] for document in DOCUMENTS.values() for panel in document["panels"]}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_panels_in_the_documentation_exist(page):
    """A title in “quotes” is that of a panel or a row; a metric in `backquotes` is exported."""
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(r"“([^”]+)”", text))
    assert named and named - TITLES == set()
    if "/api/v1/top" in (REPOSITORY / "docs/admin.md").read_text(encoding="utf-8"):
        assert "not there yet" not in text, "GET /api/v1/top is there"
    for name in re.findall(r"`((?:meliproxy|process)_\w+)`", text):
        assert promql.base(name, FAMILIES), name


def test_every_dashboard_is_described_with_its_picture():
    """Each has its question and its picture, and no picture is left over."""
    text = PAGES[0].read_text(encoding="utf-8")
    pictures = {path.name for path in (REPOSITORY / "docs/images").glob("dashboard-*.png")}
    for uid, document in DOCUMENTS.items():
        name = uid.removeprefix("meliproxy-")
        assert f"images/dashboard-{name}.png" in text, uid
        assert document["title"].split(" / ")[1] in text, uid
    assert {name for name in pictures if name not in text} == set()
    for path in (REPOSITORY / "docs/images").glob("dashboard-*.png"):
        assert path.stat().st_size < 300_000, f"{path.name} is too large"
