# SPDX-License-Identifier: Apache-2.0
"""What the operator decides, as plain values."""

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from irqaffinity.grammar.device_spec import DeviceSpec, Tags
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import ClaimKind, GuestId
from irqaffinity.model.pci import PciAddress


class Numa(enum.Enum):
    """What to do for a device on whose NUMA node the guest has no chosen CPU."""

    PREFERRED = "preferred"
    SOCKET = "socket"
    STRICT = "strict"


class Distribution(enum.Enum):
    """How the vectors of a device share its target: each gets all of it, or each gets one CPU of it."""

    MASK = "mask"
    SPREAD = "spread"


class WithoutMask(enum.Enum):
    """What serves a guest without a mask: all its dedicated vCPUs, nothing, or nothing until its specs are known."""

    ALL = "all"
    SKIP = "skip"
    WAIT = "wait"


class HostDriver(enum.Enum):
    """What serves the interrupts of a device that a driver of the host drives (macvtap, vdpa)."""

    SKIP = "skip"
    EMULATOR = "emulator"
    VCPU = "vcpu"


class HostDrivers(NamedTuple):
    """What serves such a device, by how the domain names it."""

    macvtap: HostDriver = HostDriver.SKIP
    vdpa: HostDriver = HostDriver.SKIP

    @classmethod
    def both(cls, word: HostDriver) -> "HostDrivers":
        """Return the same for both kinds."""
        return cls(word, word)

    def of(self, kind: ClaimKind) -> HostDriver:
        """Return what serves a device of one of the two kinds."""
        return self.vdpa if kind is ClaimKind.VDPA else self.macvtap


class Serve(enum.Enum):
    """Which CPUs serve the interrupts of passed-through devices of a guest without a mask."""

    VCPUS = "vcpus"
    EMULATOR = "emulator"
    HOUSEKEEPING = "housekeeping"


@dataclass(frozen=True, slots=True)
class Profile:
    """What differs for the devices whose device_spec has all these tags; None is as `[placement]` says."""

    tags: Tags
    distribution: Distribution | None = None
    numa: Numa | None = None
    serve: Serve | None = None

    def matches(self, tags: Tags) -> bool:
        """Tell whether all of its tags are among `tags`, with the same values."""
        return all(name in tags and _plain(tags[name]) == _plain(value) for name, value in self.tags.items())


def _plain(value: Any) -> object:
    """Return what a tag is compared by: Nova takes true, "true" and "True" for the same."""
    text = str(value).lower() if isinstance(value, bool | str) else ""
    return text if text in ("true", "false") else value


class Manner(NamedTuple):
    """How the interrupts of a device are placed. `profile` is the one that its tags have chosen, None without one."""

    distribution: Distribution = Distribution.MASK
    numa: Numa = Numa.PREFERRED
    serve: Serve = Serve.VCPUS
    profile: Profile | None = None

    def with_profile(self, profile: Profile) -> "Manner":
        """Return what this becomes with a profile."""
        return Manner(
            profile.distribution or self.distribution,
            profile.numa or self.numa,
            profile.serve or self.serve,
            profile,
        )


class IsolationMode(enum.Enum):
    """What is done with the host's own interrupts on the CPUs of guests."""

    OFF = "off"
    REPORT = "report"
    ENFORCE = "enforce"


@dataclass(frozen=True, slots=True)
class Isolation:
    """The options of `[isolation]`; `leave` are patterns of action names and drivers.

    `irqbalance_sockets` is the folder of irqbalance's socket, None where it is irqbalance's own.
    """

    mode: IsolationMode = IsolationMode.REPORT
    housekeeping_cpus: CpuSet | None = None
    minimum: int = 2
    leave: tuple[str, ...] = ()
    irqbalance: bool = True
    irqbalance_sockets: str | None = None

    @property
    def tells_irqbalance(self) -> bool:
        """Whether irqbalance is told to leave guests alone."""
        return self.irqbalance and self.mode is IsolationMode.ENFORCE


@dataclass(frozen=True, slots=True)
class Policy:
    """The options of `[placement]`, `[pci]` and `[isolation]`.

    `flavor_masks` are masks by flavor name; None and () mean no limit. Of `profiles` the first that matches counts.
    """

    numa: Numa = Numa.PREFERRED
    distribution: Distribution = Distribution.MASK
    without_mask: WithoutMask = WithoutMask.ALL
    host_driver: HostDrivers = field(default_factory=HostDrivers)
    serve: Serve = Serve.VCPUS
    dedicated_cpus: CpuSet | None = None
    flavor_masks: Mapping[str, str] = field(default_factory=dict)
    device_specs: tuple[DeviceSpec, ...] = ()
    isolation: Isolation = Isolation()
    profiles: tuple[Profile, ...] = ()

    def manner_for(self, tags: Tags) -> Manner:
        """Return how a device with these tags is placed."""
        usual = Manner(self.distribution, self.numa, self.serve)
        return next((usual.with_profile(profile) for profile in self.profiles if profile.matches(tags)), usual)

    def manners(self) -> Iterable[Manner]:
        """Return all manners that a device may be placed in."""
        usual = Manner(self.distribution, self.numa, self.serve)
        return usual, *map(usual.with_profile, self.profiles)

    @property
    def may_spread(self) -> bool:
        """Whether there may be a device of which each interrupt gets a CPU of its own."""
        return any(manner.distribution is Distribution.SPREAD for manner in self.manners())


@dataclass(frozen=True, slots=True)
class Scope:
    """The guest and the device that a pass is narrowed to; None means all of them."""

    guest: GuestId | None = None
    device: PciAddress | None = None

    def covers(self, guest: GuestId | None, device: PciAddress) -> bool:
        """Tell whether `device`, as a device of `guest`, is written to and reported."""
        return self.guest in (None, guest) and self.device in (None, device)
