# SPDX-License-Identifier: Apache-2.0
"""How the agent learns of a new interrupt."""

from oslo_config import cfg

GROUP = "vectors"
OPTS = [
    cfg.StrOpt(
        "source",
        choices=[
            ("auto", "the kernel's trace events where they can be had, polling where not"),
            ("trace", "the same, and `irqaffinity check` fails where they cannot be had"),
            ("poll", "polling: the guest's devices are looked at again and again for some time after each event"),
        ],
        default="auto",
        help="How the agent learns that an interrupt was born. The kernel's trace events (tracefs, x86) tell within a "
        "millisecond, also long after the guest has started.",
    ),
]
