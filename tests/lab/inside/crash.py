# SPDX-License-Identifier: Apache-2.0
"""The end of the agent at the worst moment."""

import os
import signal
import threading
from collections.abc import Sequence

from tests.lab.inside.guests import tell
from tests.lab.inside.interrupts import of_device
from tests.lab.inside.processes import wait_for
from tests.lab.inside.program import agent_state


def kill_agent_amid_births(name: str, devices: Sequence[str]) -> str:
    """Let a guest enable its vectors, and kill the agent as soon as one of them was moved; return its MainPID."""
    killed = agent_state()["MainPID"]
    enabling = threading.Thread(target=tell, args=(name, "g"))
    enabling.start()
    wait_for("the first write", lambda: _any_moved(devices), pause=0.0)
    os.kill(int(killed), signal.SIGKILL)
    enabling.join()
    return killed


def _any_moved(devices: Sequence[str]) -> bool:
    """Tell whether an interrupt is allowed on one CPU alone: the kernel begins with those of a node."""
    return any(smp.isdecimal() for device in devices for smp, *_ in of_device(device).values())
