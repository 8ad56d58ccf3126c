# SPDX-License-Identifier: Apache-2.0
"""The host's own interrupts on the CPUs of guests: its disks and NICs, its ports and virtio devices, and irqbalance."""

from collections.abc import Iterator

import pytest

from irqaffinity.model.cpuset import CpuSet
from tests.lab import parts
from tests.lab.inside import guests, host, interrupts, isolation, program, rivals
from tests.lab.node import ALPHA, BETA, CONFIGURATION, VF1, VF3, Node

KEPT = "1-3,5-7"
"""The CPUs of guest alpha, 1,2,5,6, and of guest beta, 3,7; each has some on either node, and 0 and 4 do the rest."""

ALPHAS = "1-2,5-6"
NIC = host.NICS[1]
"""No guest has it, and it is on node 1, where the kernel lets its interrupts come to CPUs 4-7."""

ENFORCE = """\
[isolation]
mode = enforce
housekeeping_cpus = 0,4
minimum = 1
[audit]
interval = 3600
"""
"""No audit is due within the hour: what happens without a test's own wake_agent happens because of an event."""


@pytest.fixture(scope="module")
def origins(_node: Node) -> Iterator[dict[str, str]]:
    """Where every interrupt of the host was before; there it is again in the end, also what irqbalance has moved.

    Each begins where it was born: what had only one CPU of its own would go elsewhere when that CPU goes offline.
    """
    _node.call(isolation.put_where_born)
    before = _node.call(isolation.affinities)
    yield before
    _node.call(program.stop_agent)
    assert _node.call(program.command, "reset")["status"] == 0
    _node.call(program.forget_all)
    _node.call(isolation.put_back, before)


@pytest.fixture
def irqbalance(origins: dict[str, str], _ready: Node) -> Iterator[str]:
    """The real irqbalance at work on both guests, before the agent begins; give its unpacked package."""
    assert origins
    _ready.call(program.stop_agent)
    package = str(parts.debian_package("irqbalance"))
    _ready.call(rivals.start_irqbalance, package)
    yield package
    _ready.call(rivals.end)


@pytest.fixture
def isolating(origins: dict[str, str], _ready: Node) -> Node:
    """The agent at work, and the CPUs of both guests without interrupts of the host; origins come first."""
    assert origins
    if not _ready.call(program.is_at_work, CONFIGURATION + ENFORCE):
        _ready.call(program.stop_agent)
        _ready.start_agent(ENFORCE)
    _ready.wait_placed(ALPHA | BETA)
    _ready.call(isolation.wait_kept, KEPT)
    return _ready


@pytest.fixture
def nic(isolating: Node) -> Iterator[str]:
    """A NIC that the host uses itself, as long as the test runs."""
    try:
        isolating.call(host.give_to_host, NIC)
        yield NIC
    finally:
        isolating.call(host.take_from_host)


def test_queues_of_the_hosts_disks_are_shown_with_what_arrives(agent: Node) -> None:
    """Nothing is configured for this."""
    agent.call(program.wake_agent)
    pf, numbers = host.PFS[0], set(agent.call(isolation.queues))
    for cpu in (3, 7):
        agent.call(isolation.read_disk, pf, cpu, 50)
    status = agent.call(program.status_after_pass)
    shown = {str(row["irq"]): row for row in status["intruders"]}
    on_kept = {
        number: row
        for number, row in agent.call(isolation.queues).items()
        if interrupts.parse(row[1]) <= interrupts.parse(KEPT)
    }
    assert on_kept, "the kernel gives the queues of two controllers different CPUs of a node, and one of these is kept"
    assert {number: shown[number]["name"] for number in on_kept} == {number: row[2] for number, row in on_kept.items()}
    assert all(shown[number]["cpus"] == row[1] for number, row in on_kept.items())
    arrived = [shown[number]["arrived"] or 0 for number in numbers & set(shown) if shown[number]["device"] == pf]
    assert max(arrived) >= 50, shown
    assert all(row["target"] is None for row in shown.values())
    assert status["isolation"]["mode"] == "report"


def test_a_guest_that_gets_other_pins_is_followed_without_the_audit(isolating: Node) -> None:
    """The first test with this agent: what a guest may cost it is soon used up in an emulated machine."""
    isolating.call(guests.pin, "beta", 0, 2)
    isolating.wait_placed({VF1: "2", VF3: "7"})
    isolating.call(isolation.wait_widened, 3)
    isolating.call(isolation.wait_kept, "1-2,5-7")
    isolating.call(guests.pin, "beta", 0, 3)
    isolating.call(isolation.wait_kept, KEPT)
    isolating.wait_placed(BETA)


def test_no_movable_interrupt_of_the_host_is_left_on_the_cpus_of_two_guests(isolating: Node) -> None:
    status = isolating.call(program.status_after_pass)
    assert (status["isolation"]["kept"], status["isolation"]["housekeeping"]) == (KEPT, "0,4")
    queues = isolating.call(isolation.queues)
    left = {str(row["irq"]): row for row in status["intruders"]}
    assert set(left) <= set(queues), "what is left is the kernel's own"
    assert {(row["movable"], row["verdict"]) for row in left.values()} == {(False, "managed")}
    rows = isolating.call(isolation.movable).values()
    assert {row[0] for row in rows} <= {"0", "4", "0,4"}, "what had CPUs of both nodes keeps both"
    explained = isolating.call(program.command, "explain", "cpu", "3")["out"]
    assert "of the host cannot be moved" in explained, explained
    assert "of the host can be moved" not in explained, explained
    affinities = isolating.call(isolation.affinities)
    again = isolating.call(program.status_after_pass)
    assert again["counters"]["writes"] == status["counters"]["writes"]
    assert isolating.call(isolation.affinities) == affinities


