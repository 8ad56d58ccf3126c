# SPDX-License-Identifier: Apache-2.0
"""libvirt's own test driver is asked for domains; calls that hang, fail or come too late are answered for."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import libvirt
import pytest

from irqaffinity.hypervisor.connection import Deaf, Hypervisor, LibvirtUnreachable
from irqaffinity.hypervisor.domains import ACTIVE, Handles, Look
from irqaffinity.model.pci import PciAddress
from irqaffinity.observe.domain import parse_domain
from tests.fakes.domains import domain, hostdev, make_libvirt, shut_off
from tests.fakes.snapshots import guest_id
from tests.patience import HANG

AT_ONCE = 0.01
AMPLE = HANG


@pytest.fixture
def uri(tmp_path: Path) -> str:
    """Return the URI of a libvirt that runs guests 1 and 2."""
    return make_libvirt(
        tmp_path,
        [
            domain("one", guest_id(1), ["2", "3"], [hostdev("0000:41:00.1")]),
            domain("two", guest_id(2), ["4"]),
        ],
    )


@pytest.fixture
def never() -> Iterator[threading.Event]:
    """Return an event to wait for without end; the test's end sets it."""
    event = threading.Event()
    yield event
    event.set()


class OtherHandles(Hypervisor):
    """A libvirt that gives other handles for some domains; a call into one of `stuck` has hardly any time."""

    handles: dict[str, Any] = {}  # noqa: RUF012
    stuck: Any = None
    listings = 0

    def _list(self, look: Look) -> Handles:
        self.listings += 1
        listed = sorted(super()._list(look).items())
        return {uuid: (name, self.handles.get(uuid, handle)) for uuid, (name, handle) in listed}

    def _ask(self, call: Callable[[], Any]) -> Any:
        self._deadline = AT_ONCE if self.stuck is not None and self.stuck in getattr(call, "args", ()) else AMPLE
        return super()._ask(call)


def test_active_domains_come_with_their_xml(uri: str) -> None:
    domains = list(Hypervisor(uri).active_domains())
    assert sorted((domain.uuid, domain.name, domain.error) for domain in domains) == [
        (guest_id(1), "one", None),
        (guest_id(2), "two", None),
    ]
    guests = {guest.name: guest for guest in map(parse_domain, (domain.xml or "" for domain in domains)) if guest}
    assert [claim.address for claim in guests["one"].claims] == [PciAddress.parse("0000:41:00.1")]
    assert {vcpu: str(cpus) for vcpu, cpus in guests["one"].pins.items()} == {0: "2", 1: "3"}


def test_inactive_domains_are_left_out(tmp_path: Path) -> None:
    off = shut_off(domain("off", guest_id(2), ["3"]))
    uri = make_libvirt(tmp_path, [domain("one", guest_id(1), ["2"]), off])
    assert {domain.name() for domain in libvirt.openReadOnly(uri).listAllDomains()} == {"one", "off"}
    assert [domain.name for domain in list(Hypervisor(uri).active_domains())] == ["one"]


def test_the_xml_of_those_that_are_known_is_not_asked_for(uri: str) -> None:
    hypervisor = OtherHandles(uri)
    hypervisor.handles = {guest_id(1): None}
    assert [domain.name for domain in hypervisor.active_domains({guest_id(1)})] == ["two"]


def test_a_libvirt_without_domains_has_none(tmp_path: Path) -> None:
    assert list(Hypervisor(make_libvirt(tmp_path, [])).active_domains()) == []


def test_the_version_is_that_of_the_library(uri: str) -> None:
    number = libvirt.getVersion()
    assert Hypervisor(uri).version() == f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}"


def test_a_closed_hypervisor_opens_again(uri: str) -> None:
    hypervisor = Hypervisor(uri)
    hypervisor.close()
    assert len(list(hypervisor.active_domains())) == 2
    hypervisor.close()
    assert len(list(hypervisor.active_domains())) == 2


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("qemu+unix://user:pass/w0rd@/system?socket={}/sock", None),
        ("qemu+unix://user:pass@w0rd@[/system?socket={}/sock", None),
        ("qemu+unix://user:passw0rd@[/system?socket={}/sock", None),
        ("qemu+unix://user:passw0rd@/system?socket={}/sock", "qemu+unix:///system?socket={}/sock"),
        ("qemu+unix:///system?socket={}/sock", "qemu+unix:///system?socket={}/sock"),
    ],
    ids=["slash-in-password", "at-in-password", "libvirt-repeats-it", "credentials", "plain"],
)
def test_an_unreachable_libvirt_is_named_without_credentials_and_with_the_next_step(
    tmp_path: Path, uri: str, shown: str | None
) -> None:
    with pytest.raises(LibvirtUnreachable) as caught:
        list(Hypervisor(uri.format(tmp_path)).active_domains())
    message = str(caught.value)
    assert "--libvirt-uri" in message
    assert "[libvirt] uri" in message
    assert "qemu+unix://" in message
    assert shown is None or shown.format(tmp_path) in message
    assert "user" not in message
    assert "pass" not in message
    assert "w0rd" not in message


