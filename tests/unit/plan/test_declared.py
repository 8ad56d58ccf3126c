# SPDX-License-Identifier: Apache-2.0
"""What is done for declared settings, what is refused, and what nobody can do."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings

from irqaffinity.model.declared import ATTRIBUTES, OF_PF, DeclaredPf, Made, Setting, Step
from irqaffinity.model.sriov import Inventory, LinkState, PhysicalFunction, Use, UseKind, VfSettings
from irqaffinity.plan.declared import losses, name_use, plan_declared, writes_of
from tests.fakes.functions import GUEST, STANDARD, USED, pf_address, pfs_and_wishes, physical, vf_address, virtual

ENS0 = DeclaredPf("ens0f0")


def plan(pf: PhysicalFunction, wish: DeclaredPf, *, force: bool = False) -> list[Step]:
    return plan_declared(Inventory((pf,)), [wish], force=force)


def told(steps: list[Step]) -> list[tuple[int | None, str, Made]]:
    return [(step.vf, step.setting.value, step.made) for step in steps]


def test_autoprobe_comes_first_then_the_count_then_the_settings_of_the_functions_to_come() -> None:
    wish = replace(ENS0, autoprobe=False, num_vfs=2, settings=VfSettings(trust=True), of_vf={1: VfSettings(vlan=7)})
    steps = plan(physical(), wish)
    assert told(steps) == [
        (None, "autoprobe", Made.WOULD_SET),
        (None, "numvfs", Made.WOULD_SET),
        (0, "trust", Made.WOULD_SET),
        (1, "vlan", Made.WOULD_SET),
        (1, "trust", Made.WOULD_SET),
    ]
    assert [(step.origin, step.target) for step in steps] == [
        (True, False),
        (0, 2),
        (None, True),
        (None, 7),
        (None, True),
    ]
    assert {step.message for step in steps[2:]} == {"once it is there"}


def test_what_is_as_declared_is_ok_whoever_has_it() -> None:
    wish = replace(ENS0, autoprobe=True, num_vfs=1, settings=VfSettings(trust=False, vlan=0))
    steps = plan(physical(vfs=1, uses={0: USED}), wish)
    assert {step.made for step in steps} == {Made.OK}
    assert len(steps) == 4


def test_only_what_differs_is_set() -> None:
    steps = plan(physical(vfs=1), replace(ENS0, settings=VfSettings(spoofchk=True, link_state=LinkState.ENABLE)))
    assert told(steps) == [(0, "spoofchk", Made.OK), (0, "link_state", Made.WOULD_SET)]
    assert (steps[1].origin, steps[1].target, steps[1].device) == (LinkState.AUTO, LinkState.ENABLE, vf_address(0, 0))


@pytest.mark.parametrize("kind", UseKind)
@pytest.mark.parametrize("force", [False, True])
def test_nothing_is_set_where_somebody_has_the_function_or_may_have_it(kind: UseKind, force: bool) -> None:
    pf = physical(vfs=2, uses={1: Use(kind, GUEST, "vm")})
    steps = plan(pf, replace(ENS0, settings=VfSettings(trust=True)), force=force)
    assert told(steps) == [(0, "trust", Made.WOULD_SET), (1, "trust", Made.REFUSED)]
    assert [step.is_drift for step in steps] == [False, kind is not UseKind.UNKNOWN]
    assert steps[1].message == f"it is not free: {name_use(Use(kind, GUEST, 'vm'))}"


def test_a_function_whose_files_cannot_be_read_is_not_free() -> None:
    pf = physical(vfs=1)
    pf = replace(pf, vfs=(replace(pf.vfs[0], trouble="driver: Permission denied"),))
    (step,) = plan(pf, replace(ENS0, settings=VfSettings(trust=True)))
    assert (step.made, step.message) == (
        Made.REFUSED,
        "nobody can tell whether it is free: driver: Permission denied",
    )


def test_another_count_is_refused_and_names_who_would_lose_what() -> None:
    pf = physical(vfs=6, uses=dict.fromkeys(range(5), USED))
    (step,) = plan(pf, replace(ENS0, num_vfs=8))
    assert step.made is Made.REFUSED
    assert step.message == (
        "another count removes all 6 first, 5 in use: "
        f"VF 0 (0000:40:01.0): guest instance-1 ({GUEST}), hostdev; VF 1 (0000:40:01.1): guest instance-1 ({GUEST}), "
        f"hostdev; VF 2 (0000:40:01.2): guest instance-1 ({GUEST}), hostdev; and 2 more; "
        "irqaffinity sriov apply --force does it"
    )
    assert len(losses(pf)) == 5
    (forced,) = plan(pf, replace(ENS0, num_vfs=8), force=True)
    assert (forced.made, forced.setting) == (Made.WOULD_SET, Setting.NUMVFS)
    lost = "; ".join(f"VF {index} (0000:40:01.{index}): guest instance-1 ({GUEST}), hostdev" for index in range(5))
    assert forced.message == f"another count removes all 6 first, 5 in use: {lost}"
    assert told(plan(pf, replace(ENS0, num_vfs=0), force=True)) == [(None, "numvfs", Made.WOULD_SET)]


def test_a_refused_count_keeps_nobody_from_setting_the_functions_that_are_there() -> None:
    wish = replace(ENS0, num_vfs=4, settings=VfSettings(trust=True), of_vf={3: VfSettings(vlan=1)})
    steps = plan(physical(vfs=2), wish)
    assert told(steps) == [
        (None, "numvfs", Made.REFUSED),
        (0, "trust", Made.WOULD_SET),
        (1, "trust", Made.WOULD_SET),
    ]


@pytest.mark.parametrize("force", [False, True])
def test_a_device_that_is_a_guests_own_is_left_alone(force: bool) -> None:
    pf = replace(physical(), use=USED)
    steps = plan(pf, replace(ENS0, num_vfs=4, autoprobe=False), force=force)
    assert told(steps) == [(None, "autoprobe", Made.REFUSED), (None, "numvfs", Made.REFUSED)]
    assert steps[1].message == f"the device itself is in use: guest instance-1 ({GUEST}), hostdev"
    pf = replace(physical(vfs=1), use=USED)
    (step,) = plan_declared(Inventory((pf,)), [replace(ENS0, settings=VfSettings(trust=True))], force=force)
    assert (step.made, step.is_drift) == (Made.REFUSED, True)


def test_a_device_of_which_nothing_is_known_is_left_alone_and_that_is_no_drift() -> None:
    pf = replace(physical(vfs=1), use=Use(UseKind.UNKNOWN, message="no"))
    steps = plan(pf, replace(ENS0, num_vfs=4, settings=VfSettings(trust=True)), force=True)
    assert told(steps) == [(None, "numvfs", Made.REFUSED), (0, "trust", Made.REFUSED)]
    assert {step.message for step in steps} == {"whether the device itself is in use is not known: no"}
    assert not any(step.is_drift for step in steps)
    hosts = replace(physical(), use=Use(UseKind.HOST, name="ens0f0"))
    assert {step.made for step in plan(hosts, replace(ENS0, num_vfs=4, autoprobe=False))} == {Made.WOULD_SET}


def test_a_device_that_somebody_may_have_is_left_alone_and_that_is_no_drift() -> None:
    pf = replace(physical(vfs=1), use=Use(UseKind.UNKNOWN, message="libvirt is away"))
    steps = plan(pf, replace(ENS0, num_vfs=4, settings=VfSettings(trust=True)), force=True)
    assert told(steps) == [(None, "numvfs", Made.REFUSED), (0, "trust", Made.REFUSED)]
    why = "whether the device itself is in use is not known: libvirt is away"
    assert [(step.message, step.is_drift) for step in steps] == [(why, False)] * 2


def test_more_functions_than_there_can_be() -> None:
    (step,) = plan(physical(total=8), replace(ENS0, num_vfs=9), force=True)
    assert (step.made, step.message) == (
        Made.REFUSED,
        "it can have 8 at most: lower numvfs, or raise the limit in the device's firmware",
    )


def test_a_device_that_is_not_there_or_cannot_be_read_is_told() -> None:
    (step,) = plan(physical(), DeclaredPf("ens9f0", num_vfs=4))
    assert (step.pf, step.netdev, step.made) == (None, "ens9f0", Made.FAILED)
    assert step.message == "no device with SR-IOV has this name: see irqaffinity sriov, and the firmware's settings"
    (step,) = plan(replace(physical(), trouble="vendor: Input/output error"), ENS0)
    assert (step.made, step.message) == (Made.FAILED, "vendor: Input/output error")


def test_a_device_that_two_values_mean_is_made_what_the_first_says() -> None:
    both = [replace(ENS0, num_vfs=1), DeclaredPf(address=pf_address(0), num_vfs=2)]
    first, second = plan_declared(Inventory((physical(),)), both)
    assert (first.made, first.target) == (Made.WOULD_SET, 1)
    assert (second.made, second.message) == (
        Made.FAILED,
        "two values of [sriov] pf are about this device: make them one",
    )


def test_a_function_that_is_not_there_is_told() -> None:
    (step,) = plan(physical(vfs=2), replace(ENS0, of_vf={2: VfSettings(trust=True)}))
    assert (step.vf, step.made) == (2, Made.FAILED)
    assert step.message == "there is no such virtual function, for numvfs is 2: declare numvfs as well"


def test_a_function_is_known_by_its_number_where_one_before_it_is_missing() -> None:
    pf = physical(vfs=3)
    pf = replace(pf, num_vfs=2, vfs=(pf.vfs[0], pf.vfs[2]))
    wanted = dict.fromkeys((1, 2), VfSettings(trust=True))
    assert [(step.vf, step.made) for step in plan(pf, replace(ENS0, of_vf=wanted))] == [
        (2, Made.WOULD_SET),
        (1, Made.FAILED),
    ]


def test_what_the_driver_does_not_tell_is_not_supported() -> None:
    pf = replace(physical(vfs=1), vfs=(virtual(0, 0, settings=STANDARD._replace(trust=None)),))
    (step,) = plan(pf, replace(ENS0, settings=VfSettings(trust=True)))
    assert (step.made, step.message) == (Made.UNSUPPORTED, "the driver ice does not tell it")
    pf = replace(pf, vfs=(virtual(0, 0, settings=None),))
    assert plan(pf, replace(ENS0, settings=VfSettings(trust=True)))[0].message == (
        "netlink does not show it; irqaffinity sriov says why"
    )
    pf = replace(pf, netdev=None)
    wish = DeclaredPf(address=pf.address, settings=VfSettings(trust=True))
    assert plan(pf, wish)[0].message == "the device has no netdev"
    assert plan(replace(pf, autoprobe=None), replace(wish, autoprobe=True))[0].made is Made.UNSUPPORTED


def test_of_two_that_are_set_together_both_have_to_be_known() -> None:
    pf = replace(physical(vfs=1), vfs=(virtual(0, 0, settings=STANDARD._replace(qos=None, min_tx_rate=5)),))
    vlan, rate = plan(pf, replace(ENS0, settings=VfSettings(vlan=7, max_tx_rate=9)))
    both = plan(pf, replace(ENS0, settings=VfSettings(vlan=7, qos=3)))
    assert {step.made for step in both} == {Made.UNSUPPORTED}
    assert (vlan.made, vlan.message) == (Made.UNSUPPORTED, "the driver does not tell qos, and both are set together")
    (write,) = writes_of([vlan, rate], pf.vfs)
    assert write.values == {Setting.MIN_TX_RATE: 5, Setting.MAX_TX_RATE: 9}
    assert write.steps == (rate,)


def test_two_that_are_set_together_are_one_write() -> None:
    pf = physical(vfs=1)
    writes = writes_of(plan(pf, replace(ENS0, settings=VfSettings(vlan=7, qos=3, trust=True))), pf.vfs)
    assert [write.values for write in writes] == [{Setting.VLAN: 7, Setting.QOS: 3}, {Setting.TRUST: True}]


@pytest.mark.parametrize(
    ("use", "name"),
    [
        (USED, f"guest instance-1 ({GUEST}), hostdev"),
        (Use(UseKind.RESERVED, GUEST, "vm"), f"stopped guest vm ({GUEST})"),
        (Use(UseKind.PROCESS, pid=7, process="dpdk-testpmd"), "process dpdk-testpmd (pid 7)"),
        (Use(UseKind.HOST, name="ens0f0v0"), "the host, as ens0f0v0"),
        (Use(UseKind.UNKNOWN, message="needs CAP_SYS_PTRACE"), "nobody can tell who uses it: needs CAP_SYS_PTRACE"),
        (Use(UseKind.MDEV), "a use as mdev"),
    ],
)
def test_who_has_it_is_named(use: Use, name: str) -> None:
    assert name_use(use) == name


@settings(max_examples=60)
@given(pfs_and_wishes())
def test_rules_that_no_host_and_no_option_breaks(drawn: tuple[list[PhysicalFunction], list[DeclaredPf]]) -> None:
    pfs, wishes = drawn
    known = {vf.address: vf for pf in pfs for vf in pf.vfs}
    of_pf = {pf.address: pf for pf in pfs}
    for force in (False, True):
        steps = plan_declared(Inventory(tuple(pfs)), wishes, force=force)
        for step in steps:
            assert (step.vf is None) == (step.setting in OF_PF) or step.made is Made.FAILED
            assert (step.made is Made.OK) == (step.origin == step.target)
            if step.made is Made.WOULD_SET and step.device in known:
                assert known[step.device].use is None
                assert step.origin is not None
            if step.made is Made.WOULD_SET and step.setting is Setting.NUMVFS:
                assert force or of_pf[step.pf or pf_address(0)].num_vfs == 0
        order = [list(of_pf).index(step.pf or pf_address(0)) for step in steps]
        runs = [place for place, _ in itertools.groupby(order)]
        assert len(set(runs)) == len(runs)
        for pf in of_pf:
            mine = [OF_PF.index(step.setting) if step.vf is None else len(OF_PF) for step in steps if step.pf == pf]
            assert mine == sorted(mine)
        assert {len(pair) for pair in ATTRIBUTES} == {1, 2}
