# SPDX-License-Identifier: Apache-2.0
"""The agent as the service of a real systemd, in the sandbox of its unit, while guests live their lives."""

from irqaffinity.listen.tracing import instance_name
from tests.lab.inside import guests, interrupts, program
from tests.lab.node import ALPHA, BETA, NIC1, VF1, VF3, Node


def test_the_unit_runs_in_its_sandbox_and_the_kernel_tells_of_births(agent: Node) -> None:
    state = agent.call(program.agent_state)
    assert (state["ActiveState"], state["NRestarts"]) == ("active", "0")
    assert "vectors up" in state["StatusText"]
    status = agent.call(program.status)
    assert status["host_facts"]["msi_source"] == "trace"
    check = agent.call(program.command, "check")
    assert check["status"] == 0, check["out"]
    assert "vectors        ok      trace: the kernel tells of each new interrupt" in check["out"]


def test_the_sandbox_leaves_the_interrupts_and_the_own_trace_instance_writable_and_nothing_else(agent: Node) -> None:
    instance = f"/sys/kernel/tracing/instances/{instance_name(str(program.STATE))}"
    own = ["/proc/irq/default_smp_affinity", f"{instance}/tracing_on"]
    others = [
        "/proc/sys/kernel/printk",
        "/proc/sysrq-trigger",
        "/sys/kernel/tracing/tracing_on",
        "/sys/kernel/mm/ksm/run",
        "/sys/bus/pci/rescan",
        "/etc/hostname",
    ]
    assert agent.call(program.writable_for_agent, *own, *others) == own
    state = agent.call(program.agent_state, "Nice,CPUWeight,CPUQuotaPerSecUSec")
    assert (state["Nice"], state["CPUWeight"], state["CPUQuotaPerSecUSec"]) == ("5", "50", "infinity")


def test_a_guest_that_starts_is_placed_and_one_that_is_destroyed_leaves_nothing(agent: Node) -> None:
    agent.call(guests.destroy, "beta")
    agent.call(interrupts.wait_gone, list(BETA))
    agent.start_beta()
    agent.wait_placed(BETA)
    assert agent.call(program.wait_settled)["placement"]["summary"]["failed"] == 0


def test_a_guest_that_is_reset_is_placed_again(agent: Node) -> None:
    agent.call(guests.reset, "alpha")
    agent.wait_placed(ALPHA)
    agent.wait_placed(BETA)


def test_a_guest_that_is_paused_keeps_its_place(agent: Node) -> None:
    agent.call(guests.suspend, "alpha")
    agent.call(program.wake_agent)
    agent.wait_placed(ALPHA)
    agent.call(guests.resume, "alpha")
    agent.call(program.wake_agent)
    agent.wait_placed(ALPHA)


def test_a_vcpu_that_is_pinned_elsewhere_takes_its_interrupts_along(agent: Node) -> None:
    agent.call(guests.pin, "beta", 0, 2)
    agent.wait_placed({VF1: "3", VF3: "7"} | {VF1: "2"})
    agent.call(guests.pin, "beta", 0, 3)
    agent.wait_placed(BETA)


def test_a_device_that_is_plugged_into_a_running_guest_is_placed_and_pulled_out_forgotten(agent: Node) -> None:
    agent.call(guests.attach, "beta", NIC1)
    agent.call(guests.tell, "beta", "e")
    agent.wait_placed({NIC1: "7"})
    agent.call(guests.pull_out, "beta", NIC1)
    agent.call(interrupts.wait_gone, [NIC1])
    agent.wait_placed(BETA)


def test_a_driver_that_loads_long_after_every_settle_window_is_placed_all_the_same(node: Node) -> None:
    node.call(guests.tell, "alpha", "d")
    node.start_agent("[settle]\nboot = 1\n[audit]\ninterval = 3600\n")
    node.call(program.wait_settled)
    node.call(guests.tell, "alpha", "e")
    node.wait_placed(ALPHA)
