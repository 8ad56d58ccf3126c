# SPDX-License-Identifier: Apache-2.0
"""Which broker to listen to, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from irqaffinity.model.text import clean


@dataclass(frozen=True, slots=True)
class BrokerHost:
    """One node of the broker and the account there; no text of the program shows the password."""

    name: str
    port: int
    user: str = field(repr=False)
    password: str = field(repr=False)

    def __str__(self) -> str:
        return f"[{self.name}]:{self.port}" if ":" in self.name else f"{self.name}:{self.port}"


@dataclass(frozen=True, slots=True)
class Broker:
    """The broker of Nova's notifications, and what to listen to there.

    `tls` are arguments of ssl (`ca_certs`, `certfile`, `keyfile`, `cert_reqs`), possibly empty, or None for a plain
    connection. The name of a node is checked where `ca_certs` are given. `heartbeat` is in seconds, 0 for none.
    The queue is bound to `routing_keys`; `unwanted_keys` are those of the other format, to which it may still be bound.
    `rpc` is the broker of Nova's RPC, None where it is this one or not known.
    """

    hosts: tuple[BrokerHost, ...]
    virtual_host: str
    exchange: str
    routing_keys: tuple[str, ...]
    tls: Mapping[str, Any] | None = None
    login_method: str = "AMQPLAIN"
    heartbeat: int = 60
    rpc: "Broker | None" = None
    unwanted_keys: tuple[str, ...] = ()

    def __str__(self) -> str:
        scheme = "amqp" if self.tls is None else "amqps"
        return clean(f"{scheme}://{','.join(map(str, self.hosts))}/{self.virtual_host.lstrip('/')}")
