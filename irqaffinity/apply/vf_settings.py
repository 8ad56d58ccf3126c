# SPDX-License-Identifier: Apache-2.0
"""The one place that sets virtual functions, over netlink; whoever asks for it reads them back."""

import errno
import os
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from irqaffinity.model.declared import Made, Setting, Value
from irqaffinity.model.sriov import LinkState
from irqaffinity.model.text import clean

_LINK_STATES = {LinkState.AUTO: 0, LinkState.ENABLE: 1, LinkState.DISABLE: 2}
"""IFLA_VF_LINK_STATE_AUTO, _ENABLE and _DISABLE of linux/if_link.h."""

_TOGETHER = {
    Setting.VLAN: "vlan",
    Setting.QOS: "vlan",
    Setting.MIN_TX_RATE: "rate",
    Setting.MAX_TX_RATE: "rate",
}
"""Settings of which two make one attribute, with the name that pyroute2 has for it."""

_REFUSES_ALL = (errno.EPERM, errno.EACCES)


class Answer(NamedTuple):
    """What became of a write: `set` until it is read back, `unsupported` or `failed` with the reason."""

    made: Made
    message: str | None = None


class VfWriter(Protocol):
    """Sets virtual functions."""

    def write(self, index: int, vf: int, values: Mapping[Setting, Value]) -> Answer:
        """Give the virtual function `vf` of the netdev with an index the values of one netlink attribute."""

    def close(self) -> None:
        """Give back what it needed."""


class NetlinkVfWriter:
    """Sets virtual functions through the kernel of this host. For one thread."""

    def __init__(self) -> None:
        from pyroute2 import IPRoute  # noqa: PLC0415  it takes 0.2 s and 20 MB
        from pyroute2.netlink.exceptions import NetlinkError  # noqa: PLC0415

        self._error: type[Exception] = NetlinkError
        self._kernel: Any = IPRoute(ext_ack=True)  # with the driver's own words in an error

    def close(self) -> None:
        """Close the socket."""
        self._kernel.close()

    def write(self, index: int, vf: int, values: Mapping[Setting, Value]) -> Answer:
        """Do what VfWriter says."""
        try:
            self._kernel.link("set", index=index, vf={"vf": vf, **_encode(values)})
        except self._error as error:
            return judge(*error.args[:2])
        except OSError as error:
            return judge(error.errno or errno.EIO, None)
        return Answer(Made.SET)


def judge(code: int, words: str | None) -> Answer:
    """Return what an error of the kernel means; `words` is what it says beyond the number."""
    if code in (errno.EOPNOTSUPP, errno.ENOSYS):
        return Answer(Made.UNSUPPORTED, "the driver does not support it")
    if code in _REFUSES_ALL:
        return Answer(Made.FAILED, "it needs CAP_NET_ADMIN in the host's network namespace: run it as root")
    why = os.strerror(code)
    said = clean(words) if words and words != why else None
    return Answer(Made.FAILED, f"the kernel refused it: {why}" + (f" ({said})" if said else ""))


def _encode(values: Mapping[Setting, Value]) -> dict[str, Any]:
    """Return the values as pyroute2 takes them, those of one attribute together."""
    found: dict[str, Any] = {}
    for setting, value in values.items():
        number = _LINK_STATES[value] if isinstance(value, LinkState) else int(value or 0)
        if setting in _TOGETHER:
            found.setdefault(_TOGETHER[setting], {})[setting.value] = number
        else:
            found[setting.value] = number
    return found
