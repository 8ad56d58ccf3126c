# SPDX-License-Identifier: Apache-2.0
"""Whether Nova calls this host what [DEFAULT] host says: nova-compute reads the queue `compute.HOST` of Nova's RPC.

(nova/compute/rpcapi.py, RPC_TOPIC.) Such a queue outlives its nova-compute, so a queue that somebody reads counts
first.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import amqp.exceptions

from irqaffinity.listen.broker import Broker
from irqaffinity.listen.connection import connected
from irqaffinity.listen.queue_look import Look, look_at
from irqaffinity.listen.refusals import explain
from irqaffinity.model.finding import Finding
from irqaffinity.model.text import clean

SUBJECT = "nova-compute"

_OPTION = "[DEFAULT] host"


def spellings(host: str, *machine: str) -> tuple[str, ...]:
    """Return the names that Nova may have for this host, beginning with `host`; `machine` are its own names."""
    whole = [host, *machine]
    short = [name.partition(".")[0] for name in whole]
    domains = [name.partition(".")[2] for name in machine if "." in name]
    joined = [f"{name}.{domain}" for name in short for domain in domains]
    named = [name for name in (*whole, *short, *joined) if name]
    return tuple(dict.fromkeys([*named, *(name.lower() for name in named)]))


def check_rpc_broker(broker: Broker, names: Sequence[str]) -> Iterator[Finding]:
    """Ask the broker of Nova's RPC, where it is another one than that of notifications. Its absence is no failure."""
    refusals = []
    for node in broker.hosts:
        try:
            with connected(broker, node, "irqaffinity check") as connection:
                yield check_nova_host(connection, broker, names)
                connection.release()
            return
        except Exception as error:  # noqa: BLE001  a server without AMQP makes the library raise anything
            refusals.append(f"{node}: {explain(error, broker)}")
    yield Finding(SUBJECT, True, f"not looked for on the broker of Nova's RPC: {'; '.join(refusals)}")


def check_nova_host(connection: Any, broker: Broker, names: Sequence[str]) -> Finding:
    """Tell under which name nova-compute is there; `names` begins with the one that is configured."""
    host, *others = names
    try:
        own = _look(connection, host)
        if own is not None and own.is_read:
            return Finding(SUBJECT, True, clean(f"Nova calls this host {host}, as {_OPTION} does"))
        looks = {name: look for name in others if (look := _look(connection, name)) is not None}
    except amqp.exceptions.AccessRefused:
        return Finding(SUBJECT, True, clean(f"this user may not look for compute.{host}, so {_OPTION} was not checked"))
    read = [name for name, look in looks.items() if look.is_read]
    if read or (own is None and looks):
        return Finding(SUBJECT, False, _mend(host, (read or list(looks))[0]))
    if own is not None:
        return Finding(SUBJECT, True, clean(f"compute.{host} is there, but nobody reads it: nova-compute does not run"))
    where = f"no queue compute.{host} in the virtual host {broker.virtual_host} of {broker.hosts[0]}"
    why = "Nova's RPC has another broker, or nova-compute never ran here"
    return Finding(SUBJECT, True, f"{clean(where)}: {why}; see that {_OPTION} is nova.conf's")


def _look(connection: Any, name: str) -> Look | None:
    return look_at(connection, f"compute.{name}")


def _mend(host: str, found: str) -> str:
    text = f"Nova calls this host {found}, and {_OPTION} is {host}: set host = {found} in [DEFAULT]"
    return f"{clean(text)}, or read nova.conf with --nova-config"
