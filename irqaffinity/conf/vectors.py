# SPDX-License-Identifier: Apache-2.0
"""How the agent learns of a new interrupt."""

from oslo_config import cfg

GROUP = "vectors"
OPTS = [
    cfg.StrOpt(
        "source",
        choices=[
            ("auto", "the kernel's trace events where the host has them, else polling"),
            ("trace", "the same, but `irqaffinity check` fails where the host does not have them"),
            ("poll", "polling: the agent looks at the guest's devices again and again for some time after each event"),
        ],
        default="auto",
        help="How the agent learns of a new interrupt. The kernel's trace events (tracefs, x86) report it within a "
        "millisecond, also long after the guest has started.",
    ),
]
