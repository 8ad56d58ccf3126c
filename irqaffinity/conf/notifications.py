# SPDX-License-Identifier: Apache-2.0
"""Which of Nova's notifications are listened to. Where nova.conf has the option too, name and group are the same."""

from oslo_config import cfg

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
    cfg.ListOpt(
        "versioned_notifications_topics",
        default=["versioned_notifications"],
        help="The topics of versioned notifications, as in nova.conf.",
    ),
    cfg.StrOpt(
        "exchange",
        default="nova",
        help="The exchange that Nova publishes to: its control_exchange. The agent never makes it.",
    ),
]
