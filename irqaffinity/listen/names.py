# SPDX-License-Identifier: Apache-2.0
"""The names on the broker that agents and relays agree on.

No name of a relay begins as the queues of agents do: an agent's user, which may do anything with `irqaffinity.*`, can
neither read what a relay has not handed on nor publish to the exchange of the hosts (etc/rabbitmq).
"""

RELAY_QUEUE = "irqaffinity-relay"
"""The one queue of all relays, bound to Nova's exchange."""

HOSTS_EXCHANGE = "irqaffinity-hosts"
"""A durable direct exchange. Relays make it and publish to it; the routing key is the option host of nova.conf."""


def queue_name(host: str, machine_id: str) -> str:
    """Return the name of a host's queue; the machine tells hosts of the same name apart."""
    return f"irqaffinity.{host}.{machine_id[:8]}"


def relayed_queue_name(host: str, machine_id: str) -> str:
    """Return the name of a host's queue for what relays hand on."""
    return f"{queue_name(host, machine_id)}.relay"
