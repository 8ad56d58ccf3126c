# SPDX-License-Identifier: Apache-2.0
"""The table that people read."""

import errno
from datetime import datetime, timezone

import pytest

from irqaffinity.model.pci import PciAddress
from irqaffinity.model.text import merge_numbers
from irqaffinity.observe.moment import read_moment
from irqaffinity.passes.holds import add_hold
from irqaffinity.plan.policy import Policy, WithoutMask
from irqaffinity.report.table import render_table
from tests.fakes.domains import nova_metadata
from tests.fakes.scene import GUEST, OTHER, VF0, VF1, Scene


def rows(text: str) -> list[list[str]]:
    return [line.split(maxsplit=6) for line in text.splitlines() if line]


def test_a_device_has_one_line_below_its_guest(scene: Scene) -> None:
    scene.add_masked_guest("1,2", VF0, VF1)
    text = render_table(scene.audit())
    lines = rows(text)
    assert text.split()[:9] == ["DEVICE", "NODE", "IRQS", "CPUS", "BEFORE", "CPUS", "AFTER", "VERDICT", "WHY"]
    assert lines[1][:2] == ["instance-0", f"{GUEST}:"]
    assert lines[2] == [VF0, "0", "40-41", "0-15", "3", "set", "the CPU of vCPU 1 on node 0"]
    assert lines[3] == [VF1, "1", "50-51", "0-15", "10", "set", "the CPU of vCPU 2 on node 1"]
    assert " ".join(lines[4]) == "1 guest, 2 devices, 4 interrupts: 4 set"


def test_a_dry_run_shows_where_interrupts_would_be(scene: Scene) -> None:
    scene.add_guest(VF0)
    text = render_table(scene.rehearse())
    assert rows(text)[2][:6] == [VF0, "0", "40-41", "0-15", "2-3", "would_set"]
    assert text.endswith("2 would set; dry run, nothing was written")


def test_verdicts_that_differ_are_counted_and_the_odd_one_is_explained(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.host.refuse(41, errno.ERANGE)
    text = render_table(scene.audit())
    assert "1 set, 1 offline" in text
    assert "    41: offline: the kernel knows no online CPU in the target (Numerical result out of range)\n" in text
    assert text.endswith("1 guest, 1 device, 2 interrupts: 1 set, 1 failed (instance-0)")


def test_each_interrupt_has_its_line_when_asked(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.host.refuse(41, errno.ERANGE)
    lines = [line.split() for line in render_table(scene.audit(), each_irq=True).splitlines()]
    assert ["40", "0-15", "2-3", "set", "effective", "2"] in lines
    assert ["41", "0-15", "0-15", "offline"] in [line[:4] for line in lines]


def test_quiet_leaves_the_summary_alone(scene: Scene) -> None:
    scene.add_guest(VF0)
    assert render_table(scene.audit(), quiet=True) == "1 guest, 1 device, 2 interrupts: 2 set"


def test_a_host_without_guests_has_no_table(scene: Scene) -> None:
    assert render_table(scene.audit()) == "0 guests, 0 devices, 0 interrupts"


def test_guests_that_are_not_placed_say_why(scene: Scene) -> None:
    scene.policy = Policy(without_mask=WithoutMask.SKIP)
    scene.add_guest(VF0)
    scene.add_masked_guest("1-", VF1, uuid=OTHER, pins=("4",))
    text = render_table(scene.audit())
    assert f"instance-0 {GUEST}: skipped: no_mask: " in text
    assert f"instance-1 {OTHER}: error: mask_invalid: mask 1-: the end of the mask stands where" in text
    assert text.endswith("; 1 guest skipped; 1 guest in error: instance-1")


def test_a_guest_of_whose_specs_nothing_was_heard_says_so(scene: Scene) -> None:
    scene.add_guest(VF0, metadata=nova_metadata("nfv"))
    assert "no mask: vCPUs 0-3 on CPUs 2-3,10-11 serve its interrupts (not heard: " in render_table(scene.audit())


def test_released_devices_stand_apart(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.audit()
    scene.domains.clear()
    lines = render_table(scene.audit()).splitlines()
    assert lines[1].startswith("given back")
    assert lines[2].split() == [VF0, "0", "40-41", "2-3", "0-15", "set", "released"]
    assert lines[3:] == ["", "0 guests, 1 device, 2 interrupts: 2 set"]


def test_what_a_hold_keeps_is_not_said_to_be_given_back(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.add_guest(VF1, uuid=OTHER)
    scene.audit()
    scene.domains.clear()
    until = datetime(2098, 1, 1, tzinfo=timezone.utc)
    add_hold(scene.store, read_moment(scene.host.root), until, "change", device=PciAddress.parse(VF0))
    text = render_table(scene.audit())
    lines = text.splitlines()
    assert lines[1].startswith("given back, to ")
    assert lines[2].split()[0] == VF1
    assert lines[3] == "not given back yet: what a hold keeps where it is goes back when that ends"
    assert lines[4].split() == [VF0, "0", "40-41", "2-3", "2-3", "held", "not", "released", "yet"]
    assert lines[5] == "    40-41: held: stays where it is: hold 1 (change) until 2098-01-01T00:00:00Z"
    assert lines[6] == ""
    assert "held: " not in render_table(scene.audit(), quiet=True)
    assert "released: stays" not in render_table(scene.audit(), each_irq=True)


def test_a_released_interrupt_that_stays_where_it_is_says_why(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.audit()
    scene.domains.clear()
    scene.host.refuse(41, errno.ENOSPC)
    assert "    41: released: the CPUs of the target have no free interrupt vector" in render_table(scene.audit())


def test_an_interrupt_that_a_skipped_guest_gives_back_says_so(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.audit()
    scene.auditor.policy = Policy(without_mask=WithoutMask.SKIP)
    assert "    40-41: released: goes back to where it was" in render_table(scene.audit())


@pytest.mark.parametrize(
    ("numbers", "text"), [([], ""), ([7], "7"), ([3, 1, 2, 2], "1-3"), ([200000, 5, 6], "5-6,200000")]
)
def test_numbers_are_merged_into_runs(numbers: list[int], text: str) -> None:
    assert merge_numbers(numbers) == text
