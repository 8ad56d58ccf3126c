# SPDX-License-Identifier: Apache-2.0
"""Reads how many interrupt vectors of each CPU are taken, where the kernel tells that: on x86, in debugfs."""

import re

from irqaffinity.model.isolation import VectorUse
from irqaffinity.observe.root import HostRoot

_HEAD = re.compile(rb"\s*\|\s*CPU\s*\|\s*avl\s*\|\s*man\s*\|\s*mac\s*\|\s*act\s*\|.*")
_ROW = re.compile(rb"\s*(\d{1,5})\s+(\d{1,5})\s+(\d{1,5})\s+(\d{1,5})\s+(\d{1,5})(?:\s+[0-9,-]*)?\s*")


def read_vector_use(root: HostRoot) -> VectorUse | None:
    """Return what the kernel has counted for each CPU that is online, None where it cannot be read or understood.

    A kernel has the file with CONFIG_GENERIC_IRQ_DEBUGFS, where debugfs is mounted; only root may read it.
    """
    try:
        return parse_vector_use(root.read_all(f"{root.sys}/kernel/debug/irq/domains/VECTOR"))
    except OSError:
        return None


def parse_vector_use(data: bytes) -> VectorUse | None:
    """Return what a file of the vector domain says, None where it is not understood.

    Its table has for each CPU how many vectors are available (avl), reserved for interrupts that the kernel manages
    (man), in use by such ones (mac), and in use by all (act). A reserved one is never available, in use or not
    (Linux, kernel/irq/matrix.c, irq_matrix_debug_show and irq_matrix_reserve_managed).
    """
    lines = iter(data.rstrip().split(b"\n"))
    if not any(_HEAD.fullmatch(line) for line in lines):
        return None
    used, capacity = {}, {}
    for line in lines:
        row = _ROW.fullmatch(line)
        if row is None:
            return None
        cpu, available, reserved, reserved_in_use, in_use = map(int, row.groups())
        used[cpu] = reserved + in_use - reserved_in_use
        capacity[cpu] = available + used[cpu]
    return VectorUse(used, capacity, is_exact=True) if used and min(used.values()) >= 0 else None
