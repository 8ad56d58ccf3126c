# SPDX-License-Identifier: Apache-2.0
"""A real agent counts the arrivals of interrupts while its metrics are on, and reads no counts while they are off."""

import signal
from pathlib import Path

import pytest

from tests.fakes.counts import Counts
from tests.fakes.domains import domain, hostdev, make_libvirt, nova_metadata
from tests.fakes.scene import DEDICATED, GUEST, VF0
from tests.fakes.tree import HostTree
from tests.functional.agent import Agent, ended
from tests.functional.rabbitmq import free_ports


@pytest.fixture
def counts(tree: HostTree) -> Counts:
    made = Counts(tree, "0-15")
    for number in (40, 41):
        made.add(number, f"vfio-msix[{number}]({VF0})", {0: 1000})
    made.write()
    return made


@pytest.mark.parametrize("has_metrics", [True, False])
def test_the_agent_counts_arrivals_while_metrics_are_on(
    tree: HostTree, counts: Counts, tmp_path: Path, has_metrics: bool
) -> None:
    guest = domain("vm", GUEST, ["2", "3"], [hostdev(VF0)], metadata=nova_metadata("nfv", DEDICATED))
    agent = Agent(tmp_path / "agent", make_libvirt(tmp_path / "libvirt", [guest]), tree)
    agent.set("metrics", enabled=has_metrics, port=free_ports(1)[0])
    agent.set("audit", interval=3600)
    with ended(agent):
        agent.start()
        agent.wait_placed(irq40="2-3", irq41="2-3")
        counts.arrive(40, 2, 90)
        counts.arrive(41, 9, 10)
        counts.write()
        agent.signal(signal.SIGUSR1)
        if has_metrics:
            agent.wait_logged("of 100 arrivals of guests' interrupts, 10 were outside their target")
        assert agent.stop() == 0
        assert ("arrivals of guests' interrupts" in agent.log()) == has_metrics
