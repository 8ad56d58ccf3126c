# SPDX-License-Identifier: Apache-2.0
"""Pools have the keys, the totals and what is free as Nova's own tracker of PCI devices counts them."""

import json
import random
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from irqaffinity.grammar.device_spec import DeviceSpec, parse_device_spec
from irqaffinity.model.host import Device
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.sriov import Function, Inventory, PhysicalFunction, Pool, Use, UseKind
from irqaffinity.sriov.pools import PHYSICAL, PLAIN, VDPA, VIRTUAL, Others, count_pools
from tests.artefacts import TREE
from tests.packaging.openstack_services import environment

INSIDE = TREE / "tests/packaging/inside_nova_pools.py"
SEED = 17
COUNT = 150
USED = Use(UseKind.HOSTDEV)
FALSE = ("0", "f", "false", "off", "n", "no")
BOOLEANS = ("managed", "live_migratable", "one_time_use", "remote_managed")

PFS = [PciAddress(0, bus, 0, function) for bus in (0x41, 0x81) for function in (0, 1)]
NETDEVS = {f"ens{number}": address for number, address in enumerate(PFS[:3])}
"""The last physical function has no netdev, as one of an NVMe drive."""


@dataclass(frozen=True)
class Host:
    """What is on a made-up host, how Nova learns of it, and what a user of it asks for."""

    inventory: Inventory
    others: Others
    specs: Sequence[str]
    requests: Sequence[Mapping[str, str]]

    def told(self) -> dict[str, Any]:
        """Return the case as Nova gets it."""
        devices = []
        for physical in self.inventory.pfs:
            devices.append(told(physical, PHYSICAL))
            for function in physical.vfs:
                kind = VDPA if function.address in self.others.vdpa else VIRTUAL
                devices.append(told(function, kind, physical))
        devices += [told(device, PLAIN) for device in self.others.devices]
        return {"devices": devices, "specs": self.specs, "requests": self.requests}

    def parsed(self) -> list[DeviceSpec]:
        return [spec for text in self.specs for spec in parse_device_spec(text)]

    def used(self, addresses: Iterable[str]) -> tuple[Inventory, Others]:
        """Return the host while guests have the devices at these addresses."""
        taken = set(addresses)
        pfs = [
            replace(
                physical,
                use=USED if str(physical.address) in taken else None,
                vfs=tuple(replace(vf, use=USED if str(vf.address) in taken else None) for vf in physical.vfs),
            )
            for physical in self.inventory.pfs
        ]
        uses = {device.address: USED for device in self.others.devices if str(device.address) in taken}
        return Inventory(tuple(pfs)), replace(self.others, uses=uses)


def told(device: Any, kind: str, parent: PhysicalFunction | None = None) -> dict[str, Any]:
    """Return a device as Nova's driver of libvirt tells it."""
    found = {
        "dev_id": f"pci_{device.address}",
        "address": str(device.address),
        "vendor_id": device.vendor,
        "product_id": device.product,
        "numa_node": device.numa_node,
        "label": f"label_{device.vendor}_{device.product}",
        "dev_type": kind,
        "capabilities": {"vpd": {"card_serial_number": "any"}},
    }
    if parent is not None:
        found["parent_addr"] = str(parent.address)
        if parent.netdev is not None and device.index % 2:
            found["parent_ifname"] = parent.netdev
    return found


