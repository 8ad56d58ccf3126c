# SPDX-License-Identifier: Apache-2.0
"""The agent beside the real irqbalance: it tells it what guests have, and leaves nothing behind."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from irqaffinity.apply.irqbalance import Question
from irqaffinity.model.balance import Bans
from irqaffinity.model.cpuset import CpuSet
from tests.fakes.scene import VF0
from tests.fakes.tree import HostTree
from tests.functional.agent import Agent, ended, wait_for
from tests.functional.conftest import Libvirtd
from tests.functional.test_agent import Stage
from tests.real_irqbalance import RealBalancer, running

KEPT = Bans(CpuSet.parse("2-3"), (24, 40, 41))
OWN = Bans(CpuSet(), (24,))


@pytest.fixture
def stage(libvirtd: Libvirtd, tree: HostTree, tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path, libvirtd, tree, None)
    with ended(made.agent):
        yield made


@pytest.fixture
def real(tmp_path: Path) -> Iterator[RealBalancer]:
    with running(tmp_path / "real", "--banirq=24") as balancer:
        yield balancer


def has(real: RealBalancer, bans: Bans) -> bool:
    """Tell whether it leaves just these alone."""
    question = Question(real.balancer)
    return wait_for("its answer", lambda: question.answer(1.0)).bans == bans


def test_it_is_told_by_the_agent_and_given_back_after_a_kill_and_at_the_end(stage: Stage, real: RealBalancer) -> None:
    agent = stage.agent
    agent.set("isolation", mode="enforce", housekeeping_cpus="0-1", irqbalance_sockets=real.sockets)
    stage.create(VF0, pins=("2", "3"))
    agent.start()
    shown = {"pid": real.pid, "told": True, "cpus": "2-3", "irqs": 2, "trouble": None}
    wait_for("what guests have", lambda: agent.status().get("irqbalance") == shown)
    assert has(real, KEPT)
    assert f"irqbalance    {real.pid} leaves alone: CPUs 2-3 and 2 interrupts of guests" in agent.run("status").stdout
    told = f"irqbalance {real.pid} was told to leave CPUs 2-3 and 3 interrupts alone, and does"
    wait_for("a check that it answers in time", lambda: told in agent.run("check").stdout)
    agent.kill()
    assert has(real, KEPT)
    assert "irqbalance was given back what it had" in agent.run("reset").stdout
    wait_for("its own bans", lambda: has(real, OWN))
    agent.start()
    wait_for("what guests have again", lambda: has(real, KEPT))
    assert agent.stop() == 0
    wait_for("its own bans again", lambda: has(real, OWN))


def test_an_audit_tells_it_once_and_a_dry_run_nothing(stage: Stage, real: RealBalancer) -> None:
    agent = stage.agent
    agent.set("isolation", mode="enforce", housekeeping_cpus="0-1", irqbalance_sockets=real.sockets)
    agent.write_configuration()
    stage.create(VF0, pins=("2", "3"))
    assert agent.run("audit", "--once", "--dry-run").returncode == 2
    assert has(real, OWN)
    wait_for("what guests have", lambda: audited(agent) and has(real, KEPT))
    agent.set("isolation", mode="report")
    agent.write_configuration()
    owes = "has not been given back what it had: run irqaffinity reset"
    wait_for("a check that it answers in time", lambda: owes in agent.run("check").stdout)
    wait_for("its own bans", lambda: audited(agent) and has(real, OWN))


def audited(agent: Agent) -> bool:
    """Audit: on a busy machine irqbalance may answer too late for one audit, and the next one tells it."""
    assert agent.run("audit", "--once").returncode == 0
    return True
