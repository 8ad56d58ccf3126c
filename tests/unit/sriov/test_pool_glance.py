# SPDX-License-Identifier: Apache-2.0
"""What the metrics say of pools: as the whole look does, where sysfs and the guests that run tell all."""

from pathlib import Path

import pytest

from irqaffinity.grammar.device_spec import parse_device_spec
from irqaffinity.hypervisor.connection import Hypervisor
from irqaffinity.model.sriov import Pool
from irqaffinity.observe.domain import Domain
from irqaffinity.observe.guests import Seen, read_guests
from irqaffinity.sriov.pool_glance import glance_at_pools
from irqaffinity.sriov.pool_look import look_at_pools
from tests.fakes.domains import domain, hostdev, make_libvirt
from tests.fakes.host import FakeHost, overhear
from tests.fakes.tree import sriov_host

GUEST = "11111111-1111-1111-1111-111111111111"
PF, VF, OTHER_VF, LAST_VF = "0000:41:00.0", "0000:41:02.0", "0000:41:02.1", "0000:41:02.2"
GPU = "0000:c1:00.0"
SPECS = parse_device_spec(
    '[{"devname": "ens1f0", "physical_network": "a"}, {"vendor_id": "10de"}, {"address": "*:81:*.*"}]'
)


@pytest.fixture
def host(host: FakeHost) -> FakeHost:
    """A host with SR-IOV and two GPUs, whose vfio devices are closed."""
    sriov_host(host)
    for number in (0, 1):
        host.add_device(f"0000:c1:00.{number}", 1, vendor="0x10de", product="0x25b6")
    for address in (VF, OTHER_VF, GPU, "0000:c1:00.1"):
        host.put(host.device_folder(address) / "enable", "0")
    return host


def guests(host: FakeHost, *devices: str) -> Seen:
    xml = domain("instance-1", GUEST, ["2"], [hostdev(device) for device in devices])
    return read_guests(host.root, [Domain(GUEST, "instance-1", xml)])


def glance(host: FakeHost, *devices: str) -> dict[str, tuple[int, int]]:
    """Return by product how many there are and how many are free."""
    found = glance_at_pools(host.root, guests(host, *devices), SPECS)
    return {f"{pool.dev_type} {pool.product}": (pool.total, pool.free) for pool in found}


IDLE = {
    "type-PF 1592": (1, 1),
    "type-VF 1889": (4, 4),
    "type-PCI 25b6": (2, 2),
    "type-PF a824": (1, 1),
    "type-VF a824": (2, 2),
}


def test_it_says_what_the_whole_look_says(host: FakeHost, tmp_path: Path) -> None:
    xml = domain("instance-1", GUEST, ["2"], [hostdev(VF), hostdev(GPU)])
    hypervisor = Hypervisor(make_libvirt(tmp_path / "libvirt", [xml]))
    expected: tuple[Pool, ...] = look_at_pools(host.root, hypervisor, SPECS)[0]
    assert sum(pool.used for pool in expected) == 3
    assert glance_at_pools(host.root, guests(host, VF, GPU), SPECS) == expected


def test_what_guests_have_is_used(host: FakeHost) -> None:
    assert glance(host) == IDLE
    assert glance(host, VF, GPU) == IDLE | {
        "type-PF 1592": (1, 0), "type-VF 1889": (4, 3), "type-PCI 25b6": (2, 1),
    }  # fmt: skip


@pytest.mark.parametrize("enabled", ["1", "2", None])
def test_a_function_that_a_program_may_hold_is_used(host: FakeHost, enabled: str | None) -> None:
    file = host.device_folder(VF) / "enable"
    file.unlink()
    if enabled is not None:
        host.put(file, enabled)
    assert glance(host) == IDLE | {"type-PF 1592": (1, 0), "type-VF 1889": (4, 3)}


def test_a_function_of_a_driver_of_the_host_is_free_whether_or_not_it_is_enabled(host: FakeHost) -> None:
    host.put(host.device_folder(LAST_VF) / "enable", "1")
    assert glance(host) == IDLE


def test_a_netdev_that_is_up_is_the_hosts(host: FakeHost) -> None:
    host.put(host.device_folder(LAST_VF) / "net/ens1f0v2/flags", "0x1003")
    assert glance(host) == IDLE | {"type-PF 1592": (1, 0), "type-VF 1889": (4, 3)}


def test_a_device_that_cannot_be_read_is_not_free(host: FakeHost) -> None:
    file = host.device_folder("0000:81:00.1") / "vendor"
    file.unlink()
    file.mkdir()
    found = {pool.dev_type + pool.product: pool.free for pool in glance_at_pools(host.root, {}, SPECS)}
    assert found["type-PFa824"] == 0
    assert found["type-VF"] == 0


def test_a_device_has_all_its_netdevs(host: FakeHost) -> None:
    host.add_netdev("ens1f0_0", PF)
    specs = [parse_device_spec(f'{{"devname": "{name}"}}') for name in ("ens1f0", "ens1f0_0")]
    for spec in specs:
        assert sum(pool.total for pool in glance_at_pools(host.root, {}, spec)) == 5


def test_nothing_is_read_that_may_wait_for_a_driver(host: FakeHost) -> None:
    calls = overhear(host)
    glance(host, VF)
    read = {Path(path).name for _, path in calls}
    assert "sriov_totalvfs" in read
    assert not read & {"sriov_numvfs", "speed", "operstate", "smp_affinity_list", "msi_irqs", "config"}
    assert not any(path.startswith(f"{host.proc}/") and Path(path).name != "bus" for _, path in calls)