class Hosts:
    """Hosts made at random."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def make(self) -> Host:
        vendors = ["8086", "15b3"]
        netdevs = {address: name for name, address in NETDEVS.items()}
        pfs = []
        for address in PFS:
            vendor, node = self._random.choice(vendors), self._random.choice([0, 0, 1, None])
            vfs = tuple(
                Function(
                    index,
                    PciAddress(0, address.bus, 0x10, 2 * index + address.function),
                    vendor=vendor,
                    product="1889",
                    numa_node=node,
                )
                for index in range(self._random.choice([0, 1, 3, 4]))
            )
            product = self._random.choice(["1592", "101d"])
            pfs.append(PhysicalFunction(address, netdevs.get(address), None, vendor, product, node, 8, vfs=vfs))
        plain = tuple(
            Device(PciAddress(0, 0xC1, slot, 0), vendor="10de", product="25b6", numa_node=self._random.choice([0, 1]))
            for slot in range(self._random.choice([0, 2, 3]))
        )
        virtual = [vf for physical in pfs for vf in physical.vfs]
        vdpa = {vf.address for vf in virtual if self._random.random() < 0.1}
        specs = [json.dumps(self._spec()) for _ in range(self._random.choice([1, 2, 4]))]
        requests = [self._request() for _ in range(self._random.choice([0, 3, 10]))]
        return Host(Inventory(tuple(pfs)), Others(plain, {}, vdpa), specs, requests)

    def _spec(self) -> dict[str, Any]:
        which = [
            {"vendor_id": "8086", "product_id": "1889"},
            {"vendor_id": "15b3"},
            {"address": str(self._random.choice(PFS))},
            {"address": f"*:{self._random.choice(['41', '81', 'c1'])}:*.*"},
            {"address": {"bus": "41", "function": f"[0-{self._random.randrange(8)}]"}},
            {"devname": self._random.choice(list(NETDEVS))},
            {"vendor_id": "10de"},
            {},
        ]
        tags = {
            "physical_network": ["physnet1", "physnet2"],  # Nova takes null for the lack of another tag
            "trusted": ["true", "false"],
            "managed": ["no", "yes", True, False],
            "live_migratable": ["True", False],
            "remote_managed": [False, "false", "no"],
            "resource_class": ["CUSTOM_A", "CUSTOM_B"],
            "traits": ["CUSTOM_FAST"],
        }
        chosen = {name: self._random.choice(found) for name, found in tags.items() if self._random.random() < 0.25}
        return self._random.choice(which) | chosen

    def _request(self) -> dict[str, str]:
        kind = self._random.choice([VIRTUAL, VIRTUAL, PHYSICAL, PLAIN, VDPA])
        network = {"physical_network": "physnet1"} if self._random.random() < 0.3 else {}
        return {"dev_type": kind} | network


def ask_nova(release: str, cases: Sequence[Any]) -> list[dict[str, Any]]:
    """Return what Nova says; see tests/packaging/inside_nova_pools.py."""
    asked = {
        "netdevs": {name: str(address) for name, address in NETDEVS.items()},
        "functions": [str(address) for address in PFS],
        "cases": cases,
    }
    command = [environment(release) / "bin/python", "-I", "-W", "ignore", INSIDE]
    done = subprocess.run(command, input=json.dumps(asked), check=True, capture_output=True, text=True)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def plain(name: str, value: Any) -> Any:
    """Return a tag as it is compared: Nova makes words of some booleans, and no other value of them is here."""
    return value if name not in BOOLEANS else "false" if str(value).lower() in FALSE else "true"


def key_of(pool: Mapping[str, Any]) -> str:
    """Return the key of Nova's that this program keeps; without remote_managed a device is not so."""
    left_out = ("count", "address", "parent_ifname", "resource_class", "traits", "rp_uuid")
    kept = {name: plain(name, value) for name, value in pool.items() if name not in left_out}
    if kept.get("remote_managed") == "false":
        del kept["remote_managed"]
    return json.dumps({"physical_network": None} | kept, sort_keys=True)


def key_of_ours(pool: Pool) -> str:
    names = {"vendor_id": pool.vendor, "product_id": pool.product, "numa_node": pool.numa_node}
    both = {**names, "dev_type": pool.dev_type, "physical_network": pool.physical_network, **pool.tags}
    return json.dumps(both, sort_keys=True)


def counted(pools: Iterable[Mapping[str, Any]]) -> Mapping[str, int]:
    counts: Counter[str] = Counter()
    for pool in pools:
        counts[key_of(pool)] += pool["count"]
    return {key: count for key, count in counts.items() if count}


@pytest.mark.parametrize("release", ["nova-26", "nova-34"])
def test_pools_are_as_novas_own_tracker_has_them(release: str) -> None:
    makers = Hosts(SEED)
    hosts = [makers.make() for _ in range(COUNT)]
    answers = ask_nova(release, [host.told() for host in hosts])
    assert sum(len(found["used"]) for found in answers) > COUNT
    for host, found in zip(hosts, answers, strict=True):
        idle = count_pools(host.inventory, host.parsed(), host.others)
        assert {key_of_ours(pool): pool.total for pool in idle} == counted(found["pools"]), host
        assert [pool.used for pool in idle] == [0] * len(idle)
        inventory, others = host.used(found["used"])
        pools = count_pools(inventory, host.parsed(), others)
        assert [key_of_ours(pool) for pool in pools] == [key_of_ours(pool) for pool in idle]
        assert {key_of_ours(pool): pool.free for pool in pools if pool.free} == counted(found["free"]), host
        assert sum(pool.total for pool in pools) == sum(pool.total for pool in idle)
