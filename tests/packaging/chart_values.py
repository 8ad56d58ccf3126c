# SPDX-License-Identifier: Apache-2.0
"""Values that the chart is tried with: one set for each way of installing it."""

from typing import Any

from tests.packaging import shared_values

DEFAULTS: dict[str, Any] = {}

PASSWORD = "p@ss:/ w+%$\"'ü#?,"
"""Every character that means something in a URL, in YAML or in an oslo.config file."""

BROKER = {
    "endpoints": {
        "oslo_messaging": {
            "auth": {"irqaffinity": {"username": "irq@affinity", "password": PASSWORD}},
            "host_fqdn_override": {"default": ["mq-1.example.org", "mq-2.example.org:5673", "[2001:db8::1]"]},
            "port": {"amqp": {"default": 5671}},
            "path": "/nova",
        }
    }
}

TLS = BROKER | {"tls": {"oslo_messaging": True, "client_certificate": True}}

EXISTING_SECRET = {
    "endpoints": {"oslo_messaging": {"existing_secret": {"name": "nova-rabbitmq-user", "key": "TRANSPORT_URL"}}},
}

NOVA_CONFIG = {"nova_config": {"secret": "nova-etc", "key": "nova-compute.conf"}}

OVERRIDES = {
    "conf": {
        "irqaffinity": {"placement": {"numa": "strict", "dedicated_cpus": "2-15"}, "audit": {"interval": 90}},
        "overrides": {
            "irqaffinity_agent": {
                "hosts": [
                    {"name": "cmp-1.example.org", "conf": {"irqaffinity": {"placement": {"dedicated_cpus": "4-31"}}}},
                    {"name": "cmp-2.example.org", "conf": {"irqaffinity": {"DEFAULT": {"debug": False}}}},
                ],
                "labels": [
                    {
                        "label": {"key": "example.org/compute-type", "values": ["dpdk", "sriov"]},
                        "conf": {"irqaffinity": {"placement": {"numa": "preferred"}}},
                    },
                    {"label": {"key": "rack", "values": ["r7"]}, "conf": {"irqaffinity": {"audit": {"interval": 7}}}},
                ],
            }
        },
    }
}

RELAY = {
    "manifests": {"deployment_relay": True},
    "endpoints": {
        "oslo_messaging": {
            "auth": {"irqaffinity": {"password": "of-agents"}, "irqaffinity_relay": {"password": "of-relays"}},
            "host_fqdn_override": {"default": "mq.example.org"},
        }
    },
}

METRICS = {
    "conf": {"irqaffinity": {"metrics": {"enabled": True, "port": 9999}}},
    "manifests": {
        "pod_monitor": True,
        "service_metrics": True,
        "network_policy": True,
        "prometheus_rule": True,
        "configmap_dashboard": True,
    },
    "monitoring": {
        "pod_monitor": {"labels": {"release": "prometheus"}},
        "prometheus_rule": {"labels": {"role": "alert-rules"}},
        "dashboard": {"annotations": {"grafana_folder": "OpenStack"}},
        "service": {"annotations": {"a": "b"}},
    },
}

OPENSTACK_HELM = {
    "release_group": "compute-kit",
    "images": {
        "tags": {"irqaffinity": "registry.example.org:5000/compute/irqaffinity:0.1.0-1"},
        "pull_policy": "Always",
    },
    "labels": {"agent": {"irqaffinity": {"node_selector_key": "sriov", "node_selector_value": "enabled"}}},
    "endpoints": {
        "cluster_domain_suffix": "cluster.example",
        "oslo_messaging": {
            "namespace": "infra",
            "auth": {
                "admin": {
                    "username": "rabbitmq",
                    "password": "secret",
                    "secret": {"tls": {"internal": "rabbitmq-tls"}},
                },
                "irqaffinity": {"username": "irqaffinity", "password": "secret"},
            },
            "statefulset": {"name": "rabbitmq-rabbitmq", "replicas": 3},
            "hosts": {"default": "rabbitmq"},
            "host_fqdn_override": {"default": None},
            "path": "/nova",
            "scheme": "rabbit",
            "port": {"amqp": {"default": 5672}, "http": {"default": 15672}},
        },
    },
    "conf": {
        "irqaffinity": {
            "DEFAULT": {"debug": True},
            "oslo_messaging_notifications": {"topics": ["notifications", "audit"]},
            "oslo_messaging_rabbit": {"heartbeat_timeout_threshold": 10000000},
            "placement": {
                "numa": "strict",
                "dedicated_cpus": "2-15",
                "flavor_masks": {"nfv.large": "1-4,^3,6"},
                "host_driver": "macvtap:emulator,vdpa:vcpu",
                "profile": [{"physical_network": "physnet1", "distribution": "spread"}],
            },
            "pci": {
                "device_spec": {
                    "type": "multistring",
                    "values": ['{"vendor_id": "8086", "product_id": "10ed"}', '{"address": "0000:0a:00.0"}'],
                }
            },
            "notifications": {"versioned_notifications_topics": {"type": "csv", "values": ["one", "two"]}},
        }
    },
    "pod": {
        "resources": {"enabled": True, "irqaffinity": {"requests": {"cpu": "100m"}, "limits": {"memory": "512Mi"}}},
        "tolerations": {"irqaffinity": {"enabled": True}},
        "lifecycle": {"upgrades": {"daemonsets": {"irqaffinity": {"max_unavailable": "10%"}}}},
        "probes": {"irqaffinity": {"irqaffinity": {"liveness": {"params": {"periodSeconds": 90}}}}},
        "useHostNetwork": {"irqaffinity": True},
        "priorityClassName": {"irqaffinity": "system-node-critical"},
        "security_context": {"irqaffinity": {"pod": {"seLinuxOptions": {"type": "spc_t"}}}},
    },
}

