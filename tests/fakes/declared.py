# SPDX-License-Identifier: Apache-2.0
"""A run over what is declared on a host of files with SR-IOV, whose libvirt is the test driver."""

from collections.abc import Sequence
from pathlib import Path

from irqaffinity.grammar.device_spec import DeviceSpec
from irqaffinity.model.change import Bounds
from irqaffinity.model.declared import DeclaredPf
from irqaffinity.sriov.task import Task
from tests.fakes.tree import HostTree, sriov_host


def make_host(folder: Path) -> HostTree:
    """Return the host of `sriov_host`."""
    made = HostTree(folder / "host", {0: "0-7", 1: "8-15"}, "0-15")
    sriov_host(made)
    return made


def make_task(tree: HostTree, folder: Path, wish: DeclaredPf, specs: Sequence[DeviceSpec] = ()) -> Task:
    """Return the run that makes a device of a host so, with an empty state."""
    state = folder / "state"
    state.mkdir(mode=0o700)
    return Task(str(tree.proc), str(tree.sys), "test:///default", str(state), Bounds(), specs, (wish,))
