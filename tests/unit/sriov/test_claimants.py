# SPDX-License-Identifier: Apache-2.0
"""What libvirt's own test driver tells of guests that run and guests that are only defined."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from irqaffinity.hypervisor.connection import Hypervisor
from irqaffinity.model.guest import ClaimKind
from irqaffinity.observe.domain import Domain
from irqaffinity.sriov.claimants import Claimants, read_claimants
from tests.fakes.domains import domain, hostdev, make_libvirt, shut_off
from tests.fakes.host import FakeHost
from tests.fakes.scene import GUEST, OTHER, VF0, VF1

MDEV = "33333333-3333-3333-3333-333333333333"


def macvtap(source: str) -> str:
    return f"<interface type='direct'><source dev='{source}' mode='passthrough'/></interface>"


def vdpa(number: int) -> str:
    return f"<interface type='vdpa'><source dev='/dev/vhost-vdpa-{number}'/></interface>"


class Host(FakeHost):
    """A host whose vdpa devices cannot be listed while `is_broken`."""

    is_broken = False

    def called(self, _call: str, path: str) -> None:
        if self.is_broken and path.endswith("bus/vdpa/devices"):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES), path)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    made = Host(tmp_path / "host")
    for index, address in enumerate((VF0, VF1)):
        made.add_device(address, index, driver="iavf", parent="0000:41:00.0")
        made.add_netdev(f"vf{index}", address)
    made.add_vdpa("vdpa0", "vhost-vdpa-0", VF1)
    return made


def read(host: FakeHost, folder: Path, *xmls: str) -> Claimants:
    hypervisor = Hypervisor(make_libvirt(folder / "libvirt", xmls))
    try:
        return read_claimants(host.root, hypervisor)
    finally:
        hypervisor.close()


def claimed(claimants: Claimants) -> list[tuple[str, str, ClaimKind]]:
    return [
        (seen.guest.name, str(claim.address), claim.kind) for seen in claimants.definitions for claim in seen.claims
    ]


def test_defined_guests_claim_by_address_by_netdev_and_by_vdpa(host: Host, tmp_path: Path) -> None:
    off = shut_off(domain("off", GUEST, ["2"], [hostdev("0000:81:00.2"), macvtap("vf0"), vdpa(0)]))
    found = read(host, tmp_path, off, domain("on", OTHER, ["3"], [hostdev(VF1)]))
    assert list(found.active) == [OTHER]
    assert sorted(claimed(found), key=str) == [
        ("off", VF0, ClaimKind.MACVTAP),
        ("off", VF1, ClaimKind.VDPA),
        ("off", "0000:81:00.2", ClaimKind.HOSTDEV),
        ("on", VF1, ClaimKind.HOSTDEV),
    ]
    assert (found.gaps, found.notes) == ((), ())


def test_an_interface_on_a_macvtap_or_bond_leads_to_the_functions_below(host: Host, tmp_path: Path) -> None:
    for upper, lowers in {"bond0": ("vf0", "vf1"), "macvtap7": ("bond0",)}.items():
        folder = host.sys / "devices/virtual/net" / upper
        for lower in lowers:
            host.link(folder / f"lower_{lower}", host.sys / "class/net" / lower)
        host.link(host.sys / "class/net" / upper, folder)
    on = domain("on", GUEST, ["2"], [macvtap("macvtap7")])
    found = read(host, tmp_path, on, shut_off(domain("off", OTHER, ["3"], [macvtap("bond0"), macvtap("lo")])))
    assert [str(claim.address) for claim in found.active[GUEST].claims] == [VF0, VF1]  # type: ignore[index]
    assert [line for line in claimed(found) if line[0] == "off"] == [
        ("off", VF0, ClaimKind.MACVTAP),
        ("off", VF1, ClaimKind.MACVTAP),
    ]


def test_a_source_that_is_not_there_is_noted(host: Host, tmp_path: Path) -> None:
    mdev = f"<hostdev mode='subsystem' type='mdev' model='vfio-pci'><source><address uuid='{MDEV}'/></source></hostdev>"
    elements = [macvtap("gone0"), vdpa(9), mdev, macvtap("vf0")]
    found = read(host, tmp_path, shut_off(domain("off", GUEST, ["2"], elements)))
    assert found.gaps == ()
    assert list(found.notes) == [
        f"guest off ({GUEST}) is defined, and the source {source} of its {element} is not there, and reserves nothing"
        for source, element in (
            (MDEV, "hostdev type='mdev'"),
            ("gone0", "interface type='direct'"),
            ("vhost-vdpa-9", "interface type='vdpa'"),
        )
    ]
    assert read(host, tmp_path, domain("on", GUEST, ["2"], elements)).notes == (), "it runs"


def test_without_libvirt_nothing_that_guests_have_is_known(host: Host, tmp_path: Path) -> None:
    found = read_claimants(host.root, Hypervisor(f"test://{tmp_path}/none.xml"))
    assert (found.active, found.definitions, found.notes) == ({}, (), ())
    (gap,) = found.gaps
    assert gap.startswith("what guests have reserved is not known: libvirt at test://")
    assert "--libvirt-uri" in gap


class Odd(Hypervisor):
    """A libvirt that gives other definitions than it has."""

    given: tuple[Domain, ...] = ()

    def defined_domains(self) -> Iterator[Domain]:
        return iter(self.given)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (Domain(GUEST, "off", error="Timed out\nduring"), "Timed out\\x0aduring"),
        (Domain(GUEST, "off"), "libvirt gave no XML"),
        (Domain(GUEST, "off", xml="<domain"), "it is not well-formed XML"),
        (Domain(GUEST, "off", xml="<network/>"), "its root element is <network>, not <domain>"),
    ],
)
def test_a_definition_that_cannot_be_read_is_a_gap(host: Host, tmp_path: Path, given: Domain, why: str) -> None:
    hypervisor = Odd(make_libvirt(tmp_path / "libvirt", []))
    hypervisor.given = (given,)
    (gap,) = read_claimants(host.root, hypervisor).gaps
    assert gap.startswith(f"guest off ({GUEST}) is defined, and what it has reserved is not known: {why}")


def test_a_vdpa_device_that_cannot_be_looked_up_is_a_gap(host: Host, tmp_path: Path) -> None:
    host.is_broken = True
    found = read(host, tmp_path, shut_off(domain("off", GUEST, ["2"], [vdpa(0)])))
    assert len(found.gaps) == 1
    assert "what it has reserved is not known" in found.gaps[0]
    assert "vhost-vdpa-0" in found.gaps[0]
    assert found.notes == ()
