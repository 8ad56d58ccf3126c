# SPDX-License-Identifier: Apache-2.0
"""Reads which broker Nova uses, through oslo.messaging, so that the lines of nova.conf work as they stand.

Only a process of its own imports this (conf/broker_process): oslo.messaging takes a third of a second and 20 MB. It
brings oslo.service with it, which would choose its eventlet backend if nobody chose before.
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

from irqaffinity.conf.load import ConfigError, Notifications, Opened, open_conf, source_of
from irqaffinity.listen.broker import Broker, BrokerHost
from irqaffinity.model.text import clean

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
    opened = open_conf(files, folders, known, nova_files)
    url = _read(opened, _NOTIFICATIONS, "transport_url") or _read(opened, "DEFAULT", "transport_url")
    topics = _read(opened, _NOTIFICATIONS, "topics")
    login_method = _read(opened, _RABBIT, "rabbit_login_method")
    heartbeat = _read(opened, _RABBIT, "heartbeat_timeout_threshold")
    if login_method not in _LOGIN_METHODS:
        raise ConfigError(f"[{_RABBIT}] rabbit_login_method: {login_method} is none of {', '.join(_LOGIN_METHODS)}")
    if heartbeat < 0:
        raise ConfigError(f"[{_RABBIT}] heartbeat_timeout_threshold: {heartbeat} is below 0")
    hosts, virtual_host = _hosts(opened.conf, url)
    if not hosts:
        return None
    keys = tuple(_routing_keys(wanted, topics))
    if not keys:
        raise ConfigError(f"[{_NOTIFICATIONS}] topics: it is empty: name one, or remove the option")
    return Broker(hosts, virtual_host, wanted.exchange, keys, _tls(opened), login_method, heartbeat)


def _read(opened: Opened, group: str, name: str) -> Any:
    """Return the value of an option; raise ConfigError, which repeats nothing of a URL: it has a password."""
    try:
        return opened.conf[group][name]
    except RecursionError:
        what = "it refers to itself"
    except (cfg.Error, ValueError) as error:
        if name == "transport_url":
            what = "a $ in it begins the name of an option that is not there; a plain $ is written $$"
        else:
            what = " ".join(str(error).split())
    raise ConfigError(clean(f"{source_of(opened, group, name)}: [{group}] {name}: {what}"))


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


def _tls(opened: Opened) -> dict[str, Any] | None:
    """Return what ssl needs, as oslo.messaging does.

    Without an authority of its own the broker's certificate is checked against those of the system, its name is not.
    """
    is_on, certificate, key, authority = (
        _read(opened, _RABBIT, name) for name in ("ssl", "ssl_cert_file", "ssl_key_file", "ssl_ca_file")
    )
    if not is_on:
        return None
    tls: dict[str, Any] = {}
    if certificate:
        tls |= {"certfile": certificate, "keyfile": key or None}
    if authority:
        tls |= {"ca_certs": authority, "cert_reqs": ssl.CERT_REQUIRED}
    return tls
