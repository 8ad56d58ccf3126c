# SPDX-License-Identifier: Apache-2.0
"""Declared settings made so: in order, read back, and never on a function that somebody has or may have by then."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from irqaffinity.apply.vf_count import write_autoprobe
from irqaffinity.model.declared import DeclaredPf, Made, Setting, Step
from irqaffinity.model.guest import GuestId
from irqaffinity.model.hold import Hold
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.sriov import LinkState, PhysicalFunction, Use, UseKind, VfSettings
from irqaffinity.observe.root import HostRoot
from irqaffinity.sriov.apply import FRESH, Applier
from tests.fakes.functions import (
    GUEST,
    STANDARD,
    USED,
    FakeDriver,
    pf_address,
    pfs_and_wishes,
    physical,
    vf_address,
    virtual,
)

ENS0 = DeclaredPf("ens0f0")
NOW = datetime(2026, 11, 20, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> HostRoot:
    """The netdevs of three physical functions in sysfs, with the indexes that the driver gives."""
    folder = tmp_path_factory.mktemp("host")
    for number in range(3):
        netdev = folder / f"sys/bus/pci/devices/{pf_address(number)}/net/ens{number}f0"
        netdev.mkdir(parents=True)
        (netdev / "ifindex").write_text(f"{number + 1}\n")
    return HostRoot(str(folder / "proc"), str(folder / "sys"))


class Rig:
    def __init__(self, root: HostRoot, *pfs: PhysicalFunction) -> None:
        self.driver = FakeDriver(*pfs)
        self.said: list[str] = []
        self.holds: list[Hold] = []
        self.taken: dict[PciAddress, Use] = {}
        self.now = 0.0
        self.applier = Applier(
            root,
            self.driver.look,
            lambda: tuple(self.holds),
            lambda function: self.taken.get(function.address),
            lambda: tuple(self.holds),
            self.said.append,
            open_writer=lambda: self.driver,
            index_of=self.driver.index_of,
            write_count=self.driver.write_count,
            write_autoprobe=self.driver.write_autoprobe,
            clock=lambda: self.now,
        )

    def apply(self, *wishes: DeclaredPf, force: bool = False) -> list[Step]:
        return self.applier.apply(wishes, force=force)


def told(steps: Sequence[Step]) -> list[tuple[int | None, str, Made]]:
    return [(step.vf, step.setting.value, step.made) for step in steps]


def hold(guest: GuestId | None = None, device: PciAddress | None = None) -> Hold:
    return Hold(3, NOW, NOW + timedelta(hours=1), "upgrade", "boot", 3600.0, guest, device)


def test_from_none_to_all_of_it_and_then_nothing_more(root: HostRoot) -> None:
    rig = Rig(root, physical())
    wish = replace(ENS0, num_vfs=2, settings=VfSettings(vlan=7, trust=True), of_vf={1: VfSettings(max_tx_rate=100)})
    steps = rig.apply(wish)
    assert told(steps) == [
        (None, "numvfs", Made.SET),
        (0, "vlan", Made.SET),
        (0, "trust", Made.SET),
        (1, "vlan", Made.SET),
        (1, "max_tx_rate", Made.SET),
        (1, "trust", Made.SET),
    ]
    assert [(step.origin, step.target) for step in steps[:3]] == [(0, 2), (0, 7), (False, True)]
    assert all(step.was_written for step in steps)
    assert rig.driver.counts == [(pf_address(0), 2)]
    assert [vf.settings for vf in rig.driver.pfs[pf_address(0)].vfs] == [
        STANDARD._replace(vlan=7, trust=True),
        STANDARD._replace(vlan=7, trust=True, max_tx_rate=100),
    ]
    assert rig.driver.is_closed
    writes = len(rig.driver.writes)
    assert {step.made for step in rig.apply(wish)} == {Made.OK}
    assert len(rig.driver.writes) == writes == 5
    assert not rig.said


def test_a_dry_run_opens_and_writes_nothing(root: HostRoot) -> None:
    rig = Rig(root, physical(vfs=1))
    steps = rig.applier.rehearse([replace(ENS0, num_vfs=1, settings=VfSettings(trust=True))])
    assert told(steps) == [(None, "numvfs", Made.OK), (0, "trust", Made.WOULD_SET)]
    assert (rig.driver.writes, rig.driver.is_closed, rig.driver.looks) == ([], False, 1)


def test_who_loses_what_is_said_before_it_is_lost(root: HostRoot) -> None:
    rig = Rig(root, physical(vfs=3, uses={1: USED}))
    wish = replace(ENS0, num_vfs=4)
    (refused,) = rig.apply(wish)
    assert (refused.made, rig.driver.counts, rig.said) == (Made.REFUSED, [], [])
    (step,) = rig.apply(wish, force=True)
    assert step.made is Made.SET
    assert rig.said == [
        "ens0f0: all 3 virtual functions are removed",
        f"ens0f0: in use, and lost: VF 1 (0000:40:01.1): guest instance-1 ({GUEST}), hostdev",
    ]


def test_what_somebody_else_has_made_since_the_look_is_not_removed(root: HostRoot) -> None:
    rig = Rig(root, physical())
    rig.driver.on_count = lambda: rig.driver.pfs.update({pf_address(0): physical(vfs=3, uses={1: USED})})
    step, *_ = rig.apply(replace(ENS0, num_vfs=4))
    assert (step.made, step.message, rig.driver.counts) == (Made.FAILED, "Device or resource busy", [])
    assert rig.driver.pfs[pf_address(0)] == physical(vfs=3, uses={1: USED})


def test_a_count_waits_for_a_hold_that_was_made_while_another_one_was_set(root: HostRoot) -> None:
    rig = Rig(root, physical(0), physical(1))
    rig.driver.on_count = lambda: rig.holds.append(hold())
    steps = rig.apply(DeclaredPf("ens0f0", num_vfs=1), DeclaredPf("ens1f0", num_vfs=1))
    assert told(steps) == [(None, "numvfs", Made.SET), (None, "numvfs", Made.HELD)]
    assert rig.driver.counts == [(pf_address(0), 1)]


def test_who_loses_what_is_looked_up_again_after_a_count_that_took_long(root: HostRoot) -> None:
    rig = Rig(root, physical(0, vfs=1), physical(1, vfs=1))

    def take_the_other() -> None:
        rig.now += FRESH
        if not rig.driver.counts:
            rig.driver.change(pf_address(1), 0, use=USED)

    rig.driver.on_count = take_the_other
    rig.apply(DeclaredPf("ens0f0", num_vfs=2), DeclaredPf("ens1f0", num_vfs=2), force=True)
    assert rig.said[-1] == f"ens1f0: in use, and lost: VF 0 (0000:41:01.0): guest instance-1 ({GUEST}), hostdev"
    assert len(rig.driver.counts) == 2


def test_a_kernel_that_hangs_is_told_with_the_users_and_nothing_else_is_done_there(root: HostRoot) -> None:
    rig = Rig(root, physical(0, vfs=3, uses={0: USED, 1: USED}), physical(1, vfs=1))
    rig.driver.hangs_at = 1
    Path(f"{root.sys}/bus/pci/devices/{vf_address(0, 1)}").mkdir()
    trust = VfSettings(trust=True)
    steps = rig.apply(
        replace(ENS0, num_vfs=4, settings=trust, autoprobe=True), DeclaredPf("ens1f0", settings=trust), force=True
    )
    hung = next(step for step in steps if step.pf == pf_address(0))
    assert (hung.setting, hung.made) == (Setting.NUMVFS, Made.FAILED)
    assert hung.message == (
        f"the kernel has not answered; in use: VF 1 (0000:40:01.1): guest instance-1 ({GUEST}), hostdev"
    )
    assert {pf for pf, _, _ in rig.driver.writes} == {pf_address(1)}
    assert told(steps)[-2:] == [(0, "trust", Made.SET), (None, "numvfs", Made.FAILED)]


def test_nothing_is_set_on_a_device_while_the_kernel_makes_its_functions(root: HostRoot) -> None:
    rig = Rig(root, physical())
    rig.driver.hangs_at = 2
    (step,) = rig.apply(replace(ENS0, num_vfs=4, settings=VfSettings(trust=True)))
    assert (step.setting, step.made, rig.driver.writes) == (Setting.NUMVFS, Made.FAILED, [])


def test_what_a_driver_ignores_or_refuses_is_not_supported_and_is_told_apart_from_an_error(root: HostRoot) -> None:
    rig = Rig(root, physical(vfs=1))
    rig.driver.ignores, rig.driver.refuses, rig.driver.fails = {Setting.VLAN}, {Setting.TRUST}, {Setting.LINK_STATE}
    wish = replace(ENS0, settings=VfSettings(vlan=7, spoofchk=False, link_state=LinkState.DISABLE, trust=True))
    assert [(step.setting, step.made, step.message) for step in rig.apply(wish)] == [
        (Setting.VLAN, Made.UNSUPPORTED, "the driver accepted it and changed nothing"),
        (Setting.SPOOFCHK, Made.SET, None),
        (Setting.LINK_STATE, Made.FAILED, "the kernel refused it: Device or resource busy"),
        (Setting.TRUST, Made.UNSUPPORTED, "the driver does not support it"),
    ]
    rig.driver.writes.clear()
    rig.applier.unsupported = {(pf_address(0), Setting.VLAN), (pf_address(0), Setting.TRUST)}
    assert told(rig.apply(wish)) == [
        (0, "vlan", Made.UNSUPPORTED),
        (0, "spoofchk", Made.OK),
        (0, "link_state", Made.FAILED),
        (0, "trust", Made.UNSUPPORTED),
    ]
    assert [list(values) for _, _, values in rig.driver.writes] == [[Setting.LINK_STATE]]


def test_a_function_that_is_taken_meanwhile_keeps_what_it_has(root: HostRoot) -> None:
    rig = Rig(root, physical(vfs=4))

    def take_the_third() -> None:
        rig.now += FRESH
        rig.driver.change(pf_address(0), 2, use=USED)

    rig.driver.on_write = take_the_third
    steps = rig.apply(replace(ENS0, settings=VfSettings(trust=True, spoofchk=False)))
    assert [vf for _, vf, _ in rig.driver.writes] == [0, 0, 1, 1, 3, 3]
    assert {step.vf: step.made for step in steps} == {0: Made.SET, 1: Made.SET, 2: Made.REFUSED, 3: Made.SET}


def test_a_function_that_goes_meanwhile_is_told(root: HostRoot) -> None:
    rig = Rig(root, physical(vfs=1))

    def lose() -> None:
        rig.driver.pfs[pf_address(0)] = replace(physical(vfs=1), vfs=(virtual(0, 0, settings=None),))

    rig.driver.on_write = lose
    rig.driver.ignores = {Setting.TRUST}
    (step,) = rig.apply(replace(ENS0, settings=VfSettings(trust=True)))
    assert (step.made, step.message) == (
        Made.FAILED,
        "the virtual function, or what netlink tells of it, has gone",
    )


def test_a_netdev_of_another_namespace_is_not_written_to(root: HostRoot) -> None:
    rig = Rig(root, physical(vfs=1))
    rig.applier.index_of = lambda _name: 99
    (step,) = rig.apply(replace(ENS0, settings=VfSettings(trust=True)))
    assert (step.made, rig.driver.writes) == (Made.FAILED, [])
    assert step.message == ("the netdev ens0f0 cannot be reached: it is in another network namespace than this process")


@pytest.mark.parametrize(
    ("of", "held"),
    [
        (hold(), {0, 1, None}),
        (hold(device=pf_address(0)), {0, 1, None}),
        (hold(device=vf_address(0, 1)), {1, None}),
        (hold(guest=GUEST), {None}),
        (hold(guest=GuestId("6f1c3b9e-0000-4000-8000-000000000009")), set()),
        (hold(device=pf_address(1)), set()),
    ],
)
def test_a_hold_defers_what_it_covers(root: HostRoot, of: Hold, held: set[int | None]) -> None:
    rig = Rig(root, physical(vfs=3, uses={2: USED}))
    rig.holds = [of]
    wish = replace(ENS0, settings=VfSettings(trust=True))
    found = {step.vf: step.made for step in rig.apply(wish)}
    assert found == {index: Made.HELD if index in held else Made.SET for index in (0, 1)} | {2: Made.REFUSED}
    (step,) = rig.apply(DeclaredPf("ens0f0", num_vfs=4), force=True)
    assert step.made is (Made.HELD if None in held else Made.SET)
    assert step.message == ("hold 3 (upgrade) until 2026-11-20T01:00:00Z" if None in held else None)
    rig.holds.clear()
    assert Made.HELD not in {step.made for step in rig.apply(wish)}


def test_no_write_begins_after_a_hold_and_what_was_begun_is_told(root: HostRoot) -> None:
    rig = Rig(root, physical(vfs=2))
    rig.driver.on_write = lambda: rig.holds.append(hold(device=vf_address(0, 0)))
    steps = rig.apply(replace(ENS0, settings=VfSettings(vlan=7, qos=1, trust=True, spoofchk=False)))
    assert [(vf, list(values)) for _, vf, values in rig.driver.writes] == [
        (0, [Setting.VLAN, Setting.QOS]),
        (1, [Setting.VLAN, Setting.QOS]),
        (1, [Setting.SPOOFCHK]),
        (1, [Setting.TRUST]),
    ]
    assert [(step.vf, step.setting.value) for step in steps if step.made is Made.HELD] == [
        (0, "spoofchk"),
        (0, "trust"),
    ]
    assert all(step.was_written == (step.made is Made.SET) for step in steps)


@pytest.mark.parametrize("force", [False, True])
def test_a_hold_made_while_the_process_of_a_count_begins_keeps_it_back(root: HostRoot, force: bool) -> None:
    rig = Rig(root, physical(vfs=2 if force else 0))
    rig.driver.on_ready = lambda: rig.holds.append(hold())
    (count, *_) = rig.apply(replace(ENS0, num_vfs=4), force=force)
    assert (count.made, count.was_written, rig.driver.counts, rig.said) == (Made.HELD, False, [], [])
    assert count.message == "hold 3 (upgrade) until 2026-11-20T01:00:00Z"
    rig.holds.clear()
    (step,) = rig.apply(replace(ENS0, autoprobe=False))
    assert (step.made, rig.driver.pfs[pf_address(0)].autoprobe) == (Made.HELD, True)


def test_a_function_that_is_taken_right_before_its_write_keeps_what_it_has(root: HostRoot) -> None:
    rig = Rig(root, physical(vfs=3))
    unsure = Use(UseKind.UNKNOWN, message="its driver was iavf a moment ago, and is vfio-pci now")

    def take() -> None:
        rig.taken.update({vf_address(0, 1): USED, vf_address(0, 2): unsure})

    rig.driver.on_write = take
    steps = rig.apply(replace(ENS0, settings=VfSettings(trust=True)))
    assert [vf for _, vf, _ in rig.driver.writes] == [0]
    assert [(step.made, step.message, step.is_drift, step.was_written) for step in steps] == [
        (Made.SET, None, False, True),
        (Made.REFUSED, f"it is not free: guest instance-1 ({GUEST}), hostdev", True, False),
        (Made.REFUSED, f"it is not free: nobody can tell who uses it: {unsure.message}", False, False),
    ]


def test_a_device_that_is_taken_right_before_its_count_keeps_it(root: HostRoot) -> None:
    rig = Rig(root, physical())
    rig.taken = {pf_address(0): USED}
    (step, *_) = rig.apply(replace(ENS0, num_vfs=4))
    assert (step.made, step.is_drift, rig.driver.counts) == (Made.REFUSED, False, [])
    assert step.message == f"the device itself is in use: guest instance-1 ({GUEST}), hostdev"


@settings(max_examples=60)
@given(drawn=pfs_and_wishes(), force=st.booleans(), ignored=st.sets(st.sampled_from(Setting)))
def test_whatever_is_declared_nobody_loses_a_setting_and_a_second_run_has_nothing_to_do(
    root: HostRoot, drawn: tuple[list[PhysicalFunction], list[DeclaredPf]], force: bool, ignored: set[Setting]
) -> None:
    pfs, wishes = drawn
    rig = Rig(root, *pfs)
    rig.driver.ignores = ignored
    before = {vf.address: vf for pf in pfs for vf in pf.vfs}
    steps = rig.apply(*wishes, force=force)
    replaced = {pf for pf, _ in rig.driver.counts}
    assert force or all(pf.num_vfs == 0 for pf in pfs if pf.address in replaced)
    for pf, index, _values in rig.driver.writes:
        address = vf_address(pf.bus - 0x40, index)
        assert pf in replaced or before[address].use is None
    for pf in rig.driver.pfs.values():
        for vf in pf.vfs:
            if pf.address not in replaced and before[vf.address].use is not None:
                assert vf == before[vf.address]
    assert Made.WOULD_SET not in {step.made for step in steps}
    made = {(step.pf, step.vf, step.setting): step for step in steps}
    assert len(made) == len(steps)
    rig.driver.ignores, count = set(), len(rig.driver.writes)
    if not ignored:
        again = rig.apply(*wishes, force=False)
        assert len(rig.driver.writes) == count
        assert Made.SET not in {step.made for step in again}


def test_the_use_of_a_kind_that_nobody_knows_counts_as_use(root: HostRoot) -> None:
    rig = Rig(root, physical(vfs=1, uses={0: Use(UseKind.UNKNOWN, message="needs CAP_SYS_PTRACE")}))
    (step,) = rig.apply(replace(ENS0, settings=VfSettings(trust=True)), force=True)
    assert (step.made, rig.driver.writes) == (Made.REFUSED, [])
    assert step.message == "it is not free: nobody can tell who uses it: needs CAP_SYS_PTRACE"


def test_autoprobe_is_written_for_real(root: HostRoot, tmp_path: Path) -> None:
    folder = tmp_path / f"sys/bus/pci/devices/{pf_address(0)}"
    folder.mkdir(parents=True)
    (folder / "sriov_drivers_autoprobe").write_text("1")
    rig = Rig(HostRoot(str(tmp_path / "proc"), str(tmp_path / "sys")), physical())
    rig.applier.write_autoprobe = write_autoprobe
    (step,) = rig.apply(replace(ENS0, autoprobe=False))
    assert step.made is Made.SET
    assert (folder / "sriov_drivers_autoprobe").read_text() == "0"
