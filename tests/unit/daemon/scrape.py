# SPDX-License-Identifier: Apache-2.0
"""What Prometheus gets of a page."""

import select
import shutil
import subprocess

import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from irqaffinity.daemon.metrics import metrics_page
from tests.patience import HANG

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Scrape:
    """One answer to GET /metrics, parsed as Prometheus's own library does it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.families = list(text_string_to_metric_families(text))
        samples = [sample for family in self.families for sample in family.samples]
        self.samples: Samples = {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}
        assert len(samples) == len(self.samples), "a sample is there twice"

    def value(self, name: str, /, **labels: str) -> float | None:
        """Return the value of a sample, None where there is none."""
        return self.samples.get((f"irqaffinity_{name}", frozenset(labels.items())))

    def labels(self, name: str) -> set[tuple[str, ...]]:
        """Return the values of the labels that a metric has, in the order of the labels' names."""
        found = [labels for sample, labels in self.samples if sample == f"irqaffinity_{name}"]
        return {tuple(value for _name, value in sorted(labels)) for labels in found}

    @property
    def ours(self) -> dict[str, str]:
        """The help of each metric of the program."""
        return {each.name: each.documentation for each in self.families if each.name.startswith("irqaffinity_")}

    def check(self) -> None:
        """Have promtool look at names, units and texts."""
        promtool = shutil.which("promtool")
        if promtool is None:
            pytest.skip("needs promtool of Debian's prometheus (bindep.txt)")
        checked = subprocess.run(
            [promtool, "check", "metrics"], input=self.text, capture_output=True, text=True, check=False, timeout=HANG
        )
        assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def scrape(*collectors: Collector) -> Scrape:
    """Return what the page of these collectors says."""
    page = metrics_page(*collectors)
    page.ask()
    assert select.select([page.made], [], [], HANG)[0]
    head, _, body = page.take().decode().partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 200 OK\r\n")
    return Scrape(body)
