# SPDX-License-Identifier: Apache-2.0
"""An immutable set of CPU numbers: physical CPUs, or vCPU indexes of one guest."""

import functools
import re
from collections.abc import Iterable, Iterator

LIMIT = 1 << 16
"""One above the highest CPU number; Linux itself ends at 8192 (CONFIG_NR_CPUS)."""

_RANGE = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?")


class CpuSet:
    """A set of CPU numbers that is hashable, ordered when iterated, and prints in the kernel's list syntax."""

    __slots__ = ("_bits",)

    def __init__(self, cpus: Iterable[int] = ()) -> None:
        """Take the numbers of `cpus`; raise ValueError for one outside 0..65535."""
        bits = 0
        for cpu in cpus:
            if not 0 <= cpu < LIMIT:
                raise ValueError(f"CPU number {cpu} is not between 0 and {LIMIT - 1}")
            bits |= 1 << cpu
        self._bits = bits

    @classmethod
    def from_mask(cls, mask: int) -> "CpuSet":
        """Return the set whose bit N in `mask` says that CPU N is in it; raise ValueError above CPU 65535."""
        if mask < 0 or mask.bit_length() > LIMIT:
            raise ValueError(f"a CPU mask has between 0 and {LIMIT} bits")
        made = cls.__new__(cls)
        made._bits = mask
        return made

    @property
    def mask(self) -> str:
        """The set as the kernel reads a mask: hexadecimal, in groups of 32 bits with commas, the highest CPUs first."""
        digits = f"{self._bits:x}"
        digits = digits.zfill(-(-len(digits) // 8) * 8)
        groups = [digits[at : at + 8] for at in range(0, len(digits), 8)]
        return ",".join(groups)

    @classmethod
    def parse(cls, text: str) -> "CpuSet":
        """Return the set written as the kernel writes it: `0-3,8`, with or without a newline; empty is empty.

        Raises ValueError, which names the part that is wrong. (Linux: Documentation/core-api/cpu_hotplug.rst and
        lib/bitmap-str.c; of that grammar the kernel itself only ever prints numbers and ranges.)
        """
        return _parse(text)

    def __contains__(self, cpu: object) -> bool:
        return isinstance(cpu, int) and cpu >= 0 and bool(self._bits >> cpu & 1)

    def __iter__(self) -> Iterator[int]:
        rest = self._bits
        while rest:
            lowest = rest & -rest
            yield lowest.bit_length() - 1
            rest ^= lowest

    def __len__(self) -> int:
        return self._bits.bit_count()

    def __bool__(self) -> bool:
        return self._bits != 0

    def __eq__(self, other: object) -> bool:
        return self._bits == other._bits if isinstance(other, CpuSet) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._bits)

    def __le__(self, other: "CpuSet") -> bool:
        """Tell whether every CPU of this set is in `other` too."""
        return not self._bits & ~other._bits

    def __and__(self, other: "CpuSet") -> "CpuSet":
        return self.from_mask(self._bits & other._bits)

    def __or__(self, other: "CpuSet") -> "CpuSet":
        return self.from_mask(self._bits | other._bits)

    def __sub__(self, other: "CpuSet") -> "CpuSet":
        return self.from_mask(self._bits & ~other._bits)

    def __str__(self) -> str:
        return _format(self._bits)

    def __repr__(self) -> str:
        return f"CpuSet.parse({_format(self._bits)!r})"


@functools.lru_cache(maxsize=4096)
def _parse(text: str) -> CpuSet:
    bits = 0
    for part in text.strip().split(",") if text.strip() else ():
        match = _RANGE.fullmatch(part)
        if match is None:
            raise ValueError(f"{part!r} is neither a CPU number nor a range such as 0-3")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise ValueError(f"the range {part} runs backwards")
        if last >= LIMIT:
            raise ValueError(f"CPU number {last} is above {LIMIT - 1}")
        bits |= (1 << last + 1) - (1 << first)
    return CpuSet.from_mask(bits)


@functools.lru_cache(maxsize=4096)
def _format(bits: int) -> str:
    runs = []
    first = 0
    while bits:
        gap = (bits & -bits).bit_length() - 1
        first, bits = first + gap, bits >> gap
        length = (~bits & bits + 1).bit_length() - 1
        runs.append(f"{first}-{first + length - 1}" if length > 1 else str(first))
        first, bits = first + length, bits >> length
    return ",".join(runs)
