# SPDX-License-Identifier: Apache-2.0
"""The configuration and the parts made from it, for all commands that look at the host."""

import argparse
import contextlib
import functools
from collections.abc import Iterator
from dataclasses import dataclass

from irqaffinity.cli.main import CommandError
from irqaffinity.cli.settings import open_settings, read_settings
from irqaffinity.conf.load import Settings
from irqaffinity.hypervisor.connection import Hypervisor, LibvirtUnreachable
from irqaffinity.model.target import UnknownTarget
from irqaffinity.model.times import CALL
from irqaffinity.observe.procfs import read_boot_id
from irqaffinity.observe.root import HostRoot, HostUnreadable
from irqaffinity.passes.auditor import Auditor
from irqaffinity.passes.balance import Balance
from irqaffinity.passes.holds import HoldInForce
from irqaffinity.state.folder import StateError, StateFolder
from irqaffinity.state.history import StoredHistory
from irqaffinity.state.store import Store


@dataclass(frozen=True)
class Session:
    """The settings of this run of the program, and the parts that they describe, each made when it is first needed."""

    settings: Settings

    @classmethod
    def open(cls, arguments: argparse.Namespace) -> "Session":
        """Do what `read` does, and warn of names that are no options, have no effect, or have another name today."""
        return cls(open_settings(arguments))

    @classmethod
    def read(cls, arguments: argparse.Namespace) -> "Session":
        """Read the configuration, which the command line overrides; raise CommandError."""
        return cls(read_settings(arguments))

    @functools.cached_property
    def root(self) -> HostRoot:
        """Where the host's /proc and /sys are."""
        return HostRoot(self.settings.proc, self.settings.sys)

    @functools.cached_property
    def folder(self) -> StateFolder:
        """Where the state is kept."""
        return StateFolder(self.settings.state_path)

    @functools.cached_property
    def hypervisor(self) -> Hypervisor:
        """The libvirt that runs the guests; not asked yet."""
        return Hypervisor(self.settings.libvirt_uri)

    @functools.cached_property
    def auditor(self) -> Auditor:
        """The part that makes passes over this host."""
        history = StoredHistory(self.folder, self.settings.history)
        return Auditor(
            self.settings.host, self.root, self.hypervisor, self.settings.policy, self.store, history=history
        )

    @functools.cached_property
    def balance(self) -> Balance:
        """The part that tells irqbalance what to leave alone; its patience is a command's, which ends then."""
        folder = self.settings.policy.isolation.irqbalance_sockets
        return Balance(self.root, folder, self.store, self.auditor.lock, patience=CALL)

    @functools.cached_property
    def store(self) -> Store:
        """The state of this boot."""
        return Store(self.folder, read_boot_id(self.root))


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Turn an error of a pass into a CommandError, the one line that the command ends with."""
    try:
        yield
    except (LibvirtUnreachable, HostUnreadable, StateError, UnknownTarget, HoldInForce, OSError) as error:
        raise CommandError(str(error)) from error
