# SPDX-License-Identifier: Apache-2.0
"""One run over all that is declared, for the command line and for the agent's own process."""

import functools
import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone

from irqaffinity.grammar.device_spec import DeviceSpec
from irqaffinity.hypervisor.connection import Hypervisor
from irqaffinity.model.change import Bounds
from irqaffinity.model.declared import DeclaredPf, Setting, Step, changes_of
from irqaffinity.model.hold import Hold
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import State
from irqaffinity.model.sriov import Function, Inventory, PhysicalFunction, Use
from irqaffinity.observe.procfs import read_boot_id
from irqaffinity.observe.root import HostRoot
from irqaffinity.passes.holds import Holds
from irqaffinity.sriov.again import look_again
from irqaffinity.sriov.apply import Applier
from irqaffinity.sriov.look import look_at_functions
from irqaffinity.state.folder import StateFolder
from irqaffinity.state.history import StoredHistory
from irqaffinity.state.peek import peek, peek_holds
from irqaffinity.state.store import Store


@dataclass
class Task:
    """The plain values that a run needs; another process can be given them as they are (pickle).

    `unsupported` are the settings that drivers were seen to refuse or to ignore, by physical function: they are not
    written again. `is_sure` is whether libvirt told all guests; without that no function is known to be free.
    """

    proc: str
    sys: str
    libvirt_uri: str
    state_path: str
    history: Bounds
    specs: Sequence[DeviceSpec]
    declared: Sequence[DeclaredPf]
    unsupported: Collection[tuple[PciAddress, Setting]] = ()
    is_sure: bool = field(default=True, init=False)
    _active: Collection[str] = field(default=(), init=False, repr=False, compare=False)

    def look(self) -> Inventory:
        """Return what is there now; raise HostUnreadable and OSError."""
        inventory, claimants = look_at_functions(self._root, self._hypervisor, self.specs)
        self.is_sure, self._active = not claimants.gaps, frozenset(claimants.active)
        return inventory

    def rehearse(self, *, force: bool = False) -> list[Step]:
        """Return what would be done, and write nothing. A state that cannot be read has no hold."""
        read = functools.partial(Store(StateFolder(self.state_path), read_boot_id(self._root)).peek)
        return self._applier(read).rehearse(self.declared, force=force) if self.declared else []

    def apply(self, *, force: bool = False, tell: Callable[[str], None] = lambda _line: None) -> list[Step]:
        """Make it so, and return what became of each setting; raise StateError where nobody can tell the holds."""
        time = datetime.now(timezone.utc)
        steps = self._applier(self._read_state, tell).apply(self.declared, force=force) if self.declared else []
        changes = changes_of(steps, time)
        if changes:
            StoredHistory(StateFolder(self.state_path), self.history).append(changes)
        return steps

    def _applier(self, read: Callable[[], State], tell: Callable[[str], None] = lambda _line: None) -> Applier:
        current = Holds(self._root).current

        def holds() -> Sequence[Hold]:
            return current(read())

        def holds_now() -> Sequence[Hold]:
            return current(self._read_holds())

        return Applier(self._root, self.look, holds, self._look_again, holds_now, tell, self.unsupported)

    def _look_again(self, function: Function | PhysicalFunction) -> Use | None:
        return look_again(self._root, self._hypervisor, self._active, function)

    def _read_state(self) -> State:
        if not os.path.lexists(self.state_path):
            return State()
        return peek(StateFolder(self.state_path), read_boot_id(self._root))

    def _read_holds(self) -> State:
        """Return the state with its holds alone: they are asked for before each write."""
        if not os.path.lexists(self.state_path):
            return State()
        return State(holds=dict(peek_holds(StateFolder(self.state_path))))

    @property
    def _root(self) -> HostRoot:
        return HostRoot(self.proc, self.sys)

    @functools.cached_property
    def _hypervisor(self) -> Hypervisor:
        return Hypervisor(self.libvirt_uri)
