# SPDX-License-Identifier: Apache-2.0
"""Thinks of what may happen next: most of it plausible on the host as it is, all of it drawn from one seed."""

from collections.abc import Callable
from random import Random
from typing import Any

from irqaffinity.plan.policy import Numa
from tests.unit.lives.host import ALL, HOST_DRIVER, VFIO
from tests.unit.lives.machine import GUESTS, Machine, Step
from tests.unit.lives.model import show
from tests.unit.lives.stage import ADDRESSES
from tests.unit.lives.trace import EACH, OFF, TOGETHER

Choices = list[tuple[int, Callable[[], Step]]]
_NUMBERS = range(30, 44)
AFFINITIES = ("0-7", "0-7", "0-7", "0-2", "3-5", "6-7", "0", "2", "5", "7", "1-2", "4,6")
_POLICIES: tuple[tuple[dict[str, str] | None, dict[str, str] | None], ...] = (
    *[({"hw:cpu_policy": "dedicated"}, {})] * 9,
    *[({"hw:cpu_policy": "dedicated"}, None)] * 3,
    ({"hw:cpu_policy": "shared"}, {}),
    ({"hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "0-1"}, {}),
    ({"hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "^0"}, {}),
    ({"hw:cpu_policy": "mixed"}, {}),
    ({}, {"hw_cpu_policy": "dedicated"}),
    ({"resources:PCPU": "2"}, {}),
    ({}, {}),
    *[(None, None)] * 4,
)
MASKS = (*("0", "1", "0-1", "0-1,^0", "1-3", " 0 , 1", "0-3,^1", "0-2") * 2, "9", "0,^0", "x", "3-1", "")
_HEARING = (EACH, EACH, TOGETHER, TOGETHER, OFF)
_READ_ERRORS = ("EMFILE", "ENOMEM", "EACCES")
_FOLDER_ERRORS = ("EISDIR", "ENOTDIR", "EACCES", "EBUSY", "ETIMEDOUT")
_REFUSALS = (*(("EIO",), ("EBUSY",), ("ENOSPC",)) * 3, ("EIO", "EIO"), ("EPERM",), ("EINVAL",))


class Proposer:
    """Draws steps for a machine."""

    def __init__(self, random: Random, machine: Machine) -> None:
        self._random = random
        self._machine = machine
        weights = [*self.common(), *self.of_the_program()]
        self._makers = [maker for _weight, maker in weights]
        self._weights = [weight for weight, _maker in weights]

    def common(self) -> Choices:
        """Return what may happen to a host, each with its weight."""
        random = self._random
        return [
            (9, self._start),
            (4, lambda: ("stop", self._guest(), self._how())),
            (6, lambda: ("repin", self._guest(), self._pins())),
            (4, lambda: ("specs", self._guest(), *self._policy())),
            (4, self._attach),
            (4, self._detach),
            (3, self._bind),
            (8, self._bear),
            (5, lambda: ("rebirth", self._number(), random.choice(AFFINITIES))),
            (2, lambda: ("die", self._number())),
            (6, lambda: ("drift", self._number(), random.choice(AFFINITIES))),
            (4, self._cpus),
            (2, lambda: ("away",)),
            (3, lambda: ("back",)),
            (2, lambda: ("unreadable", self._guest())),
            (3, lambda: ("readable", self._guest())),
            (4, lambda: ("hear", random.choice(_HEARING))),
            (3, lambda: ("late", random.choice((1, 1, 2, 3, 0)))),
            (3, lambda: ("activate", self._number())),
            (2, lambda: ("behind",)),
            (2, lambda: ("caught_up",)),
            (1, lambda: ("lose", random.randint(1, 5))),
            (4, lambda: ("unread", self._number(), random.choice(_READ_ERRORS))),
            (4, lambda: ("refuse", self._number(), *random.choice(_REFUSALS))),
            (1, lambda: ("refuse_open", self._number(), random.choice(("EACCES", "EMFILE")))),
            (3, self._folder),
            (2, lambda: ("kill", random.randint(1, 150))),
            (2, lambda: ("kill_at_save", random.randint(1, 4))),
            (1, lambda: ("save_fails", random.randint(1, 4))),
            (4, self._race),
            (3, self._rules),
        ]

    def of_the_program(self) -> Choices:
        """Return what the program may be asked for."""
        return [
            (2, lambda: ("restart",)),
            (16, lambda: ("audit",)),
            (6, lambda: ("audit_guest", self._guest())),
            (8, lambda: ("look", self._guest())),
            (2, lambda: ("reset",)),
            (8, lambda: ("quiet",)),
        ]

    def draw(self) -> Step:
        """Return the next step."""
        return self._random.choices(self._makers, self._weights)[0]()

    def _start(self) -> Step:
        asleep = [letter for letter in GUESTS if GUESTS[letter] not in self._machine.libvirt.guests]
        free = [index for index in range(len(ADDRESSES)) if not self._is_claimed(index) or self._random.random() < 0.03]
        chosen = self._random.sample(free, min(len(free), self._random.choice((0, 1, 1, 2, 2, 3))))
        letter = self._random.choice(asleep or list(GUESTS))
        return ("start", letter, self._pins(), " ".join(map(str, chosen)), *self._policy())

    def _attach(self) -> Step:
        free = [index for index in range(len(ADDRESSES)) if not self._is_claimed(index) or self._random.random() < 0.05]
        return ("attach", self._guest(), self._random.choice(free or [0]), self._vectors())

    def _detach(self) -> Step:
        letter = self._guest()
        guest = self._machine.libvirt.guests.get(GUESTS[letter])
        mine = [ADDRESSES.index(address) for address in guest.devices] if guest else []
        return ("detach", letter, self._random.choice(mine or [0]), self._how())

    def _bind(self) -> Step:
        """Change a driver; half of the time the new one gets the numbers of the old one, some with the old affinity."""
        index = self._device()
        old = self._machine.host.devices[ADDRESSES[index]].lives.values()
        kept = [(life.number, self._random.choice((show(life.smp), *AFFINITIES[:3]))) for life in old]
        same = " ".join(f"{number}:{cpus}" for number, cpus in kept)
        driver = self._random.choice((VFIO, HOST_DRIVER))
        return ("bind", index, driver, same if same and self._random.random() < 0.5 else self._vectors())

    def _bear(self) -> Step:
        mode = self._random.choices(("", "0444", "1", "5"), (50, 1, 1, 1))[0]
        bare = [index for index, address in enumerate(ADDRESSES) if not self._machine.host.devices[address].lives]
        owned = [index for index in bare if self._is_claimed(index)]
        index = self._random.choice(owned or bare or [self._device()])
        return ("bear", index if self._random.random() < 0.8 else self._device(), self._vectors(), mode)

    def _cpus(self) -> Step:
        gone = self._random.sample(range(1, 8), self._random.choice((0, 0, 1, 1, 2, 3)))
        return ("cpus", show(ALL - set(gone)))

    def _folder(self) -> Step:
        call = self._random.choice(("listdir", "listdir", "open", "readlink"))
        life = self._machine.host.lives.get(self._number())
        index = self._device() if life is None else ADDRESSES.index(life.device)
        return ("folder", index, call, self._random.choice(_FOLDER_ERRORS))

    def _race(self) -> Step:
        what = self._random.choice(("rebirth", "rebirth", "leave", "steal", "die"))
        return ("race", self._random.choice(("within", "within", "before")), what, self._random.choice(AFFINITIES))

    def _rules(self) -> Step:
        random = self._random
        devices = sorted(random.sample(range(len(ADDRESSES)), random.randint(3, 6)))
        return (
            "rules",
            random.choice([member.value for member in Numa]),
            random.choice(("mask", "spread")),
            random.choice(("all", "all", "skip")),
            " ".join(map(str, devices)) if random.random() < 0.4 else None,
            random.choice((None, None, None, "1-6")),
        )

    def _guest(self) -> str:
        """Return a guest, most often one that is active."""
        active = [letter for letter in GUESTS if GUESTS[letter] in self._machine.libvirt.guests]
        return self._random.choice(active if active and self._random.random() < 0.9 else list(GUESTS))

    def _device(self) -> int:
        """Return a device, most often one of a guest."""
        claimed = [index for index in range(len(ADDRESSES)) if self._is_claimed(index)]
        return self._random.choice(claimed if claimed and self._random.random() < 0.8 else range(len(ADDRESSES)))

    def _number(self) -> int:
        """Return an interrupt, most often one that the program has moved."""
        lives = self._machine.host.lives
        moved = [number for number, life in lives.items() if life.wrote is not None]
        return self._random.choice(moved if moved and self._random.random() < 0.5 else list(lives) or [_NUMBERS[0]])

    def _how(self) -> str:
        return self._random.choice(("keep", "keep", "free", "host", "host_same"))

    def _pins(self) -> str:
        """Return the pins of a guest: most often one CPU each that nobody else has.

        There are two at least: what a mask means that names vCPUs which are not there is no part of this game.
        """
        guests = self._machine.libvirt.guests.values()
        taken = {cpu for guest in guests for pin in guest.pins if len(pin) == 1 for cpu in pin}
        free = [str(cpu) for cpu in ALL if cpu not in taken or self._random.random() < 0.15]
        self._random.shuffle(free)
        pins = [*free, "0-7", "0-7"][: self._random.randint(2, 4)]
        return " ".join(
            self._random.choice(("0-7", "2-3", "-", "4")) if self._random.random() < 0.1 else pin for pin in pins
        )

    def _policy(self) -> tuple[Any, Any]:
        specs, image = self._random.choice(_POLICIES)
        if specs is not None and self._random.random() < 0.4:
            specs = {**specs, "hw:pci_irq_affinity_mask": self._random.choice(MASKS)}
        return specs, image

    def _vectors(self) -> str:
        taken = self._machine.host.lives
        free = [n for n in _NUMBERS if n not in taken or self._random.random() < 0.1]
        numbers = self._random.sample(free, min(len(free), self._random.choice((0, 1, 1, 2, 2, 3))))
        return " ".join(f"{number}:{self._random.choice(AFFINITIES)}" for number in numbers)

    def _is_claimed(self, index: int) -> bool:
        guests = self._machine.libvirt.guests.values()
        return any(ADDRESSES[index] in guest.devices for guest in guests)
