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
LINES = ("time", "guest", "name", "device", "irqs", "from", "to", "cause", "verdict", "setting")
POOLS = ("physical_network", "vendor", "product", "numa_node", "dev_type", "tags", "total", "used", "free")
HOLDS = ("id", "scope", "guest", "device", "since", "until", "reason", "everything")
DEFERRED = ("irq", "device", "guest", "name", "from", "to", "since", "times", "cause", "hold")
LIFTED = ("irq", "device", "guest", "name", "from", "to", "cause", "hold", "verdict")
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
FUNCTIONS = (
    "pf",
    "pf_netdev",
    "index",
    "address",
    "driver",
    "netdev",
    "mac",
    "vlan",
    "qos",
    "min_tx_rate",
    "max_tx_rate",
    "spoofchk",
    "link_state",
    "trust",
    "used",
    "kind",
    "guest",
    "name",
    "pid",
    "process",
    "message",
    "irqs",
    "cpus",
    "numa_node",
    "vendor",
    "product",
    "device_spec",
    "tags",
    "reason",
)
STEPS = ("pf", "netdev", "vf", "setting", "from", "to", "verdict", "message")
SPARE = (
    "vendor",
    "product",
    "pf_netdev",
    "min_tx_rate",
    "max_tx_rate",
    "qos",
    "spoofchk",
    "link_state",
    "trust",
    "pid",
    "guest",
    "guests",
    "owner",
    "device_spec",
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
