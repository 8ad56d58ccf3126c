# SPDX-License-Identifier: Apache-2.0
"""How the CPUs of a host lie: for reports alone, no rule of placement looks at it."""

from collections.abc import Mapping
from typing import NamedTuple

from irqaffinity.model.cpuset import CpuSet


class NodeLayout(NamedTuple):
    """The CPUs of one NUMA node, the offline ones included; `node` is None for those that belong to no node.

    `offline` and `isolated` (isolcpus=) are None where the host does not tell. `sockets` are the node's CPUs by
    physical package, `cores` the SMT siblings of each core; both without CPUs whose place is not known, as that of an
    offline one.
    """

    node: int | None
    cpus: CpuSet
    offline: CpuSet | None = None
    isolated: CpuSet | None = None
    sockets: Mapping[int, CpuSet] = {}
    cores: tuple[CpuSet, ...] = ()
