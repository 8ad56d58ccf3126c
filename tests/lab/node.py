# SPDX-License-Identifier: Apache-2.0
"""A machine that has been made a compute node, and the two guests that most scenarios have on it."""

from dataclasses import dataclass
from typing import Any

from tests.lab import parts
from tests.lab.inside import guests, interrupts, program
from tests.lab.machine import Machine

VF0, VF1 = "0000:41:00.1", "0000:41:00.2"
"""Virtual functions on node 0, with two vectors each."""

VF2, VF3 = "0000:81:00.1", "0000:81:00.2"
"""Virtual functions on node 1."""

NIC0, NIC1 = "0000:42:00.0", "0000:82:00.0"
"""NICs on node 0 and on node 1, with five vectors each."""

ALPHA = {VF0: "1", VF2: "5", NIC0: "1"}
"""Where the interrupts of guest alpha belong: vCPUs 0-3 on CPUs 1,2,5,6 and the mask 0,2."""

BETA = {VF1: "3", VF3: "7"}
"""Where the interrupts of guest beta belong: vCPUs 0-1 on CPUs 3,7, and no mask."""

VECTORS = {VF0: 2, VF1: 2, VF2: 2, VF3: 2, NIC0: 5, NIC1: 5}

CONFIGURATION = "[notifications]\nenabled = false\n"


@dataclass
class Node:
    """A machine that has been made a compute node."""

    machine: Machine

    @property
    def call(self) -> Any:
        """Machine.call."""
        return self.machine.call

    def start_alpha(self) -> None:
        """Start guest alpha, where it does not run."""
        self._start("alpha", [1, 2, 5, 6], list(ALPHA), mask="0,2")

    def start_beta(self) -> None:
        """Start guest beta, where it does not run."""
        self._start("beta", [3, 7], list(BETA))

    def start_gamma(self) -> str:
        """Start guest gamma, beta's twin from an older Nova that writes no extra specs; return its uuid."""
        uuid: str = self.call(
            guests.start, "gamma", str(parts.small_guest()), [3, 7], list(BETA), has_extra_specs=False
        )
        self.wait_born(*BETA)
        return uuid

    def wait_born(self, *devices: str) -> None:
        """Wait until devices have all their vectors."""
        self.call(interrupts.wait_for_vectors, {device: VECTORS[device] for device in devices})

    def wait_placed(self, targets: dict[str, str], counts: dict[str, int] | None = None) -> None:
        """Wait until every vector of devices is where it belongs, in the hardware too."""
        counts = VECTORS if counts is None else counts
        self.call(interrupts.wait_placed, targets, {device: counts[device] for device in targets})

    def start_agent(self, configuration: str = "") -> None:
        """Start the agent without a broker, and with more of a configuration."""
        self.call(program.configure, CONFIGURATION + configuration)
        self.call(program.start_agent)

    def _start(self, name: str, pins: list[int], devices: list[str], mask: str | None = None) -> None:
        if not self.call(guests.is_active, name):
            self.call(guests.start, name, str(parts.small_guest()), pins, devices, mask)
            self.wait_born(*devices)
