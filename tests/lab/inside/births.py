# SPDX-License-Identifier: Apache-2.0
"""When interrupts are born and moved, by the kernel's own clock: recorded in a trace instance of this module's own."""

import os
import re
from pathlib import Path

from tests.lab.inside.processes import write

_INSTANCE = Path("/sys/kernel/tracing/instances/births")
_EVENTS = {"vector_activate": "reserve==0", "vector_config": "vector!=239"}
"""Birth, and each change of where an interrupt is routed; 239 is the vector of what is set aside and not in use."""

_LINE = re.compile(r" (\d+\.\d+): (vector_\w+): irq=(\d+)(?:.* cpu=(\d+))?")

Birth = tuple[int, float, list[tuple[float, int]]]
"""The number, the time in seconds, and each later routing with its time."""


def record() -> None:
    """Begin to record."""
    _INSTANCE.mkdir()
    write(str(_INSTANCE / "buffer_size_kb"), "1024")
    for event, condition in _EVENTS.items():
        write(str(_INSTANCE / f"events/irq_vectors/{event}/filter"), condition)
        write(str(_INSTANCE / f"events/irq_vectors/{event}/enable"), "1")


def recorded() -> list[Birth]:
    """End the recording, and return every birth."""
    write(str(_INSTANCE / "events/enable"), "0")
    births: list[Birth] = []
    latest: dict[int, Birth] = {}
    for time, event, number, cpu in _LINE.findall((_INSTANCE / "trace").read_text()):
        if event == "vector_activate":
            latest[int(number)] = (int(number), float(time), [])
            births.append(latest[int(number)])
        elif int(number) in latest:
            latest[int(number)][2].append((float(time), int(cpu)))
    os.rmdir(_INSTANCE)
    return births
