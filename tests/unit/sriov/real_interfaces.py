# SPDX-License-Identifier: Apache-2.0
"""Prints who uses two functions of a fake host whose network interfaces are links to those of this kernel."""

import sys
from pathlib import Path

from irqaffinity.model.pci import PciAddress
from irqaffinity.sriov.claimants import Claimants
from irqaffinity.sriov.uses import find_uses
from tests.fakes.host import FakeHost

if __name__ == "__main__":
    HOST = FakeHost(Path(sys.argv[1]))
    REAL = Path("/sys/devices/virtual/net")
    for name, address in (("vf3", "0000:41:00.4"), ("vf4", "0000:41:00.5")):
        HOST.add_device(address, 0, driver="iavf")
        place = HOST.device_folder(address) / "net" / name
        place.parent.mkdir()
        place.symlink_to(REAL / name)
        HOST.link(HOST.sys / "class/net" / name, place)
    for name in ("br0", "tap0"):
        (HOST.sys / "class/net" / name).symlink_to(REAL / name)
    found = find_uses(HOST.root, Claimants(), {}, [PciAddress(0, 0x41, 0, function) for function in (4, 5)])
    print("; ".join(f"{use.kind.value} {use.name} {use.message}" for use in found.values()))
