# SPDX-License-Identifier: Apache-2.0
"""The options of `[sriov]`, apart from what they declare: most commands read the former and never need the latter."""

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from irqaffinity.model.declared import DeclaredPf


class ApplyMode(enum.Enum):
    """When the agent makes physical functions what they are declared to be."""

    OFF = "off"
    START = "start"
    WATCH = "watch"


@dataclass(frozen=True, slots=True)
class Sriov:
    """The options of `[sriov]`."""

    apply: ApplyMode = ApplyMode.OFF
    declared: tuple["DeclaredPf", ...] = ()
