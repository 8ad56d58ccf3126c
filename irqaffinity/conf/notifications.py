# SPDX-License-Identifier: Apache-2.0
"""Which of Nova's notifications are listened to. Where nova.conf has the option too, name and group are the same."""

from oslo_config import cfg

from irqaffinity.conf.types import Word, Words

GROUP = "notifications"
OPTS = [
    cfg.BoolOpt(
        "enabled",
        default=True,
        help="Whether to listen to Nova's notifications, on the broker that transport_url names. Without them the "
        "agent works from libvirt's events and the audit alone, and masks come from the domains alone.",
    ),
    cfg.StrOpt(
        "notification_format",
        default="versioned",
        choices=[
            ("versioned", "they carry the extra specs of the flavor, and so the mask"),
            ("unversioned", "the legacy ones, which only wake"),
            ("both", "both"),
        ],
        help="Which notifications to listen to, as in nova.conf.",
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
        help="The exchange that Nova publishes to: its control_exchange. The agent never makes it.",
    ),
]
