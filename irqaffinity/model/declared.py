# SPDX-License-Identifier: Apache-2.0
"""What the operator declares physical functions to be (`[sriov] pf`), and the steps that make them so."""

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from irqaffinity.model.pci import PciAddress
from irqaffinity.model.sriov import LinkState, PhysicalFunction, VfSettings
from irqaffinity.model.sriov_options import ApplyMode
from irqaffinity.model.verdict import Cause

Value = bool | int | LinkState | None
"""What a setting is or shall be: a count, a number, a switch or a word; None where it is not known."""


class Setting(enum.Enum):
    """A thing that can be declared, under the name of its key in `[sriov] pf`, in the order in which it is made so."""

    AUTOPROBE = "autoprobe"
    NUMVFS = "numvfs"
    VLAN = "vlan"
    QOS = "qos"
    MIN_TX_RATE = "min_tx_rate"
    MAX_TX_RATE = "max_tx_rate"
    SPOOFCHK = "spoofchk"
    LINK_STATE = "link_state"
    TRUST = "trust"


OF_PF = (Setting.AUTOPROBE, Setting.NUMVFS)
"""The settings of a physical function itself; all others are those of its virtual functions."""

ATTRIBUTES = (
    (Setting.VLAN, Setting.QOS),
    (Setting.MIN_TX_RATE, Setting.MAX_TX_RATE),
    (Setting.SPOOFCHK,),
    (Setting.LINK_STATE,),
    (Setting.TRUST,),
)
"""The settings that netlink takes together, in one attribute (linux/if_link.h, struct ifla_vf_vlan, ifla_vf_rate)."""


class Made(enum.Enum):
    """What became of one setting."""

    OK = "ok"
    WOULD_SET = "would_set"
    SET = "set"
    REFUSED = "refused"
    UNSUPPORTED = "unsupported"
    FAILED = "failed"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class DeclaredPf:
    """What one physical function shall be, which either its netdev or its address names; None for what is left alone.

    `settings` are those of each virtual function, `of_vf` what differs from them, by index.
    """

    netdev: str | None = None
    address: PciAddress | None = None
    num_vfs: int | None = None
    autoprobe: bool | None = None
    physical_network: str | None = None
    settings: VfSettings = VfSettings()
    of_vf: Mapping[int, VfSettings] = field(default_factory=dict)

    def wanted(self, index: int) -> VfSettings:
        """Return what the virtual function `index` shall be; None in it for what is left alone."""
        own = {} if index not in self.of_vf else self.of_vf[index]._asdict()
        return self.settings._replace(**{name: value for name, value in own.items() if value is not None})

    def names(self, pf: PhysicalFunction) -> bool:
        """Tell whether this is about `pf`."""
        return self.address == pf.address if self.netdev is None else self.netdev == pf.netdev

    def __str__(self) -> str:
        return self.netdev or str(self.address)


class Step(NamedTuple):
    """One setting of a physical function, or of its virtual function `vf`, and what became of it.

    `pf` is None where the host has no such device; `device` is the function that has the setting. `is_drift` is whether
    a virtual function has another setting than the declared one and somebody uses it, so that it stays. `was_written`
    is whether the kernel was asked for it.
    """

    pf: PciAddress | None
    netdev: str | None
    vf: int | None
    setting: Setting
    origin: Value
    target: Value
    made: Made
    message: str | None = None
    device: PciAddress | None = None
    is_drift: bool = False
    was_written: bool = False

    def became(self, made: Made, message: str | None = None) -> "Step":
        """Return the step with what became of it."""
        return self._replace(made=made, message=message)


class Standing(NamedTuple):
    """How far an agent has made things what they are declared to be.

    `left` are rows (report/declared) of what is not so; `drifts` counts the settings among them whose virtual function
    is not free. `message` is why it could not be done or told at all.
    """

    apply: ApplyMode
    left: Sequence[Mapping[str, Any]] = ()
    drifts: int = 0
    message: str | None = None

    def describe(self) -> dict[str, Any]:
        """Return it as plain values, for the status."""
        return {"apply": self.apply.value, "drifts": list(self.left), "message": self.message}


class SettingChange(NamedTuple):
    """A setting that was changed, as a line of the history."""

    time: datetime
    step: Step

    def fields(self) -> Mapping[str, str | None]:
        """Return all but the time as text, as those of a change of interrupts; the setting stands in their place."""
        return {
            "guest": None,
            "name": None,
            "device": None if self.step.device is None else str(self.step.device),
            "irqs": self.step.setting.value,
            "from": show(self.step.origin),
            "to": show(self.step.target),
            "cause": Cause.SRIOV.value,
            "verdict": self.step.made.value,
        }


def changes_of(steps: Iterable[Step], time: datetime) -> list[SettingChange]:
    """Return the lines of the history for what was set at a time."""
    return [SettingChange(time, step) for step in steps if step.made is Made.SET]


def show(value: Value) -> str | None:
    """Return a value as it is written in JSON."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value.value if isinstance(value, LinkState) else value)
