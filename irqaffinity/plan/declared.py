# SPDX-License-Identifier: Apache-2.0
"""What has to be done so that physical functions are what `[sriov] pf` declares, and what must not be done.

A virtual function that is used, reserved or unknown keeps what it has, whatever is declared: its settings belong to
Nova, Neutron and libvirt then. A count other than 0 is changed only by force, for that removes all virtual functions
first (the kernel allows no other way, drivers/pci/pci-sysfs.c, sriov_numvfs_store).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from irqaffinity.model.declared import ATTRIBUTES, DeclaredPf, Made, Setting, Step, Value
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.sriov import Function, Inventory, PhysicalFunction, Use, UseKind, VfSettings

_SHOWN = 3
"""How many users a refusal names; by force, all of them are named."""

_OF_VF = tuple(setting for pair in ATTRIBUTES for setting in pair)


class Write(NamedTuple):
    """One netlink attribute of a virtual function: all values that it takes, and the steps that it is for."""

    vf: int
    values: Mapping[Setting, Value]
    steps: tuple[Step, ...]


def plan_declared(inventory: Inventory, declared: Sequence[DeclaredPf], *, force: bool = False) -> list[Step]:
    """Return the steps in their order: for each declared device autoprobe, the count, then the virtual functions.

    What has to be done is `would_set`. With `force` a count other than 0 may be changed too.
    """
    steps: list[Step] = []
    seen: set[PciAddress] = set()
    for wish in declared:
        pf = next((pf for pf in inventory.pfs if wish.names(pf)), None)
        if pf is None or pf.trouble is not None or pf.address in seen:
            steps.append(_not_possible(wish, pf))
        else:
            seen.add(pf.address)
            steps += _of_pf(pf, wish, force=force)
    return steps


def losses(pf: PhysicalFunction) -> list[str]:
    """Return one line for each virtual function that somebody would lose with a change of the count."""
    return [f"VF {vf.index} ({vf.address}): {name_use(vf.use)}" for vf in pf.vfs if vf.use is not None]


def name_use(use: Use) -> str:
    """Return who uses a function, for a sentence."""
    if use.kind is UseKind.PROCESS:
        found = f"process {use.process or '?'}" + ("" if use.pid is None else f" (pid {use.pid})")
    elif use.kind is UseKind.HOST:
        found = "the host" if use.name is None else f"the host, as {use.name}"
    elif use.guest is not None:
        shown = str(use.guest) if use.name is None else f"{use.name} ({use.guest})"
        found = f"stopped guest {shown}" if use.kind is UseKind.RESERVED else f"guest {shown}, {use.kind.value}"
    else:
        found = "nobody can tell who uses it" if use.kind is UseKind.UNKNOWN else f"a use as {use.kind.value}"
    return found if use.message is None else f"{found}: {use.message}"


def refuse_taken(step: Step, use: Use) -> Step:
    """Return the step, refused because somebody uses the function, or may use it."""
    if step.vf is None:
        return step.became(Made.REFUSED, f"the device itself is in use: {name_use(use)}")
    is_sure = use.kind is not UseKind.UNKNOWN
    return step.became(Made.REFUSED, f"it is not free: {name_use(use)}")._replace(is_drift=is_sure)


def writes_of(steps: Iterable[Step], vfs: Sequence[Function]) -> list[Write]:
    """Return the netlink attributes for the steps that would set something on existing virtual functions."""
    of_vf: dict[int, dict[Setting, Step]] = {}
    for step in steps:
        if step.made is Made.WOULD_SET and step.vf is not None:
            of_vf.setdefault(step.vf, {})[step.setting] = step
    known = {vf.index: vf.settings or VfSettings() for vf in vfs}
    writes = []
    for index, wanted in of_vf.items():
        for attribute in ATTRIBUTES:
            chosen = tuple(wanted[setting] for setting in attribute if setting in wanted)
            if chosen:
                values = {
                    each: wanted[each].target if each in wanted else _now(known[index], each) for each in attribute
                }
                writes.append(Write(index, values, chosen))
    return writes


def _not_possible(wish: DeclaredPf, pf: PhysicalFunction | None) -> Step:
    if pf is None:
        why = "no device with SR-IOV has this name: see irqaffinity sriov, and the firmware's settings"
    elif pf.trouble is not None:
        why = pf.trouble
    else:
        why = "two values of [sriov] pf are about this device: make them one"
    address, netdev = (wish.address, wish.netdev) if pf is None else (pf.address, pf.netdev)
    return Step(address, netdev, None, Setting.NUMVFS, None, wish.num_vfs, Made.FAILED, why, address)


def _of_pf(pf: PhysicalFunction, wish: DeclaredPf, *, force: bool) -> Iterator[Step]:
    if wish.autoprobe is not None:
        yield _autoprobe(pf, wish.autoprobe)
    if wish.num_vfs is not None:
        step = _count(pf, wish.num_vfs, force=force)
        yield step
        if step.made is Made.WOULD_SET:
            for index in range(wish.num_vfs):
                yield from _of_new_vf(pf, index, wish.wanted(index))
            return
    for vf in pf.vfs:
        yield from _of_vf(pf, vf, wish.wanted(vf.index))
    if wish.num_vfs is None:
        for index in sorted(wish.of_vf.keys() - {vf.index for vf in pf.vfs}):
            yield from _missing(pf, index, wish.of_vf[index])


def _step(pf: PhysicalFunction, setting: Setting, origin: Value, target: Value) -> Step:
    made = Made.OK if origin == target else Made.WOULD_SET
    return Step(pf.address, pf.netdev, None, setting, origin, target, made, None, pf.address)


def _autoprobe(pf: PhysicalFunction, target: bool) -> Step:
    step = _step(pf, Setting.AUTOPROBE, pf.autoprobe, target)
    if pf.autoprobe is None:
        return step.became(Made.UNSUPPORTED, "this kernel has no sriov_drivers_autoprobe for it")
    return step if step.made is Made.OK or _is_hosts(pf) else step.became(Made.REFUSED, _taken(pf))


def _count(pf: PhysicalFunction, target: int, *, force: bool) -> Step:
    step = _step(pf, Setting.NUMVFS, pf.num_vfs, target)
    if step.made is Made.OK:
        return step
    if not _is_hosts(pf):
        return step.became(Made.REFUSED, _taken(pf))
    if target > pf.total_vfs:
        why = f"it can have {pf.total_vfs} at most: lower numvfs, or raise the limit in the device's firmware"
        return step.became(Made.REFUSED, why)
    if pf.num_vfs == 0:
        return step
    if force:
        return step._replace(message=_removal(pf, pf.num_vfs))
    return step.became(Made.REFUSED, f"{_removal(pf, _SHOWN)}; irqaffinity sriov apply --force does it")


def _removal(pf: PhysicalFunction, most: int) -> str:
    """Return what another count does first, and who loses a virtual function with it, so many of them by name."""
    lost = losses(pf)
    which = "; ".join(lost[:most]) + (f"; and {len(lost) - most} more" if len(lost) > most else "")
    users = f"{len(lost)} in use: {which}" if lost else "none in use"
    return f"another count removes all {pf.num_vfs} first, {users}"


def _is_hosts(pf: PhysicalFunction) -> bool:
    """Whether the device itself is the host's own, and not a guest's or a process's."""
    return pf.use is None or pf.use.kind is UseKind.HOST


