# SPDX-License-Identifier: Apache-2.0
"""Which of Nova's notifications the agent listens to. Options that nova.conf has too have the same group and name."""

from oslo_config import cfg

from irqaffinity.conf.types import Switch, Word, Words

GROUP = "notifications"
OPTS = [
    cfg.Opt(
        "enabled",
        type=Switch(
            [
                ("auto", "as long as guests need them, see leave_after"),
                ("true", "always"),
                (
                    "false",
                    "never: the agent works from libvirt's events and the audit, and masks come from the domains",
                ),
            ]
        ),
        default="auto",
        help="Whether to listen to Nova's notifications, on the broker that transport_url names. Each host that "
        "listens adds load to the broker, and slows Nova, which waits for the broker. Nova 32.0 (2025.2) and newer "
        "write the mask into the domains, and then no host needs to listen.",
    ),
    cfg.IntOpt(
        "leave_after",
        default=7,
        min=0,
        max=365,
        help="With enabled = auto: the agent deletes its queue and leaves the broker once every domain of Nova's on "
        "this host has had its extra specs in its own metadata for this many days. It comes back at once when a "
        "domain has none. Time in which the host has no domain of Nova's does not count.",
    ),
    cfg.StrOpt(
        "queue",
        default="durable",
        choices=[
            (
                "durable",
                "it keeps messages for five minutes while the agent is away, and survives the broker's restart",
            ),
            ("exclusive", "it costs the broker a third of a durable one, and keeps nothing while the agent is away"),
        ],
        help="What kind of queue the agent makes on the broker.",
    ),
    cfg.StrOpt(
        "source",
        default="nova",
        choices=[
            ("nova", "Nova's own exchange: the queue of each host gets the messages of all hosts"),
            ("relay", "the exchange of `irqaffinity relay`, which sends each host only its own; for large clouds"),
        ],
        help="Where the agent's queue gets notifications from.",
    ),
    cfg.StrOpt(
        "notification_format",
        default="both",
        choices=[
            ("versioned", "they carry the extra specs of the flavor, and so the mask"),
            ("unversioned", "the legacy ones, which carry no mask and only wake the agent"),
            ("both", "both"),
        ],
        help="Which notifications to listen to. The default, both, fits whichever of them Nova sends.",
    ),
    cfg.Opt(
        "versioned_notifications_topics",
        type=Words("a topic: write nova.conf's, or remove the option"),
        default=["versioned_notifications"],
        help="The topics of versioned notifications, as in nova.conf.",
    ),
    cfg.Opt(
        "exchange",
        type=Word("the name of an exchange: write nova.conf's control_exchange, or remove the option"),
        default="nova",
        help="The exchange that Nova publishes to: control_exchange of nova.conf. The agent never creates it.",
    ),
]
