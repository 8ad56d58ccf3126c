# SPDX-License-Identifier: Apache-2.0
"""Decides which extra specs from notifications are kept."""

from collections.abc import Container, Mapping

from irqaffinity.model.guest import GuestId
from irqaffinity.model.record import RememberedSpecs

MOST = 4096
"""The most guests whose extra specs are kept; a host runs some hundreds at most."""


def remember(
    specs: Mapping[GuestId, RememberedSpecs], told: Mapping[GuestId, RememberedSpecs], known: Container[GuestId]
) -> Mapping[GuestId, RememberedSpecs]:
    """Return `specs` with those that notifications `told` since: the newest of each guest.

    Where that is more than can be kept, guests that libvirt does not know (not in `known`) go first, and the oldest of
    them before others.
    """
    newer = {uuid: told[uuid] for uuid in told if uuid not in specs or told[uuid].is_newer_than(specs[uuid])}
    if not newer:
        return specs
    kept = {**specs, **newer}
    if len(kept) <= MOST:
        return kept
    ranked = sorted(kept, key=lambda uuid: (uuid in known, kept[uuid].sent), reverse=True)
    return {uuid: kept[uuid] for uuid in ranked[:MOST]}
