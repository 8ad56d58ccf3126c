# SPDX-License-Identifier: Apache-2.0
"""Asks RabbitMQ's management for policies, which AMQP does not show; with the account and the host of transport_url.

The account has to have a tag (management is enough), and the plugin rabbitmq_management has to be at its usual port.
Where the connection to the broker has TLS, the password is sent over TLS alone.
"""

import base64
import contextlib
import http.client
import json
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from irqaffinity.listen.broker import Broker, BrokerHost
from irqaffinity.listen.broker_policy import BrokerPolicy
from irqaffinity.model.text import clean

PORT, TLS_PORT = 15672, 15671

_TIMEOUT = 2.0
_DEADLINE = 5.0
"""Seconds for one answer: one that comes byte by byte is given up."""

_LARGEST = 1 << 20


class Unreadable(Exception):
    """Management gave no answer that can be used; str() says where and why, on one clean line."""


@dataclass(frozen=True, slots=True)
class QueueFacts:
    """What management says of a queue.

    `policy` is the name of the policy in force, None where management does not say (yet). `effective` is this policy
    merged with an operator policy, None where there is no operator policy.
    """

    kind: str = "classic"
    arguments: Mapping[str, Any] = field(default_factory=dict)
    policy: str | None = None
    effective: Mapping[str, Any] | None = None


class Management:
    """The management of one node of the broker."""

    def __init__(self, broker: Broker, node: BrokerHost) -> None:
        self._broker = broker
        self._node = node
        self._port = PORT if broker.tls is None else TLS_PORT
        self.virtual_host = quote(broker.virtual_host, safe="")

    def policies(self) -> tuple[BrokerPolicy, ...]:
        """Return the policies of the virtual host; raise Unreadable."""
        found = self._get(f"/api/policies/{self.virtual_host}")
        if not isinstance(found, list):
            raise self._unreadable("its answer is no list of policies")
        return tuple(_policy(each) for each in found if isinstance(each, dict))

    def queue(self, name: str) -> QueueFacts | None:
        """Return what management says of a queue, None where there is no such queue; raise Unreadable."""
        found = self._get(f"/api/queues/{self.virtual_host}/{quote(name, safe='')}")
        if found is None:
            return None
        if not isinstance(found, dict):
            raise self._unreadable("its answer is no queue")
        kind, policy, effective = found.get("type"), found.get("policy"), found.get("effective_policy_definition")
        return QueueFacts(
            kind=kind if isinstance(kind, str) else "classic",
            arguments=_mapping(found.get("arguments")) or {},
            policy=policy if isinstance(policy, str) and policy else None,
            effective=_mapping(effective) if found.get("operator_policy") else None,
        )

    def is_bound(self, exchange: str, queue: str) -> bool:
        """Tell whether an exchange hands messages to a queue; raise Unreadable."""
        found = self._get(f"/api/bindings/{self.virtual_host}/e/{quote(exchange, safe='')}/q/{quote(queue, safe='')}")
        if found is not None and not isinstance(found, list):
            raise self._unreadable("its answer is no list of bindings")
        return bool(found)

    def _get(self, path: str) -> Any:
        """Return the JSON at a path, None where nothing is."""
        if self._broker.login_method == "EXTERNAL":
            raise self._unreadable("this account logs in with a certificate and has no password")
        try:
            with self._asked(path) as answer:
                status, body = answer.status, answer.read(_LARGEST + 1)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._unreadable(_describe(error)) from error
        if status == http.client.NOT_FOUND:
            return None
        if status in (http.client.UNAUTHORIZED, http.client.FORBIDDEN):
            raise self._unreadable("it refuses this account, which lacks the tag management")
        if status != http.client.OK:
            raise self._unreadable(f"it answers with status {status}")
        if len(body) > _LARGEST:
            raise self._unreadable("its answer is too large")
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise self._unreadable("its answer is no JSON") from error

    @contextlib.contextmanager
    def _asked(self, path: str) -> Iterator[http.client.HTTPResponse]:
        """Give the answer to a question; no redirection is followed, and no proxy asked."""
        with contextlib.closing(self._connection()) as connection:
            connection.connect()
            timer = threading.Timer(_DEADLINE, _cut, [connection.sock])
            timer.start()
            try:
                account = f"{self._node.user}:{self._node.password}".encode()
                headers = {"Authorization": f"Basic {base64.b64encode(account).decode()}"}
                connection.request("GET", path, headers=headers)
                with connection.getresponse() as answer:
                    yield answer
            finally:
                timer.cancel()

    def _connection(self) -> http.client.HTTPConnection:
        tls, name = self._broker.tls, self._node.name
        if tls is None:
            return http.client.HTTPConnection(name, self._port, timeout=_TIMEOUT)
        context = ssl.create_default_context(cafile=tls.get("ca_certs"))
        context.check_hostname = "ca_certs" in tls  # as the connection to the broker has it
        if tls.get("certfile"):
            context.load_cert_chain(tls["certfile"], tls.get("keyfile"))
        return http.client.HTTPSConnection(name, self._port, timeout=_TIMEOUT, context=context)

    def _unreadable(self, why: str) -> Unreadable:
        return Unreadable(clean(f"RabbitMQ's management at {self._node.name}, port {self._port}: {why}"))


def _cut(connection: socket.socket) -> None:
    """End a connection while another thread waits for its answer; an SSLSocket's own shutdown would not do that."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


def _describe(error: Exception) -> str:
    """Return what kind of failure it was, without any words of the server."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror if isinstance(error.strerror, str) else type(error).__name__
    return "it does not answer in time" if isinstance(error, TimeoutError) else type(error).__name__


def _policy(found: Mapping[str, Any]) -> BrokerPolicy:
    priority = found.get("priority")
    return BrokerPolicy(
        name=clean(str(found.get("name"))),
        pattern=str(found.get("pattern")),
        priority=priority if isinstance(priority, int) else 0,
        apply_to=str(found.get("apply-to")),
        definition=_mapping(found.get("definition")) or {},
    )


def _mapping(found: object) -> Mapping[str, Any] | None:
    return found if isinstance(found, dict) else None
