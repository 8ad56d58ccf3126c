# SPDX-License-Identifier: Apache-2.0
"""Who uses a PCI function, of all that have something to do with it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from irqaffinity.model.guest import ClaimKind, GuestId
from irqaffinity.model.host import SeenGuest
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.sriov import Use, UseKind
from irqaffinity.model.text import clean

_KINDS = {
    ClaimKind.HOSTDEV: UseKind.HOSTDEV,
    ClaimKind.INTERFACE: UseKind.HOSTDEV,
    ClaimKind.NVME: UseKind.HOSTDEV,
    ClaimKind.MACVTAP: UseKind.MACVTAP,
    ClaimKind.VDPA: UseKind.VDPA,
    ClaimKind.MDEV: UseKind.MDEV,
}

_RANKS = {UseKind.RESERVED: 1, UseKind.PROCESS: 2, UseKind.HOST: 3, UseKind.UNKNOWN: 4}
"""What counts before what: the claim of an active guest (0) before all else."""

_OVS = "ovs-vswitchd"


class Sign(NamedTuple):
    """Somebody who has something to do with a function, and how."""

    function: PciAddress
    use: Use


def settle_uses(signs: Iterable[Sign]) -> Mapping[PciAddress, Use]:
    """Return one use for each function that there is a sign of; of equal ones, the first counts."""
    found: dict[PciAddress, list[Use]] = defaultdict(list)
    for sign in signs:
        found[sign.function].append(sign.use)
    return {address: _settle(sorted(uses, key=_rank)) for address, uses in sorted(found.items())}


def claims_of(guests: Mapping[GuestId, SeenGuest]) -> list[Sign]:
    """Return the claims of active guests."""
    return [
        Sign(claim.address, Use(_KINDS[claim.kind], uuid, seen.guest.name, message=_describe_claim(claim.kind)))
        for uuid, seen in sorted(guests.items(), key=lambda item: item[0])
        for claim in seen.claims
    ]


def reserved_by(definitions: Iterable[SeenGuest], active: Mapping[GuestId, SeenGuest]) -> list[Sign]:
    """Return the claims of defined guests, which they will make when they start; active ones when they start again."""
    signs = []
    for seen in sorted(definitions, key=lambda seen: seen.guest.uuid):
        guest, has_now = seen.guest, active.get(seen.guest.uuid)
        now = frozenset() if has_now is None else {claim.address for claim in has_now.claims}
        message = None if has_now is None else "the guest runs without it, and gets it when it is started again"
        use = Use(UseKind.RESERVED, guest.uuid, guest.name, message=message)
        signs += [Sign(claim.address, use) for claim in seen.claims if claim.address not in now]
    return signs


def held_by(pid: int, name: str, message: str | None = None) -> Use:
    """Return the use by a process; the one of Open vSwitch serves a switch, with DPDK."""
    told = "OVS-DPDK" if name == _OVS else None
    return Use(UseKind.PROCESS, pid=pid, process=name, message="; ".join(filter(None, (told, message))) or None)


def served(use: Use, device: str) -> Use:
    """Return the use by a process that the host's own driver serves beside all else that it does."""
    told = f"process {use.process} (pid {use.pid}) holds {device}"
    return use._replace(kind=UseKind.HOST, message="; ".join(filter(None, (told, use.message))))


def used_as(name: str, message: str) -> Use:
    """Return the use by the host as the network interface or the disk of this name."""
    return Use(UseKind.HOST, name=clean(name), message=clean(message))


def unknown(message: str) -> Use:
    """Return that it cannot be told who uses a function."""
    return Use(UseKind.UNKNOWN, message=clean(message))


def _rank(use: Use) -> int:
    return _RANKS.get(use.kind, 0)


def _settle(uses: Sequence[Use]) -> Use:
    """Return the first of the uses, with a message that tells of the others where they differ."""
    first, others = uses[0], {_who(use): use for use in reversed(uses)}
    if first.kind is UseKind.UNKNOWN:
        return first._replace(message=clean("; ".join(dict.fromkeys(use.message or "" for use in uses))))
    users = [_describe(use) for use in reversed(others.values()) if use.kind not in (UseKind.HOST, UseKind.UNKNOWN)]
    if len(users) < 2:
        return first
    told = "share it" if first.kind is UseKind.MDEV else "claim it"
    both = f"{', '.join(users[:-1])} and {users[-1]} {told}"
    return first._replace(message=clean("; ".join(filter(None, (both, first.message)))))


def _who(use: Use) -> tuple[GuestId | int | None, UseKind | None]:
    """Return what two uses by the same guest, or by the same process, have in common."""
    return (use.guest or use.pid, None) if use.guest or use.pid else (None, use.kind)


def _describe(use: Use) -> str:
    if use.kind is UseKind.PROCESS:
        return f"process {use.process} (pid {use.pid})"
    return f"{'defined' if use.kind is UseKind.RESERVED else 'active'} guest {use.name} ({use.guest})"


def _describe_claim(kind: ClaimKind) -> str | None:
    return "QEMU drives it, as a disk of the guest" if kind is ClaimKind.NVME else None
