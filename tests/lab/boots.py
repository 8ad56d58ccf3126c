# SPDX-License-Identifier: Apache-2.0
"""The four machines of a run, each as a context; those that take long are booted ahead while other tests run."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack

from tests.lab import parts
from tests.lab.inside import guests, host, sriov
from tests.lab.machine import booted
from tests.lab.node import NIC0, VF0, VF2, Node

_DEBIAN_COMMAND_LINE = (
    "console=ttyS0 quiet mitigations=off init_on_alloc=0 apparmor=0 audit=0 nowatchdog nokaslr cryptomgr.notests"
    " no_timer_check"
)
_DEBIAN_LIMIT = 500.0
"""Seconds of the outer machine's own that a kernel may take to boot in an emulated machine inside of it."""

_ODD_COMMAND_LINE = "isolcpus=domain,managed_irq,1,5 intremap=off lockdown=confidentiality"
_WITHOUT_REMAPPING = "vfio_iommu_type1.allow_unsafe_interrupts=1"


@contextlib.contextmanager
def plain() -> Iterator[Node]:
    """Give a compute node without guests."""
    with booted() as machine:
        machine.call(host.prepare)
        yield Node(machine)


@contextlib.contextmanager
def with_debian() -> Iterator[Node]:
    """Give a compute node with the agent, and on it a guest with Debian's kernel, which has loaded its drivers."""
    with plain() as node:
        node.start_agent()
        kernel = parts.kernel()
        boot = {
            "initrd": str(parts.guest_initramfs(kernel)),
            "command_line": _DEBIAN_COMMAND_LINE,
            "memory": 192,
        }
        node.call(guests.start, "debian", str(kernel.elf), [1], [VF0, NIC0], **boot)
        node.call(guests.wait_for_line, "debian", "READY", _DEBIAN_LIMIT)
        yield node


@contextlib.contextmanager
def odd() -> Iterator[Node]:
    """Give a compute node with the agent and guest alpha, on the odd command line above."""
    with booted(f"{_ODD_COMMAND_LINE} {_WITHOUT_REMAPPING}") as machine:
        machine.call(host.prepare)
        node = Node(machine)
        node.start_alpha()
        node.start_agent()
        yield node


@contextlib.contextmanager
def with_sriov() -> Iterator[Node]:
    """Give a compute node with an igb NIC that has seven virtual functions, with users of each kind, and no agent.

    They are the guest `runs`, the host, the process `l2fwd` and the guest `stopped`, which is only defined. Of those
    that are free, one has the host's driver, one vfio's, and one none.
    """
    with booted(sriov_nics=[0]) as machine:
        machine.call(host.prepare)
        node = Node(machine)
        node.call(sriov.raise_port)
        node.call(sriov.make_functions, len(sriov.VFS))
        kernel = str(parts.small_guest())
        node.call(guests.start, "runs", kernel, [1, 5], [sriov.RUNS, VF2])
        node.call(guests.define, "stopped", kernel, [2], [sriov.STOPPED])
        for device, driver in sriov.DRIVERS.items():
            node.call(sriov.give_to, driver, device)
        node.call(sriov.raise_function, sriov.HOSTS, "192.0.2.1/24")
        node.call(sriov.hold, sriov.HELD, "l2fwd")
        yield node


class Ahead:
    """Boots machines one after the other in a thread of its own; they stand still until they are taken."""

    def __init__(self, machines: Mapping[str, Callable[[], AbstractContextManager[Node]]]) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._stacks = {name: ExitStack() for name in machines}
        self._nodes: dict[str, Future[Node]] = {
            name: self._pool.submit(self._boot, name, machine) for name, machine in machines.items()
        }

    def _boot(self, name: str, machine: Callable[[], AbstractContextManager[Node]]) -> Node:
        node = self._stacks[name].enter_context(machine())
        node.machine.stand_still()
        return node

    @contextlib.contextmanager
    def take(self, name: str) -> Iterator[Node]:
        """Give a machine once it is there, and end it."""
        with self._stacks[name]:
            node = self._nodes[name].result()
            node.machine.go_on()
            yield node

    def close(self) -> None:
        """End what nobody took."""
        self._pool.shutdown(cancel_futures=True)
        for stack in self._stacks.values():
            stack.close()