def test_it_is_reached_again_once_it_is_there(tmp_path: Path) -> None:
    uri = make_libvirt(tmp_path / "libvirt", [domain("one", guest_id(1), ["2"])])
    node = tmp_path / "libvirt/node.xml"
    away = node.rename(tmp_path / "away.xml")
    hypervisor = Hypervisor(uri)
    with pytest.raises(LibvirtUnreachable):
        list(hypervisor.active_domains())
    away.rename(node)
    assert [domain.name for domain in hypervisor.active_domains()] == ["one"]


def test_a_connection_that_died_is_opened_again(uri: str) -> None:
    hypervisor = Hypervisor(uri)
    hypervisor._connection = SimpleNamespace(isAlive=lambda: 0, close=int)
    assert len(list(hypervisor.active_domains())) == 2


def test_a_connection_that_broke_is_told_once_and_then_opened_again(uri: str) -> None:
    def break_off() -> int:
        raise libvirt.libvirtError("client socket is closed")

    hypervisor = Hypervisor(uri)
    hypervisor._connection = SimpleNamespace(isAlive=break_off, close=int)
    with pytest.raises(LibvirtUnreachable, match="client socket is closed"):
        list(hypervisor.active_domains())
    assert len(list(hypervisor.active_domains())) == 2


def test_a_call_that_hangs_is_given_up_and_names_the_next_step(never: threading.Event) -> None:
    hypervisor = Hypervisor("test+tcp://user:secret@host/default", AT_ONCE)
    with pytest.raises(LibvirtUnreachable) as caught:
        hypervisor._ask(never.wait)
    message = str(caught.value)
    assert "test+tcp://host/default did not answer within 0.01 s" in message
    assert "restart the daemon" in message
    assert "secret" not in message


def test_after_two_abandoned_threads_nothing_is_called_any_more(never: threading.Event) -> None:
    hypervisor, called = Hypervisor("test:///default", AT_ONCE), threading.Event()
    for _ in range(2):
        with pytest.raises(LibvirtUnreachable, match="did not answer within"):
            hypervisor._ask(never.wait)
    threads = set(threading.enumerate())
    with pytest.raises(LibvirtUnreachable, match="restart its daemon"):
        hypervisor._ask(called.set)
    with pytest.raises(LibvirtUnreachable, match="restart its daemon"):
        list(hypervisor.active_domains())
    assert not called.is_set()
    assert set(threading.enumerate()) <= threads  # those that other tests have given up may end meanwhile


def test_calls_that_came_back_after_all_do_not_count(uri: str) -> None:
    hypervisor, back = Hypervisor(uri, AT_ONCE), threading.Event()
    for _ in range(2):
        with pytest.raises(LibvirtUnreachable):
            hypervisor._ask(back.wait)
    assert hypervisor.is_stuck
    given_up = list(hypervisor._abandoned)
    back.set()
    for thread in given_up:
        thread._thread.join(AMPLE)
    assert not hypervisor.is_stuck
    hypervisor._deadline = AMPLE
    assert len(list(hypervisor.active_domains())) == 2


def test_one_domain_is_read_alone(uri: str) -> None:
    hypervisor = Hypervisor(uri)
    found = hypervisor.domain(guest_id(2))
    assert found is not None
    assert (found.uuid, found.name, "<name>two</name>" in (found.xml or "")) == (guest_id(2), "two", True)
    assert hypervisor.domain(guest_id(3)) is None