def test_the_disks_go_on_working(isolating: Node) -> None:
    for device in host.PFS:
        for cpu in range(8):
            isolating.call(isolation.read_disk, device, cpu, 5)


def test_what_a_driver_gives_to_the_cpus_of_guests_does_not_stay_there(isolating: Node) -> None:
    """virtio_net gives its queues to all CPUs when it is bound; nobody but their birth wakes the agent."""
    network = isolating.call(host.bind_network_anew)
    isolating.call(isolation.wait_kept, KEPT)
    isolating.call(program.wait_logged, f"of {network} from 0-7 to 0,4")


def test_a_housekeeping_cpu_that_goes_offline_leaves_the_guests_alone(isolating: Node) -> None:
    """The kernel widens the affinity of what had only this CPU to all CPUs, those of the guests among them.

    virtio_net does the same with its own whenever a CPU goes or comes: that is no drift, and so never a fight.
    """
    before, counted = isolating.call(isolation.affinities), isolating.call(program.status)["counters"]
    assert "4" in before.values()
    isolating.call(host.set_online, 4, False)
    try:
        isolating.call(isolation.wait_kept, KEPT)
        isolating.wait_placed(ALPHA | BETA)
    finally:
        isolating.call(host.set_online, 4, True)
    isolating.call(isolation.wait_where, before)
    after = isolating.call(program.status_after_pass)["counters"]
    assert (after["drifts"], after["fights"]) == (counted["drifts"], counted["fights"])


def test_what_was_moved_goes_back_as_the_guests_end(isolating: Node, origins: dict[str, str], nic: str) -> None:
    """Also what was born meanwhile: without the guests, its driver would have found the wide default."""
    isolating.call(isolation.wait_kept, KEPT)
    born = dict.fromkeys(isolating.call(interrupts.of_device, nic), "4-7")
    assert born
    originals = {name: origins[name] for name in isolating.call(isolation.movable).keys() & origins.keys()} | born
    isolating.call(guests.destroy, "beta")
    isolating.call(isolation.wait_where, _without(originals, ALPHAS))
    isolating.call(isolation.wait_kept, ALPHAS)
    isolating.call(guests.destroy, "alpha")
    isolating.call(isolation.wait_where, originals | {"default": origins["default"]})


def test_an_agent_that_is_killed_amid_its_writes_forgets_no_origin(isolating: Node, origins: dict[str, str]) -> None:
    isolating.call(program.stop_agent)
    assert isolating.call(program.command, "reset")["status"] == 0
    before = isolating.call(isolation.affinities)
    hosts = {*isolating.call(isolation.movable), "default"}
    assert {name: before[name] for name in hosts} == {name: origins[name] for name in hosts}
    isolating.call(isolation.start_agent_and_kill_it_amid_its_writes)
    assert isolating.call(isolation.affinities) != before
    assert isolating.call(program.command, "reset")["status"] == 0
    assert isolating.call(isolation.affinities) == before


def test_irqbalance_is_asked_to_leave_all_this_alone_and_given_back_what_it_had(
    irqbalance: str, isolating: Node
) -> None:
    numbers = [number for device in (*ALPHA, *BETA) for number in isolating.call(interrupts.numbers_of, device)]
    isolating.call(rivals.wait_banned, "ee", numbers)
    _assert_no_fight(isolating)
    check = isolating.call(program.command, "check")["out"]
    assert "was told to leave CPUs 1-3,5-7 and 13 interrupts alone, and does" in check, check

    isolating.call(rivals.end)
    isolating.call(rivals.start_irqbalance, irqbalance)
    isolating.call(rivals.wait_banned, "ee", numbers)
    isolating.call(program.wake_agent)
    isolating.call(isolation.wait_kept, KEPT)
    isolating.wait_placed(ALPHA | BETA)
    _assert_no_fight(isolating)

    isolating.call(program.stop_agent)
    isolating.call(rivals.wait_given_back, numbers)

    isolating.call(program.start_agent)
    isolating.call(rivals.wait_banned, "ee", numbers)
    isolating.call(isolation.kill_agent_for_good)
    assert isolating.call(program.command, "reset")["status"] == 0
    isolating.call(rivals.wait_given_back, numbers)


def _without(affinities: dict[str, str], kept: str) -> dict[str, str]:
    """Return affinities without the kept CPUs."""
    return {name: str(CpuSet.parse(cpus) - CpuSet.parse(kept)) for name, cpus in affinities.items()}


def _assert_no_fight(isolating: Node) -> None:
    """Let irqbalance balance a few times, and find that nobody moved what the agent had moved."""
    before = isolating.call(program.status_after_pass)["counters"]
    isolating.call(rivals.wait_balanced)
    after = isolating.call(program.status_after_pass)["counters"]
    assert (after["drifts"], after["writes"]) == (before["drifts"], before["writes"])
