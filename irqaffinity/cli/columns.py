# SPDX-License-Identifier: Apache-2.0
"""The columns that -c and --sort know: the keys of the lists in the documents, in their order.

They stand in a module of their own because the parser needs them, also in a probe, which imports no report.
"""

DEVICES = (
    "address",
    "guest",
    "name",
    "numa_node",
    "driver",
    "target",
    "irqs",
    "cpus",
    "verdicts",
    "tags",
    "reason",
    "message",
)
IRQS = ("irq", "device", "guest", "current", "target", "effective", "verdict", "reason", "message")
PLACED_DEVICES = ("address", "guest", "name", "numa_node", "irqs", "cpus", "verdicts", "reason", "why")
LINES = ("time", "guest", "name", "device", "irqs", "from", "to", "cause", "verdict")
HOLDS = ("id", "scope", "guest", "device", "since", "until", "reason", "everything")
DEFERRED = ("irq", "device", "guest", "from", "to", "since", "times", "cause", "hold")
LIFTED = ("irq", "device", "guest", "from", "to", "cause", "hold", "verdict")
ARRIVED_DEVICES = ("address", "guest", "name", "irqs", "target", "rate", "arrived", "outside", "verdict", "reason")
ARRIVED_GUESTS = ("guest", "name", "status", "devices", "cpus", "rate", "arrived", "outside", "verdict")
ARRIVED_CPUS = ("cpu", "guest", "name", "vcpu", "rate", "foreign", "foreign_irqs")
ARRIVED_INTRUDERS = (
    "irq",
    "name",
    "device",
    "owner",
    "cpus",
    "guests",
    "guest_names",
    "rate",
    "arrived",
    "movable",
)
SPARE = (
    "guest",
    "guests",
    "owner",
    "tags",
    "driver",
    "effective",
    "foreign_irqs",
    "arrived",
    "numa_node",
    "message",
    "why",
    "reason",
    "irqs",
    "from",
    "target",
    "verdict",
)
"""The columns that a table nobody chose the columns of does without where the screen is narrow, the first one first."""
