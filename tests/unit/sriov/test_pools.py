# SPDX-License-Identifier: Apache-2.0
"""What is in a pool, and what of it a new guest could get. tests/packaging/test_nova_pools.py compares with Nova."""

import pytest

from irqaffinity.grammar.device_spec import parse_device_spec
from irqaffinity.model.host import Device
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.sriov import Function, Inventory, PhysicalFunction, Use, UseKind
from irqaffinity.sriov.pools import Others, count_pools

PF = PciAddress.parse("0000:41:00.0")
VFS = [PciAddress.parse(f"0000:41:02.{index}") for index in range(3)]
GPU = PciAddress.parse("0000:c1:00.0")
ALL = parse_device_spec("{}")


def host(
    pf: UseKind | None = None, vf: UseKind | None = None, *, netdev: str | None = "ens1f0", trouble: str | None = None
) -> Inventory:
    """Return a device with three virtual functions: how it and its first one are used."""
    vfs = [
        Function(index, address, vendor="8086", product="1889", numa_node=0, trouble=trouble if index == 0 else None)
        for index, address in enumerate(VFS)
    ]
    used = Function(0, VFS[0], vendor="8086", product="1889", numa_node=0, use=None if vf is None else Use(vf))
    vfs[0] = used if vf is not None else vfs[0]
    use = None if pf is None else Use(pf)
    return Inventory((PhysicalFunction(PF, netdev, "ice", "8086", "1592", 0, 8, 3, use=use, vfs=tuple(vfs)),))


def free(inventory: Inventory) -> dict[str, tuple[int, int]]:
    """Return by type how many there are, and how many are free."""
    return {pool.dev_type: (pool.total, pool.free) for pool in count_pools(inventory, ALL)}


@pytest.mark.parametrize("kind", UseKind)
def test_a_virtual_function_that_anybody_uses_is_not_free_and_keeps_its_device_from_guests(kind: UseKind) -> None:
    assert free(host()) == {"type-PF": (1, 1), "type-VF": (3, 3)}
    assert free(host(vf=kind)) == {"type-PF": (1, 0), "type-VF": (3, 2)}


def test_a_virtual_function_that_cannot_be_read_is_not_free() -> None:
    assert free(host(trouble="driver: Permission denied")) == {"type-PF": (1, 0), "type-VF": (3, 2)}


@pytest.mark.parametrize(
    ("kind", "left"),
    [
        (UseKind.HOSTDEV, 0),
        (UseKind.RESERVED, 0),
        (UseKind.PROCESS, 0),
        (UseKind.HOST, 3),
        (UseKind.MACVTAP, 3),
        (UseKind.VDPA, 3),
        (UseKind.MDEV, 3),
        (UseKind.UNKNOWN, 3),
    ],
)
def test_a_device_that_leaves_the_host_takes_its_virtual_functions_with_it(kind: UseKind, left: int) -> None:
    assert free(host(pf=kind)) == {"type-PF": (1, 0), "type-VF": (3, left)}


def test_a_device_without_a_netdev_that_an_unknown_may_hold_takes_its_virtual_functions_with_it() -> None:
    assert free(host(pf=UseKind.UNKNOWN, netdev=None))["type-VF"] == (3, 0)


def test_devices_without_sriov_count_where_a_spec_names_them() -> None:
    gpus = tuple(
        Device(GPU._replace(function=number), vendor="10de", product="25b6", numa_node=-1) for number in (0, 1)
    )
    lost = Device(GPU._replace(function=2), trouble="vendor: Permission denied")
    others = Others((*gpus, lost), {GPU: Use(UseKind.HOSTDEV)})
    (pool,) = count_pools(Inventory(), parse_device_spec('{"vendor_id": "10de"}'), others)
    assert (pool.dev_type, pool.numa_node, pool.total, pool.used) == ("type-PCI", None, 2, 1)
    assert count_pools(Inventory(), (), others) == ()
    assert [(pool.vendor, pool.free) for pool in count_pools(Inventory(), ALL, others)] == [("", 0), ("10de", 1)]


def test_without_specs_all_functions_of_sriov_count_without_a_network() -> None:
    pools = count_pools(host(vf=UseKind.HOSTDEV), (), Others(vdpa={VFS[1]}))
    assert [(pool.physical_network, pool.dev_type, pool.product, pool.total, pool.used) for pool in pools] == [
        (None, "type-PF", "1592", 1, 1),
        (None, "type-VF", "1889", 2, 1),
        (None, "vdpa", "1889", 1, 0),
    ]


def test_the_first_spec_that_matches_gives_the_network_and_the_tags() -> None:
    specs = parse_device_spec(
        f"""[{{"address": "{VFS[0]}", "physical_network": "b", "managed": "No", "traits": "X", "trusted": "true"}},
        {{"product_id": "1889", "physical_network": "a", "remote_managed": "false", "resource_class": "Y"}},
        {{"address": "{PF}", "physical_network": null}}]"""
    )
    pools = count_pools(host(), specs)
    assert [(pool.physical_network, pool.dev_type, pool.total, pool.tags) for pool in pools] == [
        ("a", "type-VF", 2, {}),
        ("b", "type-VF", 1, {"managed": "false", "trusted": "true"}),
        (None, "type-PF", 1, {}),
    ]


def test_pools_are_sorted_by_number_where_they_are_numbers() -> None:
    pfs = tuple(
        PhysicalFunction(PF._replace(bus=bus), vendor="8086", product="1592", numa_node=node)
        for bus, node in enumerate([10, None, 2])
    )
    assert [pool.numa_node for pool in count_pools(Inventory(pfs), ())] == [None, 2, 10]
