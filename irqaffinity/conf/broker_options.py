# SPDX-License-Identifier: Apache-2.0
"""The options of nova.conf that tell of the broker, for the sample and the validator.

The program reads them as oslo.messaging of this host defines them (conf/broker.py); what is said of them here does not
change with its version. Other options of these groups may be copied too, and do nothing.
"""

from collections.abc import Sequence

from oslo_config import cfg

_OPTS: Sequence[tuple[str, Sequence[cfg.Opt]]] = [
    (
        "DEFAULT",
        [
            cfg.StrOpt(
                "transport_url",
                secret=True,
                help="The broker, as in nova.conf; several nodes are separated by commas. Characters that have a "
                "meaning in a URL are written as %XX, and a $ as $$.",
                sample_default="rabbit://user:password@host:5672/vhost",
            )
        ],
    ),
    (
        "oslo_messaging_notifications",
        [
            cfg.StrOpt(
                "transport_url",
                secret=True,
                help="The broker of notifications, where it is another one than that of RPC, as in nova.conf.",
                sample_default="rabbit://user:password@host:5672/vhost",
            ),
            cfg.ListOpt(
                "topics", default=["notifications"], help="The topics of legacy notifications, as in nova.conf."
            ),
        ],
    ),
    (
        "oslo_messaging_rabbit",
        [
            cfg.BoolOpt("ssl", default=False, help="Whether to connect with TLS, as in nova.conf."),
            cfg.StrOpt(
                "ssl_ca_file",
                default="",
                help="The authority that the broker's certificate and name are checked against. Without one, the "
                "certificate is checked against the authorities of the system, and its name is not.",
            ),
            cfg.StrOpt("ssl_cert_file", default="", help="The certificate of this client."),
            cfg.StrOpt("ssl_key_file", default="", help="The key of that certificate."),
            cfg.StrOpt(
                "rabbit_login_method", default="AMQPLAIN", choices=["PLAIN", "AMQPLAIN", "EXTERNAL"],
                help="How to log in.",
            ),
            cfg.IntOpt(
                "heartbeat_timeout_threshold",
                default=60,
                help="Seconds after which a silent connection is taken for dead; 0 for never.",
            ),
        ],
    ),
]  # fmt: skip


def list_opts() -> Sequence[tuple[str, Sequence[cfg.Opt]]]:
    """Return (group, options) pairs: an entry point of `oslo.config.opts`."""
    return _OPTS