def test_a_domain_that_ended_while_another_hung_is_gone_and_the_rest_is_read(
    tmp_path: Path, never: threading.Event
) -> None:
    """The new connection, a world of its own, has all but the second guest."""
    guests = [domain(f"vm{number}", guest_id(number), ["2"]) for number in range(1, 5)]
    hypervisor = OtherHandles(make_libvirt(tmp_path / "first", guests))
    hypervisor.stuck = SimpleNamespace(XMLDesc=lambda _flags: never.wait())
    hypervisor.handles = dict.fromkeys([guest_id(1), guest_id(2)], hypervisor.stuck)
    assert hypervisor._list(ACTIVE).keys() == {guest_id(number) for number in range(1, 5)}
    hypervisor._uri = make_libvirt(tmp_path / "second", [guests[0], *guests[2:]])
    domains = {domain.uuid: domain.xml is not None for domain in hypervisor.active_domains()}
    assert domains == {guest_id(1): False, guest_id(3): True, guest_id(4): True}


def test_one_domain_that_hangs_is_unknown_and_the_others_are_read_on_a_new_connection(
    uri: str, never: threading.Event
) -> None:
    hypervisor = OtherHandles(uri)
    hypervisor.stuck = SimpleNamespace(XMLDesc=lambda _flags: never.wait())
    hypervisor.handles = {guest_id(1): hypervisor.stuck}
    domains = {domain.uuid: domain for domain in hypervisor.active_domains()}
    assert set(domains) == {guest_id(1), guest_id(2)}
    assert domains[guest_id(1)].xml is None
    assert "did not answer" in (domains[guest_id(1)].error or "")
    assert (domains[guest_id(2)].error, "<name>two</name>" in (domains[guest_id(2)].xml or "")) == (None, True)
    assert hypervisor.listings == 2


def test_when_the_new_connection_hangs_too_what_is_left_is_unknown_and_not_gone(
    uri: str, never: threading.Event
) -> None:
    hypervisor = OtherHandles(uri)
    hypervisor.stuck = SimpleNamespace(XMLDesc=lambda _flags: never.wait())
    hypervisor.handles = dict.fromkeys([guest_id(1), guest_id(2)], hypervisor.stuck)
    domains = list(hypervisor.active_domains())
    assert {domain.uuid: domain.xml for domain in domains} == {guest_id(1): None, guest_id(2): None}
    assert all(domain.error for domain in domains)


def test_a_domain_that_ends_between_listing_and_xml_is_left_out(uri: str) -> None:
    connection = libvirt.open(uri)
    ended = connection.lookupByUUIDString(guest_id(1))
    ended.destroy()
    ended.undefine()
    hypervisor = OtherHandles(uri)
    hypervisor.handles = {guest_id(1): ended}
    assert [domain.uuid for domain in hypervisor.active_domains()] == [guest_id(2)]


def test_a_domain_whose_xml_libvirt_refuses_is_there_with_the_error(uri: str) -> None:
    def refuse(_flags: int) -> str:
        raise libvirt.libvirtError("internal error: monitor\nis gone")

    hypervisor = OtherHandles(uri)
    hypervisor.handles = {guest_id(1): SimpleNamespace(XMLDesc=refuse)}
    domains = {domain.uuid: domain for domain in hypervisor.active_domains()}
    assert (domains[guest_id(1)].xml, domains[guest_id(1)].name) == (None, "one")
    assert domains[guest_id(1)].error == "internal error: monitor\\x0ais gone"
    assert domains[guest_id(2)].error is None


def test_closing_a_connection_that_hangs_returns(uri: str, never: threading.Event) -> None:
    hypervisor = OtherHandles(uri)
    assert len(list(hypervisor.active_domains())) == 2
    hypervisor.stuck = hypervisor._connection = SimpleNamespace(close=never.wait)
    hypervisor.close()


class Noting(Deaf):
    """Notes on which connections it listens."""

    def __init__(self) -> None:
        self.attached: list[Any] = []

    def attach(self, connection: Any) -> None:
        self.attached.append(connection)

    def detach(self, connection: Any) -> None:
        self.attached.remove(connection)


def test_a_connection_that_was_given_up_is_closed_when_its_call_comes_back(uri: str) -> None:
    listener, back = Noting(), threading.Event()
    hypervisor = Hypervisor(uri, AMPLE, listener)
    list(hypervisor.active_domains())
    (given_up,) = listener.attached
    hypervisor._deadline = AT_ONCE
    with pytest.raises(LibvirtUnreachable):
        hypervisor._ask(back.wait)
    (thread,) = hypervisor._abandoned
    back.set()
    thread._thread.join(AMPLE)
    assert listener.attached == []
    with pytest.raises(libvirt.libvirtError):
        given_up.getLibVersion()
