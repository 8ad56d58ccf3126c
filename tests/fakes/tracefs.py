# SPDX-License-Identifier: Apache-2.0
"""The files of a tracefs that the program uses, in a folder; a test writes what the kernel would tell."""

import os
from pathlib import Path

from irqaffinity.listen.tracing import BIRTH, END, instance_name

BORN = (
    "       CPU 0/TCG-328     [001] d..1.   223.683350: vector_activate: irq={} is_managed=0 can_reserve=1 reserve=0\n"
)
ENDED = "       CPU 0/TCG-328     [001] d..1.   223.683350: vector_teardown: irq={} is_managed=0 has_reserved=0\n"

_FILES = (
    "trace",
    "buffer_size_kb",
    "tracing_on",
    "events/enable",
    f"{BIRTH}/filter",
    f"{BIRTH}/enable",
    f"{END}/filter",
    f"{END}/enable",
)


class PaperTracefs:
    """A tracefs with the instance of the agent that has this state folder, left over by an earlier one."""

    def __init__(self, folder: Path, state_path: str = "/var/lib/irqaffinity") -> None:
        self.folder = folder
        self.instance = folder / "instances" / instance_name(state_path)
        for place in (folder, self.instance):
            for file in _FILES:
                (place / file).parent.mkdir(parents=True, exist_ok=True)
                (place / file).write_text("")
        os.mkfifo(self.instance / "trace_pipe")
        self._keep_open = os.open(self.instance / "trace_pipe", os.O_RDWR | os.O_NONBLOCK)

    def say(self, text: str) -> None:
        """Write to trace_pipe as the kernel does."""
        os.write(self._keep_open, text.encode())

    def close(self) -> None:
        """Say nothing more."""
        os.close(self._keep_open)
