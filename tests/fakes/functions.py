# SPDX-License-Identifier: Apache-2.0
"""A NIC driver with virtual functions: what it has, what it lets others set, and what it was asked for."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from hypothesis import strategies as st

from irqaffinity.apply.vf_count import Counted, Keep
from irqaffinity.apply.vf_settings import Answer
from irqaffinity.model.declared import ATTRIBUTES, DeclaredPf, Made, Setting, Value
from irqaffinity.model.guest import GuestId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.sriov import Function, Inventory, LinkState, PhysicalFunction, Use, UseKind, VfSettings

GUEST = GuestId("6f1c3b9e-0000-4000-8000-000000000001")
USED = Use(UseKind.HOSTDEV, GUEST, "instance-1")
STANDARD = VfSettings("00:00:00:00:00:00", 0, 0, 0, 0, True, LinkState.AUTO, False)
"""What a driver gives to a new virtual function."""


def pf_address(number: int) -> PciAddress:
    return PciAddress(0, 0x40 + number, 0, 0)


def vf_address(number: int, index: int) -> PciAddress:
    return PciAddress(0, 0x40 + number, 1 + index // 8, index % 8)


def virtual(number: int, index: int, use: Use | None = None, settings: VfSettings | None = STANDARD) -> Function:
    return Function(index, vf_address(number, index), "iavf", settings=settings, use=use)


def physical(
    number: int = 0, vfs: int = 0, *, total: int = 8, uses: Mapping[int, Use] | None = None
) -> PhysicalFunction:
    """Return `ens0f0`, `ens1f0` ... with so many virtual functions, of which some are used."""
    found = tuple(virtual(number, index, (uses or {}).get(index)) for index in range(vfs))
    name = f"ens{number}f0"
    return PhysicalFunction(
        pf_address(number), name, "ice", total_vfs=total, num_vfs=vfs, link="up", autoprobe=True, vfs=found
    )


class FakeDriver:
    """Keeps physical functions, and changes them as it is asked, in the place of netlink and sysfs.

    `ignores` are settings that it accepts and does not change, `refuses` those that it does not support, and `fails`
    those for which it has an error. `on_ready` is called before a count or autoprobe asks whether it may be written.
    """

    def __init__(self, *pfs: PhysicalFunction) -> None:
        self.pfs = {pf.address: pf for pf in pfs}
        self.ignores: set[Setting] = set()
        self.refuses: set[Setting] = set()
        self.fails: set[Setting] = set()
        self.writes: list[tuple[PciAddress, int, Mapping[Setting, Value]]] = []
        self.counts: list[tuple[PciAddress, int]] = []
        self.on_write: Callable[[], None] = lambda: None
        self.on_count: Callable[[], None] = lambda: None
        self.on_ready: Callable[[], None] = lambda: None
        self.hangs_at: int | None = None
        self.looks = 0
        self.is_closed = False

    def look(self) -> Inventory:
        self.looks += 1
        return Inventory(tuple(self.pfs.values()))

    def change(self, address: PciAddress, index: int, **values: object) -> None:
        """Change a virtual function, as somebody else would."""
        pf = self.pfs[address]
        vfs = tuple(replace(vf, **values) if vf.index == index else vf for vf in pf.vfs)  # type: ignore[arg-type]
        self.pfs[address] = replace(pf, vfs=vfs)

    def index_of(self, netdev: str) -> int:
        return 1 + [pf.netdev for pf in self.pfs.values()].index(netdev)

    def write(self, index: int, vf: int, values: Mapping[Setting, Value]) -> Answer:
        self.on_write()
        pf = list(self.pfs.values())[index - 1]
        assert tuple(values) in ATTRIBUTES
        assert None not in values.values()
        self.writes.append((pf.address, vf, dict(values)))
        if self.refuses & values.keys():
            return Answer(Made.UNSUPPORTED, "the driver does not support it")
        if self.fails & values.keys():
            return Answer(Made.FAILED, "the kernel refused it: Device or resource busy")
        if not self.ignores & values.keys():
            settings = next(each.settings for each in pf.vfs if each.index == vf) or VfSettings()
            new = settings._replace(**{setting.value: value for setting, value in values.items()})  # type: ignore[arg-type]
            self.change(pf.address, vf, settings=new)
        return Answer(Made.SET)

    def close(self) -> None:
        self.is_closed = True

    def write_count(self, folder: str, wanted: int, _deadline: float, keep: Keep, *, removes: bool) -> Counted:
        address = PciAddress.parse(folder.rsplit("/", 1)[1])
        self.on_ready()
        kept = keep()
        if kept is not None:
            return kept
        self.on_count()
        pf = self.pfs[address]
        if pf.num_vfs not in (0, wanted) and not removes:
            return Counted(Made.FAILED, "Device or resource busy")
        self.counts.append((address, wanted))
        if self.hangs_at is not None:
            left = pf.vfs[self.hangs_at + 1 :]  # the kernel takes a function's link away, and then waits for its user
            left = left if pf.vfs else tuple(virtual(address.bus - 0x40, index) for index in range(self.hangs_at))
            self.pfs[address] = replace(pf, num_vfs=len(left), vfs=left)
            return Counted(Made.FAILED, "the kernel has not answered", hangs=True)
        vfs = tuple(virtual(address.bus - 0x40, index) for index in range(wanted))
        self.pfs[address] = replace(pf, num_vfs=wanted, vfs=vfs)
        return Counted(Made.SET)

    def write_autoprobe(self, folder: str, wanted: bool, _deadline: float, keep: Keep) -> Counted:
        address = PciAddress.parse(folder.rsplit("/", 1)[1])
        self.on_ready()
        kept = keep()
        if kept is not None:
            return kept
        self.pfs[address] = replace(self.pfs[address], autoprobe=wanted)
        return Counted(Made.SET)


def _settings(*, may_be_unknown: bool) -> st.SearchStrategy[VfSettings]:
    def of(values: st.SearchStrategy[Value]) -> st.SearchStrategy[Value]:
        return st.none() | values if may_be_unknown else values

    return st.builds(
        VfSettings,
        st.none(),
        of(st.integers(0, 3)),
        of(st.integers(0, 2)),
        of(st.integers(0, 2)),
        of(st.integers(2, 4)),
        of(st.booleans()),
        of(st.sampled_from(LinkState)),
        of(st.booleans()),
    )


def _wishes() -> st.SearchStrategy[VfSettings]:
    return _settings(may_be_unknown=True).map(lambda each: each if each.vlan is not None else each._replace(qos=None))


_SETTINGS = st.none() | _settings(may_be_unknown=True)
_WISHES = _wishes()
_OF_VF = st.lists(st.tuples(st.integers(0, 6), _WISHES), max_size=2).map(dict)
USES = st.sampled_from([None, None, *(Use(kind, GUEST, "vm") for kind in UseKind)])


@st.composite
def pfs_and_wishes(draw: st.DrawFn) -> tuple[list[PhysicalFunction], list[DeclaredPf]]:
    """Draw physical functions of all sorts, and what is declared of them."""
    pfs, wishes = [], []
    for number in range(draw(st.integers(1, 3))):
        count = draw(st.integers(0, 4))
        vfs = tuple(virtual(number, index, draw(USES), draw(_SETTINGS)) for index in range(count))
        pf = replace(
            physical(number, total=draw(st.integers(max(count, 1), 6))),
            num_vfs=count,
            vfs=vfs,
            autoprobe=draw(st.none() | st.booleans()),
            use=draw(USES),
        )
        pfs.append(pf)
        wishes.append(
            DeclaredPf(
                address=pf.address,
                num_vfs=draw(st.none() | st.just(count) | st.integers(0, 7)),
                autoprobe=draw(st.none() | st.booleans()),
                settings=draw(_WISHES),
                of_vf=draw(_OF_VF),
            )
        )
    return pfs, draw(st.permutations(wishes))
