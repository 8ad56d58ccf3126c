# SPDX-License-Identifier: Apache-2.0
"""Declares `irqaffinity relay`."""

from irqaffinity.cli.usage.command import Command, Example

COMMAND = Command(
    summary="pass Nova's notifications on to the hosts that they concern, and stay; on a controller",
    about="Passes Nova's notifications on to the hosts that they concern, in the foreground: for two or three "
    "controllers of a larger cloud, whose agents have [notifications] source = relay.",
    examples=(Example("relay --nova-config /etc/nova/nova.conf", "run with the broker that Nova uses"),),
    statuses={
        0: "a signal ended it (SIGTERM)",
        1: "it could not start (the configuration has a mistake, no broker is named), or a part of it failed",
    },
)
