# SPDX-License-Identifier: Apache-2.0
"""The alerts of etc/prometheus: judged and tested by promtool, and each with its section in the guide."""

import copy
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from irqaffinity.cli.arguments import make_parser
from irqaffinity.model.verdict import FAILED, Status
from tests.artefacts import TREE
from tests.fakes.scene import GUEST, VF0
from tests.functional.prometheus import RULES, alerting_rules
from tests.project import PROJECT

TESTS = Path(__file__).with_name("irqaffinity.rules.test.yaml")
DOCUMENT: dict[str, Any] = yaml.safe_load(RULES.read_text())
ALERTS = alerting_rules(DOCUMENT)
FLEET = {"IrqaffinityNoAgents"}
"""Alerts of no host."""


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["promtool", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )


def test_promtool_takes_the_rules() -> None:
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", RULES)
    assert done.returncode == 0, done.stdout
    assert f"SUCCESS: {sum(len(group['rules']) for group in DOCUMENT['groups'])} rules found" in done.stdout


def test_the_rules_pass_their_tests() -> None:
    done = promtool("test", "rules", TESTS)
    assert done.returncode == 0, done.stdout


def test_each_alert_is_tested_while_it_fires_and_while_it_does_not() -> None:
    times: dict[str, set[bool]] = {}
    for group in yaml.safe_load(TESTS.read_text())["tests"]:
        for each in group["alert_rule_test"]:
            times.setdefault(each["alertname"], set()).add(bool(each["exp_alerts"]))
    assert times == {name: {True, False} for name in ALERTS}


@pytest.mark.parametrize(
    ("change", "seen_by"),
    [
        ({"expr": "vector(1) == 0"}, set(ALERTS)),
        ({"expr": "vector(1)"}, set(ALERTS)),
        ({"for": "0s"}, {name for name, rule in ALERTS.items() if "for" in rule}),
    ],
    ids=["never", "always", "at once"],
)
def test_a_broken_alert_fails_its_tests(tmp_path: Path, change: dict[str, str], seen_by: set[str]) -> None:
    broken = copy.deepcopy(DOCUMENT)
    for rule in alerting_rules(broken).values():
        rule.update(change)
    (tmp_path / RULES.name).write_text(yaml.safe_dump(broken))
    tests = yaml.safe_load(TESTS.read_text()) | {"rule_files": [RULES.name]}
    (tmp_path / TESTS.name).write_text(yaml.safe_dump(tests))
    done = promtool("test", "rules", tmp_path / TESTS.name)
    assert set(re.findall(r"alertname: (\w+)", done.stdout)) == seen_by


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_names_the_host_how_bad_it_is_and_where_to_read_on(name: str) -> None:
    labels, annotations = ALERTS[name]["labels"], ALERTS[name]["annotations"]
    assert labels["severity"] in {"critical", "warning"}
    assert set(annotations) == {"summary", "description", "runbook_url"}
    assert annotations["summary"].startswith("{{ $labels.instance }}: ") != (name in FLEET)
    page = PROJECT["urls"]["Documentation"].replace("index.rst", "monitor.rst")
    assert annotations["runbook_url"] == f"{page}#{name.lower()}"


def test_the_guide_has_a_section_for_each_alert_and_none_besides() -> None:
    """Its title is the alert's name: docutils and repository hosts make the same anchor of it."""
    sections = re.findall(r"(?m)^(Irqaffinity\w+)\n-+$", (TREE / "doc/monitor.rst").read_text())
    assert sections == list(ALERTS)


@pytest.mark.parametrize("name", ALERTS)
def test_its_section_begins_with_how_bad_it_is_and_when_it_fires(name: str) -> None:
    rule = ALERTS[name]
    when = f"after {rule['for'].removesuffix('m')} minutes" if "for" in rule else "at once, for an hour"
    section = re.split(rf"(?m)^{name}\n-+\n\n", (TREE / "doc/monitor.rst").read_text())[1]
    assert section.startswith(f"*{rule['labels']['severity'].capitalize()}, {when}.*")


def test_the_words_of_the_alerts_are_those_of_the_program() -> None:
    errors = "|".join(status.value for status in Status if status.is_error)
    assert f'status=~"{errors}"' in ALERTS["IrqaffinityGuestInError"]["expr"]
    asked = "".join(ALERTS[name]["expr"] for name in ("IrqaffinityNoVector", "IrqaffinityWriteFailing"))
    verdicts = re.findall(r'verdict=~?"([\w|]+)"', asked)
    assert set("|".join(verdicts).split("|")) == {verdict.value for verdict in FAILED}


def commands() -> list[str]:
    """Return each command that the guide's page and the alerts tell to type."""
    page = re.findall(r"(?m)(?:``|^    )(irqaffinity [^`\n]+)", (TREE / "doc/monitor.rst").read_text())
    told = " ".join(rule["annotations"]["description"] for rule in ALERTS.values())
    return sorted({*page, *re.findall(r'"(irqaffinity [^"]+)"', told)})


@pytest.mark.parametrize("command", commands())
def test_a_command_that_is_to_be_typed_is_one_of_the_program(command: str) -> None:
    for name, example in (("UUID", GUEST), ("ADDRESS", VF0), ("TARGET", VF0), ("SPEC", "0-3"), ("N", "4")):
        command = re.sub(rf"\b{name}\b", example, command)
    make_parser().parse_args(shlex.split(command)[1:])
