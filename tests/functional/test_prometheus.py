# SPDX-License-Identifier: Apache-2.0
"""Rules and dashboard with a real Prometheus that scrapes a real agent."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from irqaffinity.demo.hosts import make_demo_host
from tests.functional.agent import Agent, ended, wait_for
from tests.functional.prometheus import DASHBOARD, JOB, RULES, Prometheus, queries, running_prometheus, selectors
from tests.functional.rabbitmq import free_ports

AWAY = "IrqaffinityBrokerAway"
"""The alerts that fire for an agent that is well but whose broker nobody has started."""

_NOTHING_ARRIVES = "instance:irqaffinity_arrivals_outside:ratio_rate15m"
UNSEEN = {
    "irqaffinity_irqbalance_told",
    "irqaffinity_vectors_free",
    "irqaffinity_oldest_hold_timestamp_seconds",
    "irqaffinity_next_hold_end_timestamp_seconds",
}
"""Metrics without a value here: the agent leaves irqbalance alone, CPUs other than x86 have no limit of vectors, and
there is no hold."""


@dataclass
class Watched:
    """An agent that is scraped."""

    agent: Agent
    target: str
    prometheus: Prometheus


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """An agent with two guests and no broker; alerts fire without waiting, and so ALERTS has a series."""
    folder = tmp_path_factory.mktemp("watched")
    port, broker = free_ports(2)
    tree, uri = make_demo_host(folder)
    agent = Agent(folder / "agent", uri, tree, f"rabbit://guest:guest@127.0.0.1:{broker}/")
    agent.set("metrics", enabled=True, port=port)
    target = f"127.0.0.1:{port}"
    rules = re.sub(r"(?m)^( +for: ).*", r"\g<1>0s", RULES.read_text())
    with ended(agent):
        agent.start()
        agent.wait_connected("metrics")
        with running_prometheus(folder / "prometheus", target, rules) as prometheus:
            yield Watched(agent, target, prometheus)


def test_every_query_of_the_dashboard_asks_for_what_an_agent_gives(watched: Watched) -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    prometheus = watched.prometheus
    wait_for("an alert", lambda: prometheus.has("ALERTS"))
    values = {"$__rate_interval": "1m", "$job": JOB, "$instance": watched.target}

    def fill(text: str) -> str:
        for name, value in values.items():
            text = text.replace(name, value)
        return text

    asked = [fill(query) for panel in dashboard["panels"] for query in queries(panel)]
    placed = f'sum(irqaffinity_guests{{status="placed", job="{JOB}"}})'
    wait_for("both guests", lambda: [each["value"][1] for each in prometheus.query(placed)] == ["2"])
    for query in asked:
        prometheus.query(query)
        prometheus.query_range(query)
        missing = {each for each in selectors(query) if not prometheus.has(each)}
        assert {each.partition("{")[0] for each in missing} <= UNSEEN, query
    lists = [each for each in dashboard["templating"]["list"] if each["type"] == "query"]
    for variable in lists:
        found = re.fullmatch(r"label_values\((.+), (\w+)\)", fill(variable["query"]["query"]))
        assert found is not None
        series = prometheus.ask("series", **{"match[]": found[1]})
        assert {each[found[2]] for each in series} == {values[f"${variable['name']}"]}


def test_a_healthy_agent_raises_no_alert_and_one_that_ended_does(watched: Watched) -> None:
    prometheus = watched.prometheus
    for rule in prometheus.rules():
        assert (rule["health"], rule.get("lastError", "")) == ("ok", ""), rule
        missing = {each for each in selectors(rule["query"]) if not prometheus.has(each)}
        assert missing <= UNSEEN | {_NOTHING_ARRIVES}, "nothing arrives on a host of files"
    wait_for("the broker's alert alone", lambda: set(prometheus.firing()) == {AWAY})  # a scrape may have come too late
    (away,) = prometheus.firing()[AWAY]
    assert away["annotations"]["summary"] == f"{watched.target}: irqaffinity cannot reach the broker"
    assert watched.agent.stop() == 0
    (down,) = wait_for("the alert of an agent that ended", lambda: prometheus.firing().get("IrqaffinityAgentDown"))
    assert down["labels"]["instance"] == watched.target
