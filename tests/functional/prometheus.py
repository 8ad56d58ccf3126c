# SPDX-License-Identifier: Apache-2.0
"""A Prometheus of the test's own: on a free port of loopback, in a temporary folder, and ended by its process id."""

import contextlib
import json
import re
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import yaml

from tests.artefacts import TREE
from tests.functional.agent import wait_for
from tests.functional.rabbitmq import free_ports
from tests.patience import HANG

RULES = TREE / "etc/prometheus/irqaffinity.rules.yaml"
DASHBOARD = TREE / "etc/grafana/irqaffinity.json"
JOB = "irqaffinity"

_PART = re.compile(
    r"""
    "[^"]*"|'[^']*'                                                       # text, as of label_replace
    | \b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)     # labels alone
    | \[[^]]*\]                                                           # a range
    | \b\w+\s*\(                                                          # a function
    | (?P<selector>[a-zA-Z_:][\w:]*(?:\s*\{[^}]*\})?)
    | [\d.]+\w*
    """,
    re.VERBOSE,
)
_WORDS = {"and", "bool", "by", "offset", "on", "or", "unless", "without", "ignoring", "group_left", "group_right"}
_WORDS |= {"avg", "count", "group", "max", "min", "quantile", "sum", "topk"}


def selectors(expression: str) -> set[str]:
    """Return the metrics that an expression asks for, each with its matchers."""
    found = (part["selector"] for part in _PART.finditer(expression))
    return {selector for selector in found if selector is not None and selector not in _WORDS}


def queries(panel: dict[str, Any]) -> list[str]:
    """Return the expressions of a panel of a dashboard."""
    return [target["expr"] for target in panel.get("targets", ())]


def alerting_rules(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the alerts of a file of rules by their names."""
    return {rule["alert"]: rule for group in document["groups"] for rule in group["rules"] if "alert" in rule}


class Prometheus:
    """A server that scrapes one target every second, and evaluates the rules as often."""

    def __init__(self, folder: Path, target: str, rules: str) -> None:
        self._folder = folder
        folder.mkdir()
        (self.port,) = free_ports(1)
        (folder / "irqaffinity.rules.yaml").write_text(rules)
        configuration = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": ["irqaffinity.rules.yaml"],
            "scrape_configs": [{"job_name": JOB, "static_configs": [{"targets": [target]}]}],
        }
        (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and wait until it has evaluated the rules with what it scraped."""
        command = [
            "prometheus",
            f"--config.file={self._folder}/prometheus.yml",
            f"--storage.tsdb.path={self._folder}/data",
            f"--web.listen-address=127.0.0.1:{self.port}",
        ]
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(command, cwd=self._folder, stdout=log, stderr=log)
        wait_for("Prometheus's first samples", self._has_started)

    def stop(self) -> None:
        """End the server, if it still runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def ask(self, path: str, **arguments: str) -> Any:
        """Return what its API answers; fail with what it says of a question that it does not understand.

        Raises OSError while it starts.
        """
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(arguments)}"
        try:
            with urllib.request.urlopen(url, timeout=HANG) as answer:
                document = json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code == HTTPStatus.SERVICE_UNAVAILABLE:
                raise  # it is still starting
            raise AssertionError(f"{arguments}: {error.read().decode()}") from error
        assert document["status"] == "success", document
        return document["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the samples of an expression, now."""
        found: list[dict[str, Any]] = self.ask("query", query=expression)["result"]
        return found

    def query_range(self, expression: str) -> list[dict[str, Any]]:
        """Return its samples of the last minute, as a graph asks for them."""
        now = time.time()
        span = {"start": str(now - 60), "end": str(now), "step": "5"}
        found: list[dict[str, Any]] = self.ask("query_range", query=expression, **span)["result"]
        return found

    def has(self, selector: str) -> bool:
        """Tell whether there is a series that a selector chooses."""
        return bool(self.ask("series", **{"match[]": selector}))

    def rules(self) -> list[dict[str, Any]]:
        """Return the rules, with what became of each at its last evaluation."""
        return [rule for group in self.ask("rules")["groups"] for rule in group["rules"]]

    def firing(self) -> dict[str, list[dict[str, Any]]]:
        """Return the alerts that fire by their names."""
        found: dict[str, list[dict[str, Any]]] = {}
        for alert in self.ask("alerts")["alerts"]:
            if alert["state"] == "firing":
                found.setdefault(alert["labels"]["alertname"], []).append(alert)
        return found

    def _has_started(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "log").read_text()
        with contextlib.suppress(OSError):
            return bool(self.query("up == 1")) and all(rule["health"] != "unknown" for rule in self.rules())
        return False


@contextlib.contextmanager
def running_prometheus(folder: Path, target: str, rules: str) -> Iterator[Prometheus]:
    """Run a server that scrapes `target` and has the text of a file of rules."""
    server = Prometheus(folder, target, rules)
    try:
        server.start()
        yield server
    finally:
        server.stop()
