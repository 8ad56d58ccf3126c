# SPDX-License-Identifier: Apache-2.0
"""Option types that turn text into values of ours, so that a mistake is found where it stands."""

from typing import Any

from oslo_config import types

from irqaffinity.grammar.device_spec import DeviceSpec, parse_device_spec
from irqaffinity.grammar.mask import check_mask
from irqaffinity.model.cpuset import CpuSet

_DAY = 86400


class Seconds(types.Integer):
    """A whole number of seconds, from one to a day."""

    def __init__(self) -> None:
        super().__init__(min=1, max=_DAY, type_name="seconds value")

    def __call__(self, value: Any) -> int:
        """Return the number; raise ValueError."""
        try:
            number = super().__call__(value)
        except ValueError:
            number = None
        if number is None:
            raise ValueError(f"{value!r} is not a whole number of seconds between 1 and {_DAY}")
        return int(number)


class Word(types.String):
    """Text of printable characters without spaces, at least one; `what` says in a sentence what it is."""

    def __init__(self, what: str) -> None:
        super().__init__(type_name="string value")
        self._what = what

    def __call__(self, value: Any) -> str:
        """Return the text; raise ValueError."""
        text: str = super().__call__(value)
        if not text or not text.isprintable() or " " in text:
            raise ValueError(f"{text!r} is not {self._what}")
        return text


class Words(types.List):
    """Words separated by commas, at least one."""

    def __init__(self, what: str) -> None:
        super().__init__(item_type=Word(what), type_name="list value")

    def __call__(self, value: Any) -> list[str]:
        """Return them; raise ValueError."""
        words = value.rstrip(", ").split(",") if isinstance(value, str) else value
        return [self.item_type(word.strip()) for word in words]


class FolderPath(types.String):
    """The path of a folder, or of a file, below the root."""

    def __init__(self) -> None:
        super().__init__(type_name="path value")

    def __call__(self, value: Any) -> str:
        """Return the path; raise ValueError."""
        path: str = super().__call__(value)
        if not path.strip("/ "):
            raise ValueError(f"{path!r} is not a path below /")
        return path


class CpuList(types.ConfigType):
    """CPUs in the kernel's list syntax, such as 2-15,34-47."""

    def __init__(self) -> None:
        super().__init__(type_name="CPU list value")

    def __call__(self, value: Any) -> CpuSet:
        """Return the CPUs, at least one; raise ValueError."""
        cpus = value if isinstance(value, CpuSet) else CpuSet.parse(str(value))
        if not cpus:
            raise ValueError("the list is empty: name CPUs, or remove the option")
        return cpus

    def __repr__(self) -> str:
        return "CpuList"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CpuList)

    __hash__ = object.__hash__

    def _formatter(self, value: Any) -> str:
        return str(value)


class Mask(types.String):
    """A value of hw:pci_irq_affinity_mask, checked as far as that can be done without a guest."""

    def __init__(self) -> None:
        super().__init__(quotes=True, type_name="mask value")

    def __call__(self, value: Any) -> str:
        """Return the mask as it was written, on one line; raise ValueError."""
        text = " ".join(super().__call__(value).split())
        check_mask(text)
        return text


class DeviceSpecs(types.ConfigType):
    """One value of device_spec: a JSON object, or a list of them."""

    def __init__(self) -> None:
        super().__init__(type_name="JSON value")

    def __call__(self, value: Any) -> tuple[DeviceSpec, ...]:
        """Return the specs; raise ValueError."""
        return parse_device_spec(str(value))

    def __repr__(self) -> str:
        return "DeviceSpecs"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DeviceSpecs)

    __hash__ = object.__hash__

    def _formatter(self, value: Any) -> str:
        return str(value)
