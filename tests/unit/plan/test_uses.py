# SPDX-License-Identifier: Apache-2.0
"""Which of several users counts as the one of a function."""

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irqaffinity.model.guest import ClaimKind, Guest, GuestId
from irqaffinity.model.host import DeviceClaim, SeenGuest
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.sriov import Use, UseKind
from irqaffinity.plan.uses import Sign, claims_of, held_by, reserved_by, settle_uses, unknown
from tests.fakes.snapshots import guest_id

VF = PciAddress.parse("0000:41:00.1")
ONE, TWO = guest_id(1), guest_id(2)


def seen(number: int, *kinds: ClaimKind, address: PciAddress = VF) -> SeenGuest:
    guest = Guest(guest_id(number), f"instance-{number}", 1, {})
    return SeenGuest(guest, tuple(DeviceClaim(address, kind) for kind in kinds))


def active(number: int, kind: ClaimKind = ClaimKind.HOSTDEV) -> list[Sign]:
    return claims_of({guest_id(number): seen(number, kind)})


def defined(number: int) -> list[Sign]:
    return reserved_by([seen(number, ClaimKind.HOSTDEV)], {})


def sign(use: Use) -> list[Sign]:
    return [Sign(VF, use)]


PROCESS = sign(held_by(77, "testpmd"))
HOST = sign(Use(UseKind.HOST, name="vf0", message="it is part of bond0"))
UNKNOWN = sign(unknown("needs a right"))
A_ONE, A_TWO = f"active guest instance-1 ({ONE})", f"active guest instance-2 ({TWO})"
D_ONE, D_TWO = f"defined guest instance-1 ({ONE})", f"defined guest instance-2 ({TWO})"


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (ClaimKind.HOSTDEV, UseKind.HOSTDEV),
        (ClaimKind.INTERFACE, UseKind.HOSTDEV),
        (ClaimKind.NVME, UseKind.HOSTDEV),
        (ClaimKind.MACVTAP, UseKind.MACVTAP),
        (ClaimKind.VDPA, UseKind.VDPA),
        (ClaimKind.MDEV, UseKind.MDEV),
    ],
)
def test_an_active_guest_is_told_with_the_kind_of_its_claim(kind: ClaimKind, told: UseKind) -> None:
    message = "QEMU drives it, as a disk of the guest" if kind is ClaimKind.NVME else None
    assert settle_uses(active(1, kind)) == {VF: Use(told, ONE, "instance-1", message=message)}


@pytest.mark.parametrize(
    ("signs", "kind", "user", "message"),
    [
        (
            [*UNKNOWN, *HOST, *PROCESS, *defined(2), *active(1)],
            "hostdev",
            ONE,
            f"{A_ONE}, {D_TWO} and process testpmd (pid 77) claim it",
        ),
        ([*UNKNOWN, *HOST, *active(1)], "hostdev", ONE, None),
        ([*active(1), *defined(1)], "hostdev", ONE, None),
        ([*active(2), *active(1)], "hostdev", TWO, f"{A_TWO} and {A_ONE} claim it"),
        ([*active(1, ClaimKind.MACVTAP), *active(2)], "macvtap", ONE, f"{A_ONE} and {A_TWO} claim it"),
        ([*active(1, ClaimKind.MDEV), *active(2, ClaimKind.MDEV)], "mdev", ONE, f"{A_ONE} and {A_TWO} share it"),
        ([*UNKNOWN, *HOST, *defined(2)], "reserved", TWO, None),
        ([*defined(1), *defined(2)], "reserved", ONE, f"{D_ONE} and {D_TWO} claim it"),
        ([*PROCESS, *defined(2)], "reserved", TWO, f"{D_TWO} and process testpmd (pid 77) claim it"),
        ([*UNKNOWN, *HOST, *PROCESS], "process", 77, None),
        (
            [*PROCESS, *sign(held_by(78, "b"))],
            "process",
            77,
            "process testpmd (pid 77) and process b (pid 78) claim it",
        ),
        ([*PROCESS, *sign(held_by(77, "testpmd", "x"))], "process", 77, None),
        ([*sign(held_by(9, "ovs-vswitchd"))], "process", 9, "OVS-DPDK"),
        ([*sign(held_by(9, "ovs-vswitchd", "it holds vfio/12"))], "process", 9, "OVS-DPDK; it holds vfio/12"),
        ([*UNKNOWN, *HOST], "host", "vf0", "it is part of bond0"),
        ([*HOST, *sign(Use(UseKind.HOST, name="vf1"))], "host", "vf0", "it is part of bond0"),
        ([*UNKNOWN, *sign(unknown("b")), *UNKNOWN], "unknown", None, "needs a right; b"),
    ],
)
def test_of_several_the_surest_counts_and_users_are_named(
    signs: Sequence[Sign], kind: str, user: GuestId | int | str | None, message: str | None
) -> None:
    use = settle_uses(signs)[VF]
    who = use.guest or use.pid or use.name
    assert (use.kind.value, who, use.message) == (kind, user, message)


def test_what_a_running_guest_gets_at_its_next_start_is_reserved() -> None:
    one = seen(1, ClaimKind.HOSTDEV)
    assert reserved_by([one], {ONE: one}) == []
    without = SeenGuest(one.guest)
    told = "the guest runs without it, and gets it when it is started again"
    assert settle_uses(reserved_by([one], {ONE: without})) == {
        VF: Use(UseKind.RESERVED, ONE, "instance-1", message=told)
    }


def test_a_message_is_one_line_that_nobody_forges() -> None:
    use = settle_uses(sign(unknown("a\nb" + "x" * 300)))[VF]
    assert "\n" not in (use.message or "")
    assert len(use.message or "") <= 255


USES = st.one_of(
    st.builds(lambda number, kind: active(number, kind)[0].use, st.integers(1, 3), st.sampled_from(ClaimKind)),
    st.builds(lambda number: defined(number)[0].use, st.integers(1, 3)),
    st.builds(held_by, st.integers(1, 3), st.sampled_from(["testpmd", "ovs-vswitchd"])),
    st.just(HOST[0].use),
    st.builds(unknown, st.sampled_from(["a", "b"])),
)
ADDRESSES = st.builds(PciAddress, st.just(0), st.just(65), st.just(0), st.integers(0, 7))


@given(st.lists(st.builds(Sign, ADDRESSES, USES)))
def test_each_function_that_anybody_has_gets_exactly_one_use(signs: list[Sign]) -> None:
    settled = settle_uses(signs)
    assert settled.keys() == {sign.function for sign in signs}
    assert list(settled) == sorted(settled)
    for address, use in settled.items():
        uses = [sign.use for sign in signs if sign.function == address]
        kinds = {each.kind for each in uses}
        assert use.kind in kinds
        guests = kinds - {UseKind.RESERVED, UseKind.PROCESS, UseKind.HOST, UseKind.UNKNOWN}
        for stronger, weaker in itertools.pairwise(ORDER):
            assert not (use.kind is weaker and stronger in kinds)
            assert not (use.kind is weaker and guests)
        users = {each.guest or each.pid for each in uses} - {None}
        for each in uses:
            if (
                len(users) > 1
                and use.message is not None
                and each.guest is not None
                and use.kind is not UseKind.UNKNOWN
            ):
                assert each.guest in use.message


ORDER = [UseKind.RESERVED, UseKind.PROCESS, UseKind.HOST, UseKind.UNKNOWN]
