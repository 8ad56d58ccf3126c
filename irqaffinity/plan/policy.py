# SPDX-License-Identifier: Apache-2.0
"""What the operator decides, as plain values."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from irqaffinity.grammar.device_spec import DeviceSpec
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import GuestId
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


class Serve(enum.Enum):
    """Which CPUs serve the interrupts of passed-through devices of a guest without a mask."""

    VCPUS = "vcpus"
    EMULATOR = "emulator"
    HOUSEKEEPING = "housekeeping"


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

    `flavor_masks` are masks by flavor name; None and () mean no limit.
    """

    numa: Numa = Numa.PREFERRED
    distribution: Distribution = Distribution.MASK
    without_mask: WithoutMask = WithoutMask.ALL
    host_driver: HostDriver = HostDriver.SKIP
    serve: Serve = Serve.VCPUS
    dedicated_cpus: CpuSet | None = None
    flavor_masks: Mapping[str, str] = field(default_factory=dict)
    device_specs: tuple[DeviceSpec, ...] = ()
    isolation: Isolation = Isolation()


@dataclass(frozen=True, slots=True)
class Scope:
    """The guest and the device that a pass is narrowed to; None means all of them."""

    guest: GuestId | None = None
    device: PciAddress | None = None

    def covers(self, guest: GuestId | None, device: PciAddress) -> bool:
        """Tell whether `device`, as a device of `guest`, is written to and reported."""
        return self.guest in (None, guest) and self.device in (None, device)
