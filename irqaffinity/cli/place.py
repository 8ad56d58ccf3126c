# SPDX-License-Identifier: Apache-2.0
"""Where the state is, for commands that need nothing else."""

import argparse
import socket
from typing import NamedTuple

from irqaffinity.cli.main import CommandError
from irqaffinity.cli.settings import read_settings
from irqaffinity.observe.root import HostRoot


class Place(NamedTuple):
    """The name of the host, the folder of the state, where the host's /proc is, and its libvirt, if known."""

    host: str
    state_path: str
    root: HostRoot
    libvirt_uri: str | None


def find_place(arguments: argparse.Namespace) -> Place:
    """Return it; with --state a wrong configuration does not matter. Raise CommandError."""
    try:
        settings = read_settings(arguments)
    except CommandError:
        if arguments.state is None:
            raise
        return Place(socket.gethostname(), arguments.state, HostRoot(arguments.proc or "/proc"), arguments.libvirt_uri)
    return Place(settings.host, settings.state_path, HostRoot(settings.proc), settings.libvirt_uri)
