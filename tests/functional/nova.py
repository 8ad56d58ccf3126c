# SPDX-License-Identifier: Apache-2.0
"""Publishes notifications as Nova does: through oslo.messaging's own Notifier, with payloads of Nova's shape."""

from pathlib import Path
from typing import Any

from oslo_config import cfg

import irqaffinity.conf.broker  # noqa: F401  it chooses the backend of oslo.service before oslo.messaging is imported

import oslo_messaging  # isort: skip


class Nova:
    """The notifiers of the services of one deployment; `durable` is its amqp_durable_queues."""

    def __init__(self, folder: Path, url: str, *, durable: bool = False, driver: str = "messagingv2") -> None:
        file = folder / f"nova-{durable}-{driver}.conf"
        escaped = url.replace("$", "$$")
        file.write_text(
            f"[DEFAULT]\ntransport_url = {escaped}\ncontrol_exchange = nova\n"
            f"[oslo_messaging_rabbit]\namqp_durable_queues = {durable}\n"
        )
        conf = cfg.ConfigOpts()
        conf(["--config-file", str(file)], project="nova")
        self._transport = oslo_messaging.get_notification_transport(conf)
        self._driver = driver

    def publish(self, event: str, publisher: str, payload: dict[str, Any], *, legacy: bool = False) -> None:
        """Publish one notification of the service and host `publisher`, such as `nova-compute:cmp-1`."""
        topic = "notifications" if legacy else "versioned_notifications"
        notifier = oslo_messaging.Notifier(
            self._transport, driver=self._driver, topics=[topic], publisher_id=publisher, retry=3
        )
        priority = notifier.error if event.endswith(".error") else notifier.info
        priority({}, event, payload)

    def close(self) -> None:
        """Close the connections."""
        self._transport.cleanup()


def versioned(uuid: str, host: str | None, extra_specs: dict[str, str] | None = None) -> dict[str, Any]:
    """Return the payload of a versioned instance notification (nova/notifications/objects/instance.py)."""
    flavor = {
        "nova_object.name": "FlavorPayload",
        "nova_object.namespace": "nova",
        "nova_object.version": "1.4",
        "nova_object.data": {"flavorid": "1", "name": "nfv", "vcpus": 4, "extra_specs": extra_specs},
    }
    return {
        "nova_object.name": "InstanceActionPayload",
        "nova_object.namespace": "nova",
        "nova_object.version": "1.8",
        "nova_object.data": {
            "uuid": uuid,
            "host": host,
            "node": host,
            "state": "active",
            "power_state": "running",
            "task_state": None,
            "display_name": "a guest",
            "flavor": flavor,
            "fault": None,
        },
    }


def legacy(uuid: str, host: str | None) -> dict[str, Any]:
    """Return the payload of a legacy instance notification (nova/notifications/base.py)."""
    return {"instance_id": uuid, "host": host, "instance_type": "nfv", "state": "active", "image_meta": {}}
