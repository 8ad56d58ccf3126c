# SPDX-License-Identifier: Apache-2.0
"""Reads which broker Nova uses, through oslo.messaging, so that the lines of nova.conf work as they stand.

Only a process of its own imports this (conf/broker_process): oslo.messaging takes a third of a second and 20 MB. It
brings oslo.service with it, which loads eventlet, or from 4.2 on threads where these are chosen first and cotyledon is
there. Nothing of either is used here.
"""

import importlib.util
import os
import re
import ssl
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from oslo_config import cfg

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # these libraries warn each other; an operator can do nothing about it
    # eventlet 0.33 cannot load a newer dnspython for its own look-up of names; this process looks no name up.
    os.environ["EVENTLET_NO_GREENDNS"] = "yes"
    # Threads are the other backend of oslo.service from 4.2 on, under two names, and with cotyledon; 4.1 has none.
    if all(map(importlib.util.find_spec, ("cotyledon", "oslo_service.backend"))) and any(
        map(importlib.util.find_spec, ("oslo_service.backend.threading", "oslo_service.backend._threading"))
    ):
        from oslo_service import backend

        backend.init_backend(backend.BackendType.THREADING)
    import oslo_messaging
    from oslo_messaging import opts

from irqaffinity.conf.load import ConfigError, Notifications
from irqaffinity.conf.nova import Options
from irqaffinity.conf.opened import Opened, open_conf, place_of, read_value
from irqaffinity.conf.types import FolderPath, Word
from irqaffinity.listen.broker import Broker, BrokerHost
from irqaffinity.model.text import clean

_RABBIT = "oslo_messaging_rabbit"
_NOTIFICATIONS = "oslo_messaging_notifications"
_SCHEMES = frozenset({"rabbit", "amqp", "kombu+amqp", "kombu+rabbit"})
_LOGIN_METHODS = ("AMQPLAIN", "PLAIN", "EXTERNAL")
_PORT, _LAST_PORT = 5672, 65535
_FORM = "rabbit://user:password@host:port/vhost"
_NODE = re.compile(r"[\w.:-]+")
"""The characters that the name or address of a node can have."""


def load_broker(
    files: Sequence[str] | None,
    folders: Sequence[str] | None,
    wanted: Notifications,
    nova_files: Sequence[str] | None = None,
) -> Broker | None:
    """Return the broker that the configuration names, None when it names none; raise ConfigError."""
    known = [(group or "DEFAULT", options) for group, options in opts.list_opts()]
    opened = open_conf(files, folders, known, nova_files)
    read = _Reader(opened, known)
    url = read(_NOTIFICATIONS, "transport_url") or read("DEFAULT", "transport_url")
    place = read.place(_NOTIFICATIONS if read(_NOTIFICATIONS, "transport_url") else "DEFAULT", "transport_url")
    login_method = _login_method(read)
    heartbeat = read(_RABBIT, "heartbeat_timeout_threshold")
    if heartbeat < 0:
        raise read.refusal(_RABBIT, "heartbeat_timeout_threshold", "it is below 0")
    hosts, virtual_host = _hosts(opened.conf, place, url)
    if not hosts:
        return None
    topics = _topics(read)
    keys = tuple(_routing_keys(wanted, topics))
    if not keys:
        raise read.refusal(_NOTIFICATIONS, "topics", "it is empty: name one, or remove the option")
    broker = Broker(hosts, virtual_host, wanted.exchange, keys, _tls(read), login_method, heartbeat)
    every = _routing_keys(replace(wanted, notification_format="both"), topics)
    unwanted = tuple(key for key in every if key not in keys)
    return replace(broker, rpc=_rpc(opened.conf, read, broker), unwanted_keys=unwanted)


def _rpc(conf: cfg.ConfigOpts, read: "_Reader", broker: Broker) -> Broker | None:
    """Return the broker of Nova's RPC, None where it is the same one or where its URL has a mistake.

    Only `irqaffinity check` uses it, so a mistake in it stops nothing.
    """
    try:
        hosts, virtual_host = _hosts(conf, read.place("DEFAULT", "transport_url"), read("DEFAULT", "transport_url"))
    except ConfigError:
        return None
    is_other = bool(hosts) and (hosts, virtual_host) != (broker.hosts, broker.virtual_host)
    return replace(broker, hosts=hosts, virtual_host=virtual_host, routing_keys=()) if is_other else None


