# SPDX-License-Identifier: Apache-2.0
"""What the physical functions of the host should be, and whether the agent makes them so."""

from oslo_config import cfg

from irqaffinity.conf.types import DeclaredPfs
from irqaffinity.model.sriov_options import ApplyMode

GROUP = "sriov"
OPTS = [
    cfg.MultiOpt(
        "pf",
        item_type=DeclaredPfs(),
        help="What a physical function and its virtual functions should be: a JSON object that names it by devname or "
        "address. numvfs is their number, autoprobe whether drivers of the host take new ones; vf has settings for "
        "each of them (spoofchk, trust, link_state, max_tx_rate, min_tx_rate, vlan, qos), vfs what differs for those "
        "with these numbers; what is not named is left as it is. physical_network is Neutron's. The option can stand "
        "more than once. irqaffinity sriov apply makes it so; a virtual function in use is never changed.",
        sample_default='{"devname": "ens1f0", "numvfs": 8, "vf": {"spoofchk": true}, "vfs": {"3": {"trust": true}}}',
    ),
    cfg.StrOpt(
        "apply",
        default=ApplyMode.OFF.value,
        choices=[
            (ApplyMode.OFF.value, "do nothing; irqaffinity sriov apply does it"),
            (ApplyMode.START.value, "make it so when the agent starts"),
            (ApplyMode.WATCH.value, "make it so at the start, and again when a setting of a free function has changed"),
        ],
        help="When the agent makes the physical functions what pf says. It makes virtual functions only where there "
        "are none.",
    ),
]
