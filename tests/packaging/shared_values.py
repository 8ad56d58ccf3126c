# SPDX-License-Identifier: Apache-2.0
"""Values in the shapes that openstack-helm and StarlingX give their charts, with more in them than a chart reads."""

from typing import Any

OPENSTACK_HELM: dict[str, Any] = {
    "release_group": None,
    "images": {
        "pull_policy": "IfNotPresent",
        "tags": {
            "dep_check": "registry.example.org/kubernetes-entrypoint:v1",
            "image_repo_sync": "registry.example.org/docker:cli",
            "nova_compute": "registry.example.org/nova:2026.1",
        },
        "local_registry": {"active": True, "exclude": ["dep_check", "image_repo_sync"]},
    },
    "labels": {
        "agent": {"compute": {"node_selector_key": "openstack-compute-node", "node_selector_value": "enabled"}},
        "job": {"node_selector_key": "openstack-control-plane", "node_selector_value": "enabled"},
        "osapi": {"node_selector_key": "openstack-control-plane", "node_selector_value": "enabled"},
    },
    "dependencies": {
        "dynamic": {"common": {"local_image_registry": {"jobs": ["nova-image-repo-sync"], "services": []}}},
        "static": {"compute": {"jobs": ["nova-db-sync"], "services": [{"endpoint": "internal", "service": "image"}]}},
    },
    "endpoints": {
        "cluster_domain_suffix": "cluster.local",
        "local_image_registry": {"name": "docker-registry", "hosts": {"default": "localhost"}},
        "oci_image_registry": {"auth": {"enabled": False, "nova": {"username": "nova", "password": "secret"}}},
        "oslo_db": {"auth": {"nova": {"username": "nova", "password": "secret"}}, "path": "/nova"},
        "oslo_messaging": {
            "auth": {
                "erlang_cookie": "openstack-cookie",
                "admin": {"username": "rabbitmq", "password": "secret"},
                "nova": {
                    "username": "nova",
                    "password": "secret",
                    "secret": {"tls": {"internal": "rabbitmq-tls-direct"}},
                },
            },
            "statefulset": {"replicas": 2, "name": "rabbitmq-rabbitmq"},
            "hosts": {"default": "rabbitmq", "public": None},
            "host_fqdn_override": {"default": None, "public": {"host": "mq.example.org", "tls": {"crt": None}}},
            "path": "/nova",
            "scheme": "rabbit",
            "port": {"amqp": {"default": 5672, "nodeport": None}, "http": {"default": 15672}},
        },
        "identity": {"name": "keystone", "auth": {"nova": {"role": "admin,service", "region_name": "RegionOne"}}},
        "image": {"name": "glance", "port": {"api": {"default": 9292, "public": 80}}},
    },
    "network": {"backend": ["openvswitch"], "ssh": {"enabled": "false", "port": 8022}},
    "network_policy": {"nova": {"ingress": [{}], "egress": [{}]}},
    "secrets": {
        "oslo_messaging": {"admin": "nova-rabbitmq-admin"},
        "tls": {"compute": {"osapi": {"public": "nova-tls"}}},
    },
    "tls": {"identity": True, "oslo_messaging": True, "oslo_db": True},
    "pod": {
        "user": {"nova": {"uid": 42424}},
        "probes": {"rpc_timeout": 60, "compute": {"default": {"liveness": {"enabled": True, "params": {}}}}},
        "security_context": {
            "nova": {"pod": {"runAsUser": 42424}, "container": {"nova_compute": {"privileged": True}}}
        },
        "affinity": {
            "anti": {
                "type": {"default": "requiredDuringSchedulingIgnoredDuringExecution", "relay": None},
                "topologyKey": {"default": "topology.kubernetes.io/zone"},
                "weight": {"default": 30},
            }
        },
        "tolerations": {"nova": {"enabled": True, "tolerations": [{"key": "a", "operator": "Exists"}]}},
        "runtimeClassName": {"irqaffinity": "plain", "nova_compute": None},
        "mounts": {"nova_compute": {"init_container": None, "nova_compute": {"volumeMounts": None, "volumes": None}}},
        "useHostNetwork": {"novncproxy": True},
        "replicas": {"osapi": 3, "conductor": 3},
        "lifecycle": {
            "upgrades": {
                "deployments": {"rolling_update": {"max_unavailable": 1, "max_surge": 3}},
                "daemonsets": {"compute": {"enabled": True, "min_ready_seconds": 0, "max_unavailable": 20}},
            },
            "disruption_budget": {"osapi": {"min_available": 0}},
            "termination_grace_period": {"osapi": {"timeout": 30}},
        },
        "resources": {"enabled": False, "compute": {"requests": {"memory": "128Mi"}}, "jobs": {"bootstrap": {}}},
    },
    "manifests": {"certificates": True, "configmap_etc": True, "job_db_sync": True, "daemonset_compute": True},
}
"""A file for the whole of a compute kit, with all of what openstack-helm's nova chart has in these blocks."""

STARLINGX: dict[str, Any] = {
    "release_group": "osh-openstack-irqaffinity",
    "labels": {"isApplication": False},
    "images": {"tags": {"dep_check": "registry.local:9001/entrypoint:v1"}},
    "tolerations": [
        {"key": "node-role.kubernetes.io/master", "operator": "Exists", "effect": "NoSchedule"},
        {"key": "openstack-compute-node", "operator": "Exists", "effect": "NoSchedule"},
    ],
    "pod": {"labels": {"include_app_kubernetes_io": False, "team": "compute"}, "replicas": {"conductor": 2}},
    "endpoints": {
        "identity": {"name": "keystone", "auth": {"nova": {"password": "secret"}}},
        "oslo_messaging": {
            "auth": {"nova": {"username": "nova-rabbitmq-user", "password": "secret"}},
            "statefulset": {"name": "osh-openstack-rabbitmq-rabbitmq"},
        },
    },
    "conf": {
        "overrides": {
            "irqaffinity_agent": {
                "hosts": [
                    {
                        "name": "controller-0",
                        "conf": {
                            "irqaffinity": {
                                "placement": {"dedicated_cpus": "4-7"},
                                "pci": {
                                    "device_spec": {
                                        "type": "multistring",
                                        "values": ['{"address": "0000:81:00.1", "physical_network": "group0"}'],
                                    }
                                },
                            }
                        },
                    },
                    {
                        "name": "compute-0",
                        "conf": {"irqaffinity": {"placement": {"dedicated_cpus": "2-9"}, "pci": None}},
                    },
                ]
            }
        }
    },
}
"""What the platform works out of its inventory: a list of hosts with CPUs and devices; `None` where a host has none."""
