# SPDX-License-Identifier: Apache-2.0
"""A libvirt whose answers the test sets; it remembers its last answer."""

from collections.abc import Callable
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

from irqaffinity.hypervisor.connection import LibvirtUnreachable
from irqaffinity.observe.domain import Domain
from tests.fakes.domains import domain, hostdev, nova_metadata
from tests.unit.lives.host import LivingHost
from tests.unit.lives.model import GuestFacts, show


@dataclass
class Answer:
    """What libvirt said last of an active guest.

    `facts` are those of its last XML, None where the program that runs now never had one; `drivers` those that its
    devices had when libvirt was asked, none for a guest or device that could not be read.
    """

    facts: GuestFacts | None
    drivers: dict[str, str] = field(default_factory=dict)
    readable: bool = True


class ScriptedLibvirt:
    """The active guests by uuid; it can be away, and guests can be unreadable."""

    def __init__(self, host: LivingHost) -> None:
        self.guests: dict[str, GuestFacts] = {}
        self.unreadable: set[str] = set()
        self.away = False
        self.answers: dict[str, Answer] = {}
        self.shown_uri = "test:///lives"
        self.is_stuck = False
        self.on_answer: Callable[[], None] = lambda: None
        self._host = host

    def move(self, uri: str) -> None:
        """Be another libvirt from now on."""
        self.shown_uri = uri

    def active_domains(self) -> list[Domain]:
        """Say which guests there are."""
        self._require()
        self.answers = {uuid: self._answer(uuid) for uuid in self.guests}
        return [self._domain(uuid) for uuid in self.guests]

    def domain(self, uuid: str) -> Domain | None:
        """Say what one guest is."""
        self._require()
        if uuid not in self.guests:
            self.answers.pop(uuid, None)
            return None
        self.answers[uuid] = self._answer(uuid)
        return self._domain(uuid)

    def names(self, address: str) -> list[str]:
        """Return the guests that the last answers name for a device, under the driver that it has still."""
        driver = self._host.devices[address].driver
        return [uuid for uuid, answer in self.answers.items() if answer.drivers.get(address) == driver]

    def doubt(self, address: str) -> None:
        """Forget whose a device is, for all that the answers say: something has happened to it since."""
        for answer in self.answers.values():
            answer.drivers.pop(address, None)

    def _require(self) -> None:
        if self.away:
            raise LibvirtUnreachable("libvirt is away")

    def _answer(self, uuid: str) -> Answer:
        if uuid in self.unreadable:
            before = self.answers.get(uuid)
            return Answer(None if before is None else before.facts, readable=False)
        facts = self.guests[uuid]
        unread = {address for address, (call, _code) in self._host.faults.folders.items() if call == "readlink"}
        known = [address for address in facts.devices if address not in unread]
        return Answer(facts, {address: self._host.devices[address].driver for address in known})

    def _domain(self, uuid: str) -> Domain:
        if uuid in self.unreadable:
            return Domain(uuid, uuid[:8], error="internal error: the monitor is busy")
        return Domain(uuid, uuid[:8], xml=write_xml(uuid, self.guests[uuid]))


def write_xml(uuid: str, guest: GuestFacts) -> str:
    """Return the live XML of a guest as Nova and libvirt write it."""
    metadata = ""
    if guest.specs is not None or guest.image is not None:
        metadata = nova_metadata("nfv", guest.specs)
    if guest.image is not None:
        properties = "".join(
            f"<nova:property name={quoteattr(name)}>{escape(value)}</nova:property>"
            for name, value in guest.image.items()
        )
        image = f"<nova:image uuid='{uuid}'><nova:properties>{properties}</nova:properties></nova:image>"
        metadata = metadata.replace("</nova:instance>", f"{image}</nova:instance>")
    pins = [show(pin) for pin in guest.pins]
    return domain(uuid[:8], uuid, pins, [hostdev(address) for address in guest.devices], metadata=metadata)
