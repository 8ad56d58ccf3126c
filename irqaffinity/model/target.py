# SPDX-License-Identifier: Apache-2.0
"""What a person names on the command line: an interrupt, a PCI device, a guest or a CPU."""

from dataclasses import dataclass
from typing import NamedTuple

from irqaffinity.model.guest import GuestId
from irqaffinity.model.pci import PciAddress


class Cpu(NamedTuple):
    """A CPU of the host."""

    number: int


Target = int | PciAddress | GuestId | Cpu
"""An interrupt by its number, a PCI device by its address, a guest by its uuid, or a CPU."""


class UnknownTarget(Exception):
    """The name means nothing that is there, or several things; str() says which, and the next step."""


@dataclass(frozen=True, slots=True)
class Narrowing:
    """The guest and the device that a pass is to be narrowed to, as a person wrote them; None means all of them."""

    guest: str | None = None
    device: str | None = None
