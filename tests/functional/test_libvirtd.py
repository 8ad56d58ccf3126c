# SPDX-License-Identifier: Apache-2.0
"""A real libvirtd: with a small emulated guest, and with the test driver behind its socket."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from irqaffinity.hypervisor.connection import Hypervisor, LibvirtUnreachable
from irqaffinity.model.verdict import Status
from irqaffinity.observe.procfs import read_boot_id
from irqaffinity.observe.root import HostRoot
from irqaffinity.passes.auditor import Auditor
from irqaffinity.plan.policy import Policy
from irqaffinity.state.folder import StateFolder
from irqaffinity.state.store import Store
from tests.fakes.domains import domain, hostdev, nova_metadata
from tests.fakes.scene import GUEST, OTHER, VF0, Scene, document
from tests.functional.conftest import Libvirtd

TCG = """
<domain type='qemu'>
  <name>small</name>
  <uuid>{uuid}</uuid>
  <memory unit='MiB'>16</memory>
  <vcpu>2</vcpu>
  <cputune><vcpupin vcpu='0' cpuset='0'/><vcpupin vcpu='1' cpuset='1'/><emulatorpin cpuset='0-1'/></cputune>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <controller type='usb' model='none'/>
    <memballoon model='none'/>
  </devices>
</domain>
"""
SYSTEM = ("qemu", "system")
TEST = ("test", "default")


@pytest.fixture
def small_guest(libvirtd: Libvirtd) -> Iterator[Libvirtd]:
    """A libvirtd that runs a guest without an operating system, its two vCPUs pinned to CPUs 0 and 1."""
    xml = libvirtd.folder / "small.xml"
    xml.write_text(TCG.format(uuid=GUEST))
    libvirtd.virsh(*SYSTEM, "create", str(xml))
    try:
        yield libvirtd
    finally:
        libvirtd.virsh(*SYSTEM, "destroy", "small", check=False)


def auditor(hypervisor: Hypervisor, folder: Path, root: HostRoot) -> Auditor:
    store = Store(StateFolder(str(folder / "state")), read_boot_id(root))
    return Auditor("here", root, hypervisor, Policy(), store)


def test_the_pins_of_a_running_guest_are_read(small_guest: Libvirtd, tmp_path: Path) -> None:
    made = auditor(Hypervisor(small_guest.uri(*SYSTEM)), tmp_path, HostRoot()).rehearse()
    plan = next(guest for guest in made.outcome.guests if guest.uuid == GUEST)
    assert plan.status is Status.NO_DEVICES
    assert plan.dedication.pins == {0: 0, 1: 1}
    assert (plan.name, plan.vcpus) == ("small", 2)


def test_a_pin_that_was_changed_on_the_running_guest_is_seen(small_guest: Libvirtd, tmp_path: Path) -> None:
    hypervisor = Hypervisor(small_guest.uri(*SYSTEM))
    looking = auditor(hypervisor, tmp_path, HostRoot())
    looking.rehearse()
    small_guest.virsh(*SYSTEM, "vcpupin", "small", "1", "0-1")
    plan = looking.rehearse().outcome.guests[0]
    assert plan.dedication.pins == {0: 0}


def test_a_guest_that_was_destroyed_is_gone(small_guest: Libvirtd) -> None:
    hypervisor = Hypervisor(small_guest.uri(*SYSTEM))
    assert [found.uuid for found in list(hypervisor.active_domains())] == [GUEST]
    small_guest.virsh(*SYSTEM, "destroy", "small")
    assert list(hypervisor.active_domains()) == []


def test_a_daemon_that_is_stopped_is_given_up_after_the_deadline(small_guest: Libvirtd) -> None:
    hypervisor = Hypervisor(small_guest.uri(*SYSTEM), deadline=0.5)
    assert list(hypervisor.active_domains())
    with small_guest.standing_still(), pytest.raises(LibvirtUnreachable, match=r"did not answer within 0.5 s"):
        list(hypervisor.active_domains())


def test_a_daemon_that_was_killed_is_reached_again_after_its_restart(small_guest: Libvirtd) -> None:
    hypervisor = Hypervisor(small_guest.uri(*TEST))
    assert list(hypervisor.active_domains())
    small_guest.virsh(*SYSTEM, "destroy", "small")
    small_guest.stop()
    with pytest.raises(LibvirtUnreachable, match="is not reachable"):
        list(hypervisor.active_domains())
    small_guest.start()
    assert list(hypervisor.active_domains())


def test_guests_come_and_go_over_a_socket_and_nothing_is_lost_without_libvirt(libvirtd: Libvirtd, scene: Scene) -> None:
    """A fake host, whose devices a guest of the real daemon's test driver claims."""
    guest = domain(
        "vm", OTHER, ["2", "3"], [hostdev(VF0)], metadata=nova_metadata("nfv", {"hw:cpu_policy": "dedicated"})
    )
    xml = scene.folder / "vm.xml"
    xml.write_text(guest)
    hypervisor = Hypervisor(libvirtd.uri(*TEST))
    scene.list_domains = hypervisor.active_domains
    list(hypervisor.active_domains())  # the test driver keeps its domains as long as somebody is connected
    libvirtd.virsh(*TEST, "create", str(xml))
    assert document(scene.audit())["summary"]["set"] == 2
    assert scene.host.smp(40) == "2-3"

    libvirtd.stop()
    with pytest.raises(LibvirtUnreachable):
        scene.audit()
    assert scene.host.smp(40) == "2-3"

    libvirtd.start()
    list(hypervisor.active_domains())
    libvirtd.virsh(*TEST, "create", str(xml))
    assert scene.audit().summary()["set"] == 0
    libvirtd.virsh(*TEST, "destroy", "vm")
    scene.audit()
    assert scene.host.smp(40) == "0-15"
