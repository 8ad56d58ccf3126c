# SPDX-License-Identifier: Apache-2.0
"""The dashboard of etc/grafana, as a document: what Grafana would take, and show without gaps."""

import itertools
import json
import re
from typing import Any

import pytest

from irqaffinity.model.verdict import FAILED, Status
from tests.artefacts import TREE
from tests.functional.prometheus import DASHBOARD, queries
from tests.project import PROJECT

DOCUMENT: dict[str, Any] = json.loads(DASHBOARD.read_text())
PANELS: list[dict[str, Any]] = DOCUMENT["panels"]
SHOWN = [panel for panel in PANELS if panel["type"] != "row"]
VARIABLES = {variable["name"]: variable for variable in DOCUMENT["templating"]["list"]}

WIDTH = 24
"""Columns of Grafana's grid."""

UNITS = {"none", "short", "s", "bytes", "percentunit", "cps", "ops", "wps"}
"""Those of Grafana's that are used."""

KINDS = {"row", "stat", "timeseries", "table", "heatmap", "state-timeline"}
"""Panels that Grafana has brought along since version 9."""


def texts(value: Any) -> list[str]:
    """Return each string of a document."""
    if isinstance(value, dict | list):
        return [text for part in (value.values() if isinstance(value, dict) else value) for text in texts(part)]
    return [value] if isinstance(value, str) else []


def test_grafana_9_and_newer_knows_its_form() -> None:
    assert DOCUMENT["schemaVersion"] == 37, "that of Grafana 9.2; newer ones bring older documents up to date"
    assert {panel["type"] for panel in PANELS} == KINDS
    assert (DOCUMENT["uid"], DOCUMENT["title"]) == ("irqaffinity", "irqaffinity")
    assert "id" not in DOCUMENT, "the number of one installation"
    assert "__inputs" not in DOCUMENT, "only an import by hand asks for these"


def test_each_panel_has_a_number_of_its_own_a_title_and_an_explanation() -> None:
    numbers = [panel["id"] for panel in PANELS]
    assert len(set(numbers)) == len(numbers)
    assert [panel["id"] for panel in PANELS if not panel["title"]] == []
    assert [panel["title"] for panel in SHOWN if not panel["description"].endswith(".")] == []
    for panel in SHOWN:
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references) > 0


def test_panels_fill_the_grid_and_do_not_overlap() -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in PANELS:
        place = panel["gridPos"]
        for cell in itertools.product(
            range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
        ):
            assert taken.setdefault(cell, panel["title"]) == panel["title"]
    lowest = max(line for _, line in taken)
    assert set(taken) == set(itertools.product(range(WIDTH), range(lowest + 1)))


def test_every_number_has_a_unit() -> None:
    assert {panel["fieldConfig"]["defaults"]["unit"] for panel in SHOWN} == UNITS


def test_the_prometheus_is_chosen_at_the_top() -> None:
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    assert VARIABLES["datasource"]["type"] == "datasource"
    assert VARIABLES["datasource"]["query"] == "prometheus"
    asking = [*SHOWN, *(target for panel in SHOWN for target in panel["targets"])]
    asking += [variable for variable in VARIABLES.values() if variable["type"] == "query"]
    assert [each for each in asking if each["datasource"] != chosen] == []


def test_only_variables_that_there_are_are_named() -> None:
    grafana = {"__all", "__rate_interval", "__value.raw", "__url_time_range", "datasource:queryparam", "job:queryparam"}
    named = {name for text in texts(DOCUMENT) for name in re.findall(r"\$\{?([\w.:]+)", text)}
    assert named - grafana == set(VARIABLES)


@pytest.mark.parametrize("title", [panel["title"] for panel in PANELS if panel["type"] == "row"])
def test_a_row_asks_for_the_fleet_or_for_the_chosen_host_alone(title: str) -> None:
    """Every panel chooses by the variables of its half, or it would show hosts that nobody asked for."""
    start = next(number for number, panel in enumerate(PANELS) if panel["title"] == title)
    inside = itertools.takewhile(lambda panel: panel["type"] != "row", PANELS[start + 1 :])
    asked = [query for panel in inside for query in queries(panel) if not query.startswith(("ALERTS", "count(ALERTS"))]
    of_host = "$instance" in title
    for query in asked:
        chosen = re.findall(r"\{([^}]*)\}", query)
        assert chosen
        assert {'job=~"$job"' in each for each in chosen} == {True}
        assert {'instance="$instance"' in each for each in chosen} == {of_host}


def test_a_host_without_irqbalance_is_no_host_where_it_is_not_told() -> None:
    asked = [query for panel in PANELS for query in queries(panel) if "irqbalance_told" in query]
    assert asked
    for query in asked:
        known = re.search(
            r"irqbalance_told\{[^}]*\}( == bool 0)? and on \(job, instance\) irqaffinity_rival\{[^}]*\}", query
        )
        assert known is not None
        assert 'name="irqbalance"' in known[0]


def test_its_words_are_those_of_the_program() -> None:
    asked = [query for panel in SHOWN for query in queries(panel)]
    words = {name: set(re.findall(rf'\b{name}=~"([\w|]+)"', "".join(asked))) for name in ("status", "verdict")}
    assert words["status"] == {"|".join(status.value for status in Status if status.is_error)}
    (verdicts,) = words["verdict"]
    assert set(verdicts.split("|")) == {verdict.value for verdict in FAILED}


def test_it_leads_to_the_guide() -> None:
    (link,) = DOCUMENT["links"]
    assert link["url"] == PROJECT["urls"]["Documentation"].replace("index.rst", "monitor.rst")
    assert (TREE / "doc/monitor.rst").exists()
