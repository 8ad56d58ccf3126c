# SPDX-License-Identifier: Apache-2.0
"""How interrupts are placed."""

from enum import Enum

from oslo_config import cfg, types

from irqaffinity.conf.manners import KindsOfDriver, PlacementProfile
from irqaffinity.conf.types import CpuList, Mask
from irqaffinity.plan.policy import Distribution, Numa, Serve, WithoutMask

GROUP = "placement"


def _choice(name: str, default: Enum, choices: dict[Enum, str], help_text: str) -> cfg.StrOpt:
    """Return an option whose values are the members of an enumeration, each with its sentence."""
    return cfg.StrOpt(
        name,
        default=default.value,
        choices=[(member.value, sentence) for member, sentence in choices.items()],
        help=help_text,
    )


OPTS = [
    _choice(
        "numa",
        Numa.PREFERRED,
        {
            Numa.PREFERRED: "use the chosen CPUs on the nearest node; the report says remote_node",
            Numa.SOCKET: "use the chosen CPUs in the socket of the device; the report says remote_node. Where there "
            "are none, do as strict",
            Numa.STRICT: "leave the interrupts of the device where they are; the report says node_strict",
        },
        "What to do when none of the guest's chosen CPUs is on the NUMA node of a device.",
    ),
    _choice(
        "distribution",
        Distribution.MASK,
        {
            Distribution.MASK: "every interrupt may arrive at any CPU of the target, and the kernel picks one",
            Distribution.SPREAD: "every interrupt gets one CPU of the target, in turn",
        },
        "How the interrupts of a device share its target.",
    ),
    _choice(
        "without_mask",
        WithoutMask.ALL,
        {
            WithoutMask.ALL: "use all its dedicated vCPUs, realtime ones only when there are no others",
            WithoutMask.SKIP: "leave the guest alone",
            WithoutMask.WAIT: "leave a guest of Nova's alone until its extra specs are known; then do as all",
        },
        "What to do for a guest without hw:pci_irq_affinity_mask.",
    ),
    cfg.Opt(
        "host_driver",
        type=KindsOfDriver(),
        default="skip",
        help="Where the interrupts of macvtap and vdpa devices go: skip, they stay where they are; emulator, they go "
        "to the CPUs of the guest's emulator threads; vcpu, they go to the CPUs of its vCPUs, as for passed-through "
        "devices. One of these words is for both kinds; pairs such as macvtap:emulator,vdpa:vcpu name each, and a kind "
        "that they do not name is skip. A driver of the host serves these devices, and its whole receive path runs "
        "where the interrupt arrives.",
    ),
    _choice(
        "serve",
        Serve.VCPUS,
        {
            Serve.VCPUS: "the CPUs of its dedicated vCPUs",
            Serve.EMULATOR: "the CPUs of its emulator threads (emulatorpin)",
            Serve.HOUSEKEEPING: "the housekeeping CPUs of the host, as under [isolation]",
        },
        "Which CPUs serve the interrupts of the passed-through devices of a guest without hw:pci_irq_affinity_mask; a "
        "mask always chooses among its dedicated vCPUs.",
    ),
    cfg.MultiOpt(
        "profile",
        item_type=PlacementProfile(),
        help="What differs for the devices whose [pci] device_spec has certain tags: a JSON object with at least one "
        "tag and one or more of distribution, numa and serve. All tags of a profile must be tags of the device. What "
        "it does not name is as the options of this group say. The option can stand more than once; the first value "
        "that fits a device counts.",
        sample_default='{"physical_network": "sriov-a", "distribution": "spread", "numa": "strict"}',
    ),
    cfg.Opt(
        "dedicated_cpus",
        type=CpuList(),
        help="The CPUs that can be dedicated to guests: cpu_dedicated_set of nova.conf, in the same syntax without ^. "
        "A vCPU on any other CPU never counts as dedicated. Without this option every CPU can be dedicated.",
        sample_default="2-15,34-47",
    ),
    cfg.Opt(
        "flavor_masks",
        type=types.Dict(value_type=Mask()),
        default={},
        help="Masks by flavor name, for domains that carry no extra specs because an older Nova made them. Put a mask "
        "that has a comma in double quotes.",
        sample_default='nfv.large:"1-4,^3,6",nfv.small:1',
    ),
]
