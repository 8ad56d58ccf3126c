# SPDX-License-Identifier: Apache-2.0
"""One more look at a function that the last look found free, right before it is written to.

It reads only what tells at little cost that somebody takes the function: the driver, which libvirt changes before a
guest gets it, a program that holds it, what stands on its netdev, and the guests that have started since. It does not
see an address that a netdev of the host gets, nor what a guest that ran before gets while the driver stays the same
and no program holds it yet.
"""

from collections.abc import Container, Iterator

from irqaffinity.hypervisor.connection import Hypervisor, LibvirtUnreachable
from irqaffinity.model.guest import UnreadableGuest
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.sriov import Function, PhysicalFunction, Use
from irqaffinity.observe.char_devices import may_be_held, read_char_devices
from irqaffinity.observe.guests import read_guests
from irqaffinity.observe.netdevs import uppers_of
from irqaffinity.observe.root import HostRoot
from irqaffinity.observe.sysfs import driver_of
from irqaffinity.plan.uses import Sign, claims_of, settle_uses, unknown, used_as
from irqaffinity.sriov.uses import find_processes


def look_again(
    root: HostRoot, hypervisor: Hypervisor, known: Container[str], function: Function | PhysicalFunction
) -> Use | None:
    """Return who has taken a function, or may have, since it was looked at; None where nothing tells so.

    `known` are the guests that were active then.
    """
    try:
        signs = [*_signs_of_host(root, function), *_signs_of_guests(root, hypervisor, known, function.address)]
    except (LibvirtUnreachable, OSError) as error:
        return unknown(str(error))
    return settle_uses(signs).get(function.address)


def _signs_of_host(root: HostRoot, function: Function | PhysicalFunction) -> Iterator[Sign]:
    address, driver = function.address, driver_of(root, function.address)
    if driver != function.driver:
        told = f"its driver was {function.driver or 'none'} a moment ago, and is {driver or 'none'} now"
        yield Sign(address, unknown(told))
    if _may_be_held(root, address, driver):
        devices, troubles = read_char_devices(root, {address: driver})
        yield from (Sign(address, unknown(trouble)) for trouble in troubles.values())
        yield from find_processes(root, devices)
    if isinstance(function, Function) and function.netdev is not None:
        uppers = uppers_of(root, function.netdev)
        if uppers:
            yield Sign(address, used_as(function.netdev, f"{', '.join(uppers)} on it"))


def _may_be_held(root: HostRoot, address: PciAddress, driver: str | None) -> bool:
    try:
        return may_be_held(root, address, driver)
    except OSError:  # it is root's file
        return True


def _signs_of_guests(
    root: HostRoot, hypervisor: Hypervisor, known: Container[str], address: PciAddress
) -> Iterator[Sign]:
    started = read_guests(root, hypervisor.active_domains(known))
    for seen in started.values():
        if isinstance(seen.guest, UnreadableGuest) or seen.is_unsure:
            yield Sign(address, unknown(f"guest {seen.guest.name} ({seen.guest.uuid}) has just started with it, maybe"))
    yield from claims_of(started)