EXTRAS = {
    "host": {
        "name": "$(NODE_NAME).example.org",
        "libvirt": {"path": "/var/run/libvirt", "socket": "virtqemud-sock-ro"},
        "state": "/srv/irqaffinity",
        "machine_id": "",
        "tracefs": {"enabled": False},
        "processes": True,
    },
    "conf": {
        "irqaffinity": {
            "host": {"proc": "/srv/proc", "sys": "/srv/sys"},
            "pci": {
                "device_spec": [
                    {"vendor_id": "8086", "product_id": "10ed", "physical_network": "a&$b"},
                    {"address": {"function": "[0-2]$"}},
                    '[{"vendor_id": "8086",\n  "product_id": "154c"},\n {"devname": "ens5f0"}]\n',
                ]
            },
        }
    },
    "images": {"tags": {"irqaffinity": "registry.example.org:5000/irqaffinity"}, "pull_secrets": ["login"]},
    "pod": {
        "annotations": {"container.apparmor.security.beta.kubernetes.io/irqaffinity": "unconfined"},
        "labels": {"team": "compute"},
        "mounts": {
            "irqaffinity": {
                "irqaffinity": {
                    "volumeMounts": [{"name": "more", "mountPath": "/more"}],
                    "volumes": [{"name": "more", "emptyDir": {}}],
                }
            }
        },
        "resources": {"enabled": False},
    },
}

ISOLATION = {
    "host": {"debugfs": True},
    "conf": {
        "irqaffinity": {
            "placement": {"serve": "vcpus"},
            "isolation": {
                "mode": "enforce",
                "housekeeping_cpus": "0-1",
                "minimum": 1,
                "leave": ["nvme*", "mlx5_core"],
                "irqbalance": True,
            },
        }
    },
}

SRIOV = {
    "host": {"sriov": {"apply": True}},
    "conf": {
        "irqaffinity": {
            "sriov": {
                "apply": "watch",
                "pf": [
                    {"devname": "ens1f0", "numvfs": 8, "vf": {"spoofchk": True}, "vfs": {"3": {"trust": True}}},
                    '{"address": "0000:81:00.0", "numvfs": 4}',
                ],
            }
        }
    },
}

RELAY_AND_METRICS = METRICS | {
    "manifests": METRICS["manifests"] | {"deployment_relay": True},
    "endpoints": {"oslo_messaging": {"existing_relay_secret": {"name": "of-relays", "key": "url"}}},
}

RESET = {"reset": True}

NOTHING = {
    "manifests": {
        "daemonset_irqaffinity": False,
        "secret_etc": False,
        "service_account": False,
        "pod_test": False,
    }
}

MATRIX = {
    "defaults": DEFAULTS,
    "broker": BROKER,
    "tls": TLS,
    "existing secret": EXISTING_SECRET,
    "metrics": METRICS,
    "openstack-helm": OPENSTACK_HELM,
    "extras": EXTRAS,
    "nova.conf": NOVA_CONFIG,
    "overrides": OVERRIDES,
    "relay": RELAY,
    "isolation": ISOLATION,
    "sriov": SRIOV,
    "relay and metrics": RELAY_AND_METRICS,
    "shared by openstack-helm": shared_values.OPENSTACK_HELM,
    "shared by StarlingX": shared_values.STARLINGX,
    "reset": RESET,
    "nothing": NOTHING,
}
