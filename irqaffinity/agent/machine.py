# SPDX-License-Identifier: Apache-2.0
"""The id of this machine, which another one of the same name does not have."""

from irqaffinity.conf.regular_file import read_regular

_MACHINE_ID = "/etc/machine-id"


def read_machine_id(path: str = _MACHINE_ID) -> str:
    """Return the id of this machine, 32 hexadecimal digits (machine-id(5)); zeros where it has none."""
    try:
        return read_regular(path).decode("ascii").strip() or "0" * 32
    except (OSError, ValueError):
        return "0" * 32