class _Reader:
    """Reads options; each ConfigError that it raises names the place of the option."""

    def __init__(self, opened: Opened, known: Options) -> None:
        self._opened = opened
        self._options = {(group, option.dest): option for group, options in known for option in options}

    def __call__(self, group: str, name: str) -> Any:
        return read_value(self._opened, group, self._options[group, name])

    def place(self, group: str, name: str) -> str:
        return place_of(self._opened, group, self._options[group, name])

    def refusal(self, group: str, name: str, kind: str) -> ConfigError:
        return ConfigError(clean(f"{self.place(group, name)}: {kind}"))


def _hosts(conf: cfg.ConfigOpts, place: str, text: str) -> tuple[tuple[BrokerHost, ...], str]:
    """Return the nodes in a transport_url and its virtual host; raise ConfigError, which repeats no part of the URL.

    Some characters in a password (/ ? # @ : ,) end the front of the URL or one of its nodes. The rest of the password
    would then count as a part that may be shown, so such a URL is refused.
    """
    try:
        url = oslo_messaging.TransportURL.parse(conf, text)
        ports = [_PORT if host.port is None else host.port for host in url.hosts]
        nodes = [
            (host.hostname, port, host.username, host.password) for host, port in zip(url.hosts, ports, strict=True)
        ]
        rest = "".join(urlsplit(text or "")[2:])
    except (ValueError, oslo_messaging.InvalidTransportURL):
        raise ConfigError(clean(f"{place}: it is not of the form {_FORM}")) from None
    if url.transport not in _SCHEMES:
        raise ConfigError(clean(f"{place}: it does not begin with rabbit://, and no other broker can be used"))
    if any(not name for name, *_ in nodes):
        raise ConfigError(clean(f"{place}: a node has no name: write {_FORM}"))
    if any(not 1 <= port <= _LAST_PORT for _, port, _, _ in nodes):
        raise ConfigError(clean(f"{place}: a port is not between 1 and {_LAST_PORT}: write {_FORM}"))
    users = [user is not None for _, _, user, _ in nodes]
    if "@" in rest or users != sorted(users, reverse=True) or not all(_NODE.fullmatch(name) for name, *_ in nodes):
        raise ConfigError(clean(f"{place}: write {_FORM}, and / ? # @ : , of a user and password as %2F %3F %23 ..."))
    hosts = tuple(BrokerHost(name, port, user or "guest", password or "guest") for name, port, user, password in nodes)
    return hosts, url.virtual_host or "/"


def _login_method(read: _Reader) -> str:
    """Return the way to log in; raise ConfigError. oslo.messaging has one more, a demonstration that kombu lacks."""
    try:
        method = str(read(_RABBIT, "rabbit_login_method"))
    except ConfigError:
        method = ""
    if method not in _LOGIN_METHODS:
        raise read.refusal(_RABBIT, "rabbit_login_method", f"it is not one of {', '.join(_LOGIN_METHODS)}")
    return method


def _topics(read: _Reader) -> Sequence[str]:
    """Return the topics of legacy notifications."""
    topics: Sequence[str] = read(_NOTIFICATIONS, "topics")
    try:
        return [Word("a topic")(topic) for topic in topics]
    except ValueError:
        raise read.refusal(_NOTIFICATIONS, "topics", "one of them is not a topic: write those of nova.conf") from None


def _routing_keys(wanted: Notifications, legacy_topics: Sequence[str]) -> Iterator[str]:
    """Give the routing keys of both priorities: Nova publishes the phase `error` with the priority error."""
    topics: list[str] = []
    if wanted.notification_format != "unversioned":
        topics += wanted.versioned_topics
    if wanted.notification_format != "versioned":
        topics += legacy_topics
    for topic in topics:
        yield f"{topic}.info"
        yield f"{topic}.error"


def _tls(read: _Reader) -> dict[str, Any] | None:
    """Return the arguments for ssl, as oslo.messaging makes them; None without TLS.

    Without ssl_ca_file, ssl checks the broker's certificate against the authorities of the system, but not its name.
    """
    is_on = read(_RABBIT, "ssl")
    if not is_on:
        return None
    certificate, key, authority = (_path(read, name) for name in ("ssl_cert_file", "ssl_key_file", "ssl_ca_file"))
    tls: dict[str, Any] = {}
    if certificate:
        tls |= {"certfile": certificate, "keyfile": key}
    if authority:
        tls |= {"ca_certs": authority, "cert_reqs": ssl.CERT_REQUIRED}
    return tls


def _path(read: _Reader, name: str) -> str | None:
    """Return the path of a file of TLS, None where none is set; raise ConfigError."""
    path = read(_RABBIT, name)
    try:
        return FolderPath()(path) if path else None
    except ValueError as error:
        raise read.refusal(_RABBIT, name, str(error)) from None
