# SPDX-License-Identifier: Apache-2.0
"""Runs in Nova's own environment: its tracker of PCI devices and its pools, over a host that is made up.

Reads the JSON document {"netdevs": {name: address}, "functions": [physical functions], "cases": [{"devices": [what
libvirt would tell Nova of each], "specs": [values of device_spec], "requests": [specs of requests for one device]}]}.
Writes one answer a case: {"pools": Nova's pools while nothing is used, "used": [addresses that the requests that could
be met got], "free": Nova's pools after that}. There is no database: the tracker begins without devices.
"""

import json
import sys
import uuid

from nova import config, context, exception, objects
from nova.pci import manager, utils

asked = json.load(sys.stdin)
netdevs, functions = asked["netdevs"], set(asked["functions"])


def get_function_by_ifname(name: object) -> tuple[str | None, bool]:
    address = netdevs.get(str(name))
    return address, address in functions


def is_physical_function(domain: str, bus: str, slot: str, function: str) -> bool:
    return f"{domain}:{bus}:{slot}.{function}" in functions


def track(case: dict[str, object]) -> manager.PciDevTracker:
    config.CONF.set_override("device_spec", case["specs"], group="pci")
    tracker = manager.PciDevTracker(context.get_admin_context(), objects.ComputeNode(id=1, numa_topology=None))
    tracker.update_devices_from_hypervisor_resources(json.dumps(case["devices"]))
    return tracker


def request(tracker: manager.PciDevTracker, spec: dict[str, str]) -> list[str]:
    wanted = objects.InstancePCIRequest(
        count=1, spec=[spec], alias_name="a", request_id=str(uuid.uuid4()), numa_policy="preferred", requester_id=None
    )
    try:
        return [str(device.address) for device in tracker.stats.consume_requests([wanted]) or ()]
    except exception.PciDeviceRequestFailed:
        return []


def answer(case: dict[str, object]) -> dict[str, object]:
    tracker = track(case)
    pools = list(tracker.stats)
    used = [address for spec in case["requests"] for address in request(tracker, spec)]
    return {"pools": pools, "used": used, "free": list(tracker.stats)}


utils.get_function_by_ifname = get_function_by_ifname
utils.is_physical_function = is_physical_function
objects.register_all()
objects.PciDeviceList.get_by_compute_node = classmethod(lambda cls, *_: cls(objects=[]))
config.CONF([], project="nova", default_config_files=[], default_config_dirs=[])
json.dump([answer(case) for case in asked["cases"]], sys.stdout)
