# SPDX-License-Identifier: Apache-2.0
"""What an agent has done stands in its log and in `irqaffinity history`, with the cause, with a real libvirtd."""

import json
import re
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.scene import GUEST, OTHER, VF0, VF1
from tests.fakes.tree import HostTree
from tests.functional.agent import Agent, ended, wait_for
from tests.functional.conftest import Libvirtd
from tests.functional.test_agent import Stage
from tests.functional.test_libvirtd import TEST


@pytest.fixture
def stage(libvirtd: Libvirtd, tree: HostTree, tmp_path: Path) -> Iterator[Stage]:
    """An agent that looks at everything each second, not started yet."""
    made = Stage(tmp_path, libvirtd, tree, None)
    made.agent.set("audit", interval=1)
    with ended(made.agent):
        yield made


def lines(agent: Agent, *arguments: str) -> list[dict[str, Any]]:
    """Return what `irqaffinity history` tells, nothing as long as there is none."""
    done = agent.run("history", "-f", "json", *arguments)
    assert done.returncode == 0 or "history.db" in done.stderr or "no line of the history" in done.stderr, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["lines"] if done.returncode == 0 else []
    return found


def wait_told(agent: Agent, cause: str, **fields: str) -> None:
    """Wait until the history has a line of a cause with these fields, and see that the log has it once too."""

    def is_told() -> list[dict[str, Any]]:
        found = lines(agent, "--cause", cause)
        return [line for line in found if fields.items() <= line.items()]

    (line,) = wait_for(f"{cause} in the history", is_told)
    irqs = re.escape(f"({line['irqs']}) of {line['device']} from {line['from']} to {line['to']}")
    pattern = (
        rf"guest {line['guest']} \({line['name']}\): (?:placed|gave back|put back) \d interrupts? {irqs}: {cause}\b"
    )
    assert len(re.findall(pattern, agent.log())) == 1, agent.log()


def test_the_life_of_a_guest_is_told_cause_by_cause(stage: Stage) -> None:
    agent, name = stage.agent, f"vm-{GUEST[:8]}"
    stage.create(VF0)
    agent.start()
    row = {"guest": GUEST, "name": name, "device": VF0, "irqs": "40-41", "verdict": "set"}
    wait_told(agent, "start", **row, **{"from": "0-15", "to": "2-3"})

    stage.create(VF1, uuid=OTHER, pins=("4", "12"))
    wait_told(agent, "birth", guest=OTHER, device=VF1, irqs="50-51", to="12")

    stage.libvirtd.virsh(*TEST, "vcpupin", name, "1", "5")
    wait_told(agent, "pins", **row, **{"from": "2-3", "to": "2,5"})

    wait_for("both guests to settle", lambda: not agent.status()["settling"])
    stage.tree.put(stage.tree.proc / "irq/40/smp_affinity_list", "7")
    wait_told(agent, "drift", guest=GUEST, irqs="40", to="2,5", **{"from": "7"})

    agent.set("placement", dedicated_cpus="5,12")
    agent.write_configuration()
    agent.signal(signal.SIGHUP)
    wait_told(agent, "config", **row, **{"from": "2,5", "to": "5"})

    stage.destroy()
    wait_told(agent, "gone", **row, **{"from": "5", "to": "0-15"})
    told = lines(agent, "--guest", name)
    assert [line["cause"] for line in told] == ["start", "pins", "drift", "config", "gone"]
    assert [line["time"] for line in told] == sorted(line["time"] for line in told)

    agent.kill()
    assert lines(agent, "--guest", GUEST) == told
    assert agent.run("reset").returncode == 0
    (last,) = lines(agent, "--cause", "reset")
    assert (last["guest"], last["name"], last["from"], last["to"]) == (OTHER, f"vm-{OTHER[:8]}", "12", "0-15")


def test_a_history_that_is_damaged_newer_or_held_keeps_nobody_from_being_placed(stage: Stage) -> None:
    agent, history = stage.agent, stage.agent.folder / "state/history.db"
    history.write_bytes(b"x" * 5000)
    history.chmod(0o600)
    agent.start()
    stage.create(VF0)
    agent.wait_placed(irq40="2-3")
    wait_for("a new history", lambda: lines(agent))
    assert agent.log().count("history.db was set aside as history.db.corrupt-") == 1

    other = sqlite3.connect(history, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    stage.destroy()
    agent.wait_placed(irq40="0-15")
    agent.wait_logged("the history is not kept at present, and the work goes on: ")
    assert [line["cause"] for line in lines(agent)] == ["birth"]
    other.execute("COMMIT")
    wait_for("the line that had to wait", lambda: [line["cause"] for line in lines(agent)] == ["birth", "gone"])
    agent.wait_logged("the history is kept again")

    agent.set("history", lines=1)
    agent.write_configuration()
    agent.signal(signal.SIGHUP)
    wait_for("the oldest line to go", lambda: [line["cause"] for line in lines(agent)] == ["gone"])

    other.execute("PRAGMA user_version = 2")
    other.close()
    stage.create(VF1)
    agent.wait_placed(irq50="2-3")
    agent.stop()
    agent.start()
    agent.wait_logged("its schema is 2, and this program knows 1")
    assert agent.run("history").stderr.count("\n") == 1
