# SPDX-License-Identifier: Apache-2.0
"""The options of nova.conf that describe the broker, for the sample and the validator.

The program reads them as oslo.messaging of this host defines them (conf/broker.py). The texts here are the same with
every version of it. Users may copy other options of these groups too; they have no effect.
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
                help="The broker, as in nova.conf; separate several nodes with commas. Write a character that has a "
                "meaning in a URL as %XX, and a $ as $$.",
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
                help="The broker of notifications, as in nova.conf. Set it only where RPC has a different broker.",
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
                help="The file of the authority that signed the broker's certificate. With it the program checks the "
                "certificate and the broker's name. Without it the program checks the certificate against the "
                "authorities of the system, and does not check the name.",
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
                help="Seconds of silence after which a connection counts as dead; 0 means never.",
            ),
        ],
    ),
]  # fmt: skip


def list_opts() -> Sequence[tuple[str, Sequence[cfg.Opt]]]:
    """Return (group, options) pairs: an entry point of `oslo.config.opts`."""
    return _OPTS
