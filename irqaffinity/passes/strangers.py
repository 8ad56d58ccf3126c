# SPDX-License-Identifier: Apache-2.0
"""Keeps extra specs of guests that messages name and libvirt does not: not yet, or never."""

from collections import OrderedDict
from collections.abc import Callable

from irqaffinity.model.guest import GuestId
from irqaffinity.model.record import RememberedSpecs

MOST = 256
"""The most guests kept; Nova builds a few at once on a host, and anybody who can send a message can name thousands."""

LONGEST = 300.0
"""Seconds after which a guest that libvirt has not named is forgotten."""


class Strangers:
    """Keeps the newest specs of each for a while. `clock` is in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: OrderedDict[GuestId, tuple[float, RememberedSpecs]] = OrderedDict()

    def put(self, uuid: GuestId, specs: RememberedSpecs) -> None:
        """Keep specs of a guest, unless those that are kept are newer."""
        kept = self._kept.get(uuid)
        if kept is None or specs.is_newer_than(kept[1]):
            self._kept[uuid] = self._clock(), specs
            self._kept.move_to_end(uuid)
            if len(self._kept) > MOST:
                self._kept.popitem(last=False)

    def meet(self, is_named: Callable[[GuestId], bool]) -> list[tuple[GuestId, RememberedSpecs]]:
        """Return the specs of guests that libvirt has named by now, and keep these no longer."""
        if not self._kept:
            return []
        since = self._clock() - LONGEST
        met = [(uuid, specs) for uuid, (at, specs) in self._kept.items() if at >= since and is_named(uuid)]
        gone = {uuid for uuid, _ in met} | {uuid for uuid, (at, _) in self._kept.items() if at < since}
        for uuid in gone:
            del self._kept[uuid]
        return met