def _is_unknown(pf: PhysicalFunction) -> bool:
    """Whether nobody can tell who uses the device itself."""
    return pf.use is not None and pf.use.kind is UseKind.UNKNOWN


def _taken(pf: PhysicalFunction) -> str:
    if pf.use is None:
        return "the device itself is in use"
    if _is_unknown(pf):
        return f"whether the device itself is in use is not known: {pf.use.message or 'the reason is not known either'}"
    return f"the device itself is in use: {name_use(pf.use)}"


def _wanted(wanted: VfSettings) -> Iterator[tuple[Setting, Value]]:
    for setting in _OF_VF:
        value = _now(wanted, setting)
        if value is not None:
            yield setting, value


def _now(settings: VfSettings, setting: Setting) -> Value:
    value: Value = getattr(settings, setting.value)
    return value


def _of_new_vf(pf: PhysicalFunction, index: int, wanted: VfSettings) -> Iterator[Step]:
    """Give the steps for a virtual function that is there only once the count is made so."""
    for setting, target in _wanted(wanted):
        step = _step(pf, setting, None, target)
        yield step._replace(vf=index, message="once it is there", device=None)


def _of_vf(pf: PhysicalFunction, vf: Function, wanted: VfSettings) -> Iterator[Step]:
    settings = vf.settings or VfSettings()
    for setting, target in _wanted(wanted):
        origin = _now(settings, setting)
        step = _step(pf, setting, origin, target)._replace(vf=vf.index, device=vf.address)
        if step.made is Made.OK:
            yield step
        elif origin is None:
            yield step.became(Made.UNSUPPORTED, _untold(pf, vf))
        elif vf.use is not None:
            yield refuse_taken(step, vf.use)
        elif vf.trouble is not None:
            yield step.became(Made.REFUSED, f"nobody can tell whether it is free: {vf.trouble}")
        elif not _is_hosts(pf):
            yield step.became(Made.REFUSED, _taken(pf))._replace(is_drift=not _is_unknown(pf))
        else:
            yield _with_partner(step, settings)


def _untold(pf: PhysicalFunction, vf: Function) -> str:
    if vf.settings is not None:
        return f"the driver {pf.driver or 'of the device'} does not tell it"
    return "the device has no netdev" if pf.netdev is None else "netlink does not show it; irqaffinity sriov says why"


def _with_partner(step: Step, settings: VfSettings) -> Step:
    """Return the step, unsupported where netlink sets it together with another one that nobody knows."""
    for pair in ATTRIBUTES:
        for other in pair:
            if step.setting in pair and _now(settings, other) is None:
                return step.became(
                    Made.UNSUPPORTED, f"the driver does not tell {other.value}, and both are set together"
                )
    return step


def _missing(pf: PhysicalFunction, index: int, settings: VfSettings) -> Iterator[Step]:
    why = f"there is no such virtual function, for numvfs is {pf.num_vfs}: declare numvfs as well"
    for setting, target in _wanted(settings):
        yield Step(pf.address, pf.netdev, index, setting, None, target, Made.FAILED, why)
