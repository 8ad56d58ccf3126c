# SPDX-License-Identifier: Apache-2.0
"""Reads the settings of virtual functions from the kernel's message on their physical one (linux/if_link.h)."""

from collections.abc import Mapping
from typing import Any

from irqaffinity.model.sriov import LinkState, VfSettings
from irqaffinity.observe.rtnetlink import attribute

_IFLA_VFINFO_LIST = 22
_NOT_TOLD = 0xFFFFFFFF
"""What the kernel gives for a setting that the driver does not tell (net/core/rtnetlink.c, rtnl_fill_vfinfo: -1)."""

_LINK_STATES: Mapping[int | None, LinkState] = {0: LinkState.AUTO, 1: LinkState.ENABLE, 2: LinkState.DISABLE}


def parse_vf_list(value: bytes) -> Mapping[int, VfSettings]:
    """Return the settings by the index of the virtual function; `value` is that of IFLA_VFINFO_LIST.

    Raises ValueError where it is malformed.
    """
    from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg  # noqa: PLC0415  it takes 0.1 s and 20 MB

    found = {}
    try:
        message = ifinfmsg.vflist(attribute(_IFLA_VFINFO_LIST, value))
        message.decode()
        for information in message.get_attrs("IFLA_VF_INFO"):
            named = information.get_attr("IFLA_VF_MAC")
            found[int(named["vf"])] = _read(information, str(named["mac"]))
    except Exception as error:  # pyroute2 raises several kinds, by its version
        raise ValueError(f"the settings of virtual functions cannot be understood ({type(error).__name__})") from error
    return found


def _read(information: Any, mac: str) -> VfSettings:
    """Return the settings; what is asked for is decoded, and that takes the most time.

    The kernel tells VLANs twice, and drivers from before Linux 3.16 know one rate alone.
    """
    tag = information.get_attr("IFLA_VF_VLAN") or _first_tag(information.get_attr("IFLA_VF_VLAN_LIST"))
    rate = information.get_attr("IFLA_VF_RATE")
    old_rate = information.get_attr("IFLA_VF_TX_RATE") if rate is None else None
    return VfSettings(
        mac=mac,
        vlan=_told(tag, "vlan"),
        qos=_told(tag, "qos"),
        min_tx_rate=_told(rate, "min_tx_rate"),
        max_tx_rate=_told(old_rate, "tx_rate") if rate is None else _told(rate, "max_tx_rate"),
        spoofchk=_switch(_told(information.get_attr("IFLA_VF_SPOOFCHK"), "spoofchk")),
        link_state=_LINK_STATES.get(_told(information.get_attr("IFLA_VF_LINK_STATE"), "link_state")),
        trust=_switch(_told(information.get_attr("IFLA_VF_TRUST"), "trust")),
    )


def _first_tag(tags: Any) -> Any:
    """Return the outer tag of IFLA_VF_VLAN_LIST."""
    return None if tags is None else next(iter(tags.get_attrs("IFLA_VF_VLAN_INFO")), None)


def _switch(told: int | None) -> bool | None:
    return None if told is None else bool(told)


def _told(values: Mapping[str, int] | None, name: str) -> int | None:
    """Return a value of an attribute, None where the attribute is missing or the driver does not tell it."""
    value = _NOT_TOLD if values is None else values[name]
    return None if value == _NOT_TOLD else value
