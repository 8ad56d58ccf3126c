# SPDX-License-Identifier: Apache-2.0
"""A running agent is asked to hold still, drift waits, and comes to its end with the hold; with a real libvirtd."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.scene import GUEST, OTHER, VF0, VF1
from tests.fakes.tree import HostTree
from tests.functional.agent import Agent, ended, wait_for
from tests.functional.conftest import Libvirtd
from tests.functional.test_agent import Stage


@pytest.fixture
def stage(libvirtd: Libvirtd, tree: HostTree, tmp_path: Path) -> Iterator[Stage]:
    """An agent that looks at everything when it is asked to, not started yet."""
    made = Stage(tmp_path, libvirtd, tree, None)
    made.agent.set("audit", interval=3600)
    with ended(made.agent):
        yield made


def say(agent: Agent, *arguments: str) -> dict[str, Any]:
    """Return the document of a command that succeeds."""
    done = agent.run(*arguments, "-f", "json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def waiting(agent: Agent) -> dict[int, str]:
    """Return where the interrupts that wait would go."""
    return {row["irq"]: row["to"] for row in say(agent, "deferred")["deferred"]}


def passes(agent: Agent) -> int:
    """Return how many passes the agent has made."""
    return sum(agent.status()["counters"]["passes"].values())


def look_again(agent: Agent) -> None:
    """Have the agent make a full pass, and wait for its end."""
    before = passes(agent)
    agent.signal(signal.SIGUSR1)
    wait_for("another pass", lambda: passes(agent) > before)


def move(stage: Stage, number: int, cpus: str) -> None:
    """Move an interrupt as another program does."""
    stage.tree.put(stage.tree.proc / f"irq/{number}/smp_affinity_list", cpus)


def test_drift_waits_for_the_end_of_a_hold_and_is_repaired_then(stage: Stage) -> None:
    agent = stage.agent
    stage.create(VF0)
    agent.start()
    agent.wait_placed(irq40="2-3", irq41="2-3")
    (hold,) = say(agent, "hold", "--for", "2h", "--reason", "change 4711")["holds"]
    wait_for("the hold in the status", lambda: agent.status()["holds"] == [hold])
    move(stage, 40, "7")
    look_again(agent)
    wait_for("the verdict", lambda: agent.status()["placement"]["summary"]["held"] == 1)
    assert (agent.smp(40), waiting(agent)) == ("7", {40: "2-3"})
    out = agent.run("status", "--only", "held").stdout
    assert f"{hold['until'][11:16]} UTC: change 4711 (hold 1)" in out, "with its date where that is tomorrow"

    stage.create(VF1, uuid=OTHER, pins=("4", "12"))
    agent.wait_placed(irq50="12")

    agent.kill()
    agent.start()
    assert (agent.smp(40), waiting(agent)) == ("7", {40: "2-3"})

    found = say(agent, "unhold")
    assert agent.smp(40) == "2-3"
    assert [(row["irq"], row["from"], row["to"], row["verdict"]) for row in found["moved"]] == [(40, "7", "2-3", "set")]
    assert [row["id"] for row in found["lifted"]] == [1]
    wait_for("the status without a hold", lambda: agent.status()["holds"] == [])
    assert say(agent, "deferred")["deferred"] == []


def test_a_hold_of_one_guest_leaves_the_others_alone(stage: Stage) -> None:
    agent = stage.agent
    stage.create(VF0)
    stage.create(VF1, uuid=OTHER, pins=("4", "12"))
    agent.start()
    agent.wait_placed(irq40="2-3", irq50="12")
    say(agent, "hold", "--guest", f"vm-{GUEST[:8]}", "--reason", "benchmark")
    for number in (40, 50):
        move(stage, number, "7")
    look_again(agent)
    agent.wait_placed(irq50="12")
    wait_for("what waits", lambda: waiting(agent) == {40: "2-3"})
    assert agent.smp(40) == "7"
    assert agent.run("unhold", "--guest", OTHER).returncode == 1
    assert agent.run("unhold", "--guest", GUEST).returncode == 0
    agent.wait_placed(irq40="2-3")


def test_without_an_agent_commands_keep_to_the_hold_and_unhold_moves(stage: Stage) -> None:
    agent = stage.agent
    agent.write_configuration()
    stage.create(VF0)
    assert agent.run("audit", "--once").returncode == 0
    done = agent.run("hold", "--reason", "upgrade")
    assert (done.returncode, "no agent runs here" in done.stderr) == (0, True)
    move(stage, 40, "7")
    assert agent.run("audit", "--once").returncode == 0
    assert (agent.smp(40), waiting(agent)) == ("7", {40: "2-3"})
    refused = agent.run("reset")
    assert (refused.returncode, "irqaffinity unhold" in refused.stderr) == (1, True)
    found = say(agent, "unhold", "--id", "1")
    assert (agent.smp(40), found["moved_by"]) == ("2-3", "unhold")
