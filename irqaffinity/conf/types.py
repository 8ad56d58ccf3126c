# SPDX-License-Identifier: Apache-2.0
"""Option types that turn text into values of ours, so that an error can name the place of the mistake.

They raise ValueRefused, which repeats nothing of the value: a slip can put a password into any of them. Values that the
program shows later accept only the characters of names and paths, so that a URL with a password never passes.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from oslo_config import types

from irqaffinity.conf.mistakes import ValueRefused
from irqaffinity.grammar.device_spec import DeviceSpec, DeviceSpecError, parse_device_spec
from irqaffinity.grammar.mask import MaskError, check_mask
from irqaffinity.model.cpuset import LIMIT, CpuSet

if TYPE_CHECKING:
    from irqaffinity.model.declared import DeclaredPf

_DAY = 86400

_NAME = re.compile(r"[\w.:-]+")
"""The characters in names of hosts, exchanges and topics (AMQP 0-9-1, exchange-name; IPv6 addresses have colons)."""

_GLOB = re.compile(r"[\w.:*?\[\]()/-]+", re.ASCII)
"""The characters in patterns of interrupts' and drivers' names; neither has a space, as a handler's name may."""

_URI = re.compile(r"[\w-]+|[\w+.-]+:(//([^\s@:/?#=]+@)?[^\s@/?#=]*)?[^\s@?#=]*(\?[^\s@#]*)?")
"""An alias of libvirt.conf, or driver[+transport]://[user@][host][:port]/path[?options]: neither has a password."""


class Count(types.Integer):
    """A whole number from `least` to `most`; `noun` names what it counts, as `seconds`."""

    def __init__(self, noun: str, least: int, most: int) -> None:
        super().__init__(min=least, max=most, type_name=f"{noun} value")
        self._noun = noun

    def __call__(self, value: Any) -> int:
        """Return the number; raise ValueRefused."""
        try:
            number = super().__call__(value)
        except ValueError:
            number = None
        if number is None:
            raise ValueRefused(f"it is not a whole number of {self._noun} between {self.min} and {self.max}")
        return int(number)


class Seconds(Count):
    """A whole number of seconds, from one to a day."""

    def __init__(self) -> None:
        super().__init__("seconds", 1, _DAY)


class Switch(types.String):
    """One of the choices; users may write `true` and `false` in every way that a boolean option takes."""

    def __init__(self, choices: Sequence[tuple[str, str]]) -> None:
        super().__init__(choices=choices, ignore_case=True)

    def __call__(self, value: Any) -> str:
        """Return the choice in lower case; raise ValueError."""
        word = str(value).strip().lower()
        if word in types.Boolean.TRUE_VALUES:
            word = "true"
        elif word in types.Boolean.FALSE_VALUES:
            word = "false"
        return str(super().__call__(word))


class Word(types.String):
    """A name of letters, digits, `.`, `-`, `_` and `:`; `what` names it in errors, as in "it is not a topic"."""

    _PATTERN = _NAME

    def __init__(self, what: str) -> None:
        super().__init__(type_name="string value")
        self._what = what

    def __call__(self, value: Any) -> str:
        """Return the text; raise ValueRefused."""
        text: str = super().__call__(value)
        if not text.isprintable() or self._PATTERN.fullmatch(text) is None:
            raise ValueRefused(f"it is not {self._what}")
        return text


class LibvirtUri(Word):
    """A libvirt URI."""

    _PATTERN = _URI


class Words(types.List):
    """Words separated by commas, at least one."""

    def __init__(self, what: str) -> None:
        super().__init__(item_type=Word(what), type_name="list value")

    def __call__(self, value: Any) -> list[str]:
        """Return them; raise ValueRefused."""
        words = value.rstrip(", ").split(",") if isinstance(value, str) else value
        return [self.item_type(word.strip()) for word in words]


class NameGlobs(types.List):
    """Patterns of names separated by commas, with * and ?, of printable characters."""

    def __init__(self) -> None:
        super().__init__(type_name="list value")

    def __call__(self, value: Any) -> list[str]:
        """Return them; raise ValueRefused."""
        words = value.split(",") if isinstance(value, str) else value
        globs = [word.strip() for word in words if word.strip()]
        if not all(_GLOB.fullmatch(glob) for glob in globs):
            raise ValueRefused("it is not a list of names of interrupts or drivers, with * and ?")
        return globs


class FolderPath(types.String):
    """The path of a folder, or of a file, below the root."""

    def __init__(self) -> None:
        super().__init__(type_name="path value")

    def __call__(self, value: Any) -> str:
        """Return the path; raise ValueRefused."""
        path: str = super().__call__(value)
        if not path.strip("/ "):
            raise ValueRefused("it is not a path below /")
        if not path.isprintable() or "@" in path or "=" in path:
            raise ValueRefused("it is not a path on one line, of printable characters, without @ and =")
        return path


class CpuList(types.ConfigType):
    """CPUs in the kernel's list syntax, such as 2-15,34-47."""

    def __init__(self) -> None:
        super().__init__(type_name="CPU list value")

    def __call__(self, value: Any) -> CpuSet:
        """Return the CPUs, at least one; raise ValueRefused."""
        try:
            cpus = value if isinstance(value, CpuSet) else CpuSet.parse(str(value))
        except ValueError:
            raise ValueRefused(f"it is not a list of CPUs such as 2-15,34-47, of 0 to {LIMIT - 1}") from None
        if not cpus:
            raise ValueRefused("the list is empty: name CPUs, or remove the option")
        return cpus

    def __repr__(self) -> str:
        return "CpuList"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CpuList)

    __hash__ = object.__hash__

    def _formatter(self, value: Any) -> str:
        return str(value)


class Mask(types.String):
    """A value of hw:pci_irq_affinity_mask, checked as far as possible without a guest."""

    def __init__(self) -> None:
        super().__init__(quotes=True, type_name="mask value")

    def __call__(self, value: Any) -> str:
        """Return the mask as it was written, on one line; raise ValueRefused."""
        text = " ".join(super().__call__(value).split())
        try:
            check_mask(text)
        except MaskError as error:
            kind = f"{error.status.value} (at character {error.position + 1})"
            raise ValueRefused(f"it has a mask that is {kind}: write one such as 1-4,^3,6") from None
        return text


class _Json(types.ConfigType):
    """One value of an option in JSON."""

    def __init__(self) -> None:
        super().__init__(type_name="JSON value")

    def __repr__(self) -> str:
        return type(self).__name__

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    __hash__ = object.__hash__

    def _formatter(self, value: Any) -> str:
        return str(value)


class DeviceSpecs(_Json):
    """One value of device_spec: a JSON object, or a list of them."""

    def __call__(self, value: Any) -> tuple[DeviceSpec, ...]:
        """Return the specs; raise ValueRefused."""
        try:
            return parse_device_spec(str(value))
        except DeviceSpecError as error:
            raise ValueRefused(str(error)) from None


class DeclaredPfs(_Json):
    """One value of [sriov] pf: a JSON object."""

    def __call__(self, value: Any) -> "DeclaredPf":
        """Return what it declares; raise ValueRefused."""
        from irqaffinity.grammar.declared_pf import (  # noqa: PLC0415  few hosts declare one
            DeclaredPfError,
            parse_declared_pf,
        )

        try:
            return parse_declared_pf(str(value))
        except DeclaredPfError as error:
            raise ValueRefused(str(error)) from None
