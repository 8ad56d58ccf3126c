# SPDX-License-Identifier: Apache-2.0
"""What libvirt says of domains that it may start: its own test driver, and made-up handles where that can do less."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import libvirt
import pytest

from irqaffinity.hypervisor.connection import Hypervisor
from irqaffinity.hypervisor.domains import SAVED, Handles, Look
from irqaffinity.observe.domain import Domain, parse_definition, parse_domain
from tests.fakes.domains import domain, hostdev, make_libvirt, shut_off
from tests.fakes.snapshots import guest_id

VF0, VF1 = "0000:41:00.1", "0000:41:00.2"


@pytest.fixture
def hypervisor(tmp_path: Path) -> Iterator[Hypervisor]:
    """Give a libvirt in which guest 1 runs and guest 2 is shut off."""
    on = domain("on", guest_id(1), ["2"], [hostdev(VF0)])
    made = Hypervisor(make_libvirt(tmp_path, [on, shut_off(domain("off", guest_id(2), ["3"], [hostdev(VF1)]))]))
    yield made
    made.close()


def error(code: int) -> libvirt.libvirtError:
    raised = libvirt.libvirtError("no")
    raised.err = (code, 0, "no", 0, "", None, None, 0, 0)
    return raised


def raising(code: int) -> Any:
    def call(*_arguments: int) -> str:
        raise error(code)

    return call


class Saved(Hypervisor):
    """A libvirt in which guest 2 was saved; `handle` answers about that."""

    handle: Any = None

    def _list(self, look: Look) -> Handles:
        return {guest_id(2): ("off", self.handle)} if look is SAVED else super()._list(look)


@pytest.fixture
def saved(hypervisor: Hypervisor) -> Iterator[Saved]:
    made = Saved(hypervisor._uri)
    yield made
    made.close()


def test_defined_domains_are_told_as_they_start_whether_active_or_not(hypervisor: Hypervisor) -> None:
    found = {found.name: found for found in hypervisor.defined_domains()}
    assert {name: found.uuid for name, found in found.items()} == {"on": guest_id(1), "off": guest_id(2)}
    for name, address in (("on", VF0), ("off", VF1)):
        xml = found[name].xml or ""
        assert parse_domain(xml) is None, "it has no id"
        assert [str(claim.address) for claim in parse_definition(xml).claims] == [address]
    assert [found.name for found in hypervisor.active_domains()] == ["on"]


def test_a_saved_domain_comes_as_defined_and_as_it_goes_on(saved: Saved) -> None:
    xml = domain("off", guest_id(2), ["3"], [hostdev(VF0)])
    saved.handle = SimpleNamespace(managedSaveGetXMLDesc=lambda _flags: xml)
    found = [found.xml or "" for found in saved.defined_domains() if found.name == "off"]
    assert len(found) == 2
    assert found[1] == xml


@pytest.mark.parametrize("code", [libvirt.VIR_ERR_NO_DOMAIN, libvirt.VIR_ERR_OPERATION_INVALID])
def test_a_saved_domain_that_went_on_meanwhile_is_not_saved(saved: Saved, code: int) -> None:
    saved.handle = SimpleNamespace(managedSaveGetXMLDesc=raising(code), hasManagedSaveImage=lambda: 0)
    assert sorted(found.name for found in saved.defined_domains()) == ["off", "on"]


def test_a_saved_domain_that_cannot_be_read_is_told_with_the_error(saved: Saved) -> None:
    saved.handle = SimpleNamespace(
        managedSaveGetXMLDesc=raising(libvirt.VIR_ERR_OPERATION_FAILED), hasManagedSaveImage=lambda: 1
    )
    assert list(saved.defined_domains())[-1] == Domain(guest_id(2), "off", error="no")


def test_a_saved_domain_of_the_real_driver_which_cannot_show_it() -> None:
    connection = libvirt.open("test:///default")
    try:
        connection.lookupByName("test").managedSave(0)
        found = list(Hypervisor("test:///default").defined_domains())
    finally:
        connection.lookupByName("test").managedSaveRemove(0)
        connection.lookupByName("test").create()
        connection.close()
    assert [found.name for found in found] == ["test", "test"]
    assert "not supported" in (found[1].error or "")
