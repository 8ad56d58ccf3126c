# SPDX-License-Identifier: Apache-2.0
"""Reads which broker Nova uses, through oslo.messaging, so that the lines of nova.conf work as they stand.

Nothing here is imported unless notifications are listened to: oslo.messaging brings oslo.service with it, which would
choose its eventlet backend if nobody chose before, and takes a third of a second.
"""

import ssl
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from oslo_config import cfg
from oslo_service import backend

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what these libraries warn each other of is no matter of an operator
    backend.init_backend(backend.BackendType.THREADING)
    import oslo_messaging
    from oslo_messaging import opts

from irqaffinity.conf.load import ConfigError, Notifications, open_conf
from irqaffinity.listen.broker import Broker, BrokerHost

_RABBIT = "oslo_messaging_rabbit"
_NOTIFICATIONS = "oslo_messaging_notifications"
_SCHEMES = frozenset({"rabbit", "amqp", "kombu+amqp", "kombu+rabbit"})
_LOGIN_METHODS = ("AMQPLAIN", "PLAIN", "EXTERNAL")
_PORT = 5672


def load_broker(
    files: Sequence[str] | None,
    folders: Sequence[str] | None,
    wanted: Notifications,
    nova_files: Sequence[str] | None = None,
) -> Broker | None:
    """Return the broker that the configuration names, None when it names none; raise ConfigError."""
    known = [(group or "DEFAULT", options) for group, options in opts.list_opts()]
    conf = open_conf(files, folders, known, nova_files).conf
    try:
        url = conf[_NOTIFICATIONS].transport_url or conf["DEFAULT"].transport_url
        topics = conf[_NOTIFICATIONS].topics
        rabbit = conf[_RABBIT]
        tls, login_method, heartbeat = _tls(rabbit), rabbit.rabbit_login_method, rabbit.heartbeat_timeout_threshold
    except (cfg.Error, ValueError) as error:
        raise ConfigError(f"[{_RABBIT}]: {' '.join(str(error).split())}") from error
    if login_method not in _LOGIN_METHODS:
        raise ConfigError(f"[{_RABBIT}] rabbit_login_method: {login_method} is none of {', '.join(_LOGIN_METHODS)}")
    if heartbeat < 0:
        raise ConfigError(f"[{_RABBIT}] heartbeat_timeout_threshold: {heartbeat} is below 0")
    hosts, virtual_host = _hosts(conf, url)
    if not hosts:
        return None
    keys = tuple(_routing_keys(wanted, topics))
    if not keys:
        raise ConfigError(f"[{_NOTIFICATIONS}] topics: it is empty: name one, or remove the option")
    return Broker(hosts, virtual_host, wanted.exchange, keys, tls, login_method, heartbeat)


def _hosts(conf: cfg.ConfigOpts, text: str) -> tuple[tuple[BrokerHost, ...], str]:
    """Return the nodes in a transport_url and its virtual host; what is wrong with it is told without repeating it."""
    try:
        url = oslo_messaging.TransportURL.parse(conf, text)
        nodes = [(host.hostname, host.port or _PORT, host.username, host.password) for host in url.hosts]
    except (ValueError, oslo_messaging.InvalidTransportURL):
        raise ConfigError("transport_url is not of the form rabbit://user:password@host:port/vhost") from None
    if any(not name for name, *_ in nodes):
        raise ConfigError("transport_url has a node without a name: write rabbit://user:password@host:port/vhost")
    if url.transport not in _SCHEMES:
        raise ConfigError("transport_url does not begin with rabbit://, and no other broker can be used")
    hosts = tuple(BrokerHost(name, port, user or "guest", password or "guest") for name, port, user, password in nodes)
    return hosts, url.virtual_host or "/"


def _routing_keys(wanted: Notifications, legacy_topics: Sequence[str]) -> Iterator[str]:
    """Give the routing keys of both priorities: the phase error is published as such."""
    topics: list[str] = []
    if wanted.notification_format != "unversioned":
        topics += wanted.versioned_topics
    if wanted.notification_format != "versioned":
        topics += legacy_topics
    for topic in topics:
        yield f"{topic}.info"
        yield f"{topic}.error"


def _tls(rabbit: Any) -> dict[str, Any] | None:
    """Return what ssl needs, as oslo.messaging does.

    Without an authority of its own the broker's certificate is checked against those of the system, its name is not.
    """
    if not rabbit.ssl:
        return None
    tls: dict[str, Any] = {}
    if rabbit.ssl_cert_file:
        tls |= {"certfile": rabbit.ssl_cert_file, "keyfile": rabbit.ssl_key_file or None}
    if rabbit.ssl_ca_file:
        tls |= {"ca_certs": rabbit.ssl_ca_file, "cert_reqs": ssl.CERT_REQUIRED}
    return tls
