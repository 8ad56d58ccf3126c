# SPDX-License-Identifier: Apache-2.0
"""What a person names on the command line: an interrupt, a PCI device or a guest."""

from dataclasses import dataclass

from irqaffinity.model.guest import GuestId
from irqaffinity.model.pci import PciAddress

Target = int | PciAddress | GuestId
"""An interrupt by its number, a PCI device by its address, or a guest by its uuid."""


class UnknownTarget(Exception):
    """The name means nothing that is there, or several things; str() says which, and the next step."""


@dataclass(frozen=True, slots=True)
class Narrowing:
    """The guest and the device that a pass is to be narrowed to, as a person wrote them; None means all of them."""

    guest: str | None = None
    device: str | None = None
