# SPDX-License-Identifier: Apache-2.0
"""Times that depend on each other, in seconds.

Each time has to be at least as long as the one above it, or a live process would be taken for stuck:

- CALL: one call to libvirt; the worker's heart beats after each, answered or not, and HEARTBEAT comes when idle.
- STUCK: libvirt that has not answered for so long is given up, and with it the process.
- FRESH: a heart that has not beaten for so long belongs to a process that is stuck (`check --health`, /healthz).
- WATCHDOG: systemd's WatchdogSec (systemd/irqaffinity.service): the agent feeds it every PUBLISH seconds while its
  heart is fresh, so it may only bark once that is over and one feeding was missed.

And of the end: LAST_PASS and FAREWELL together stay below TimeoutStopSec, and below the 5 s that users are promised.
"""

HEARTBEAT = 5.0
PUBLISH = 10.0
CALL = 10.0
STUCK = 60.0
FRESH = 60.0
WATCHDOG = 90.0

LAST_PASS = 4.0
"""How long the pass that runs at SIGTERM may take to its end."""

FAREWELL = 0.5
"""How long the agent waits at its end for the kernel to remove the trace instance, and for irqbalance."""

FUNCTIONS_WAIT = 60.0
"""How long READY waits for the first run of `[sriov] apply`, which may hang in the kernel."""

PASS_WAIT = 5.0
"""How long a pass waits for the end of another process's pass."""

ANSWER = 5.0
"""How long a command that has changed the state waits until the agent's status shows it."""
