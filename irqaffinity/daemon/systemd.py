# SPDX-License-Identifier: Apache-2.0
"""Reports the state of the service to systemd (sd_notify(3))."""

import os
import socket


def notify(*lines: str) -> None:
    """Send lines such as `READY=1` to the service manager; where there is none, do nothing."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.sendto("\n".join(lines).encode(), address)
    except OSError:
        return  # the manager has gone away, or the process has no descriptor left
