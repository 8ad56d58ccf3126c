# SPDX-License-Identifier: Apache-2.0
"""Whether the guests of this host need Nova's notifications; a guest whose domain has its extra specs does not."""

from collections.abc import Callable
from datetime import datetime, timedelta, timezone

from irqaffinity.model.guest import Guest
from irqaffinity.model.proof import Proof
from irqaffinity.observe.guests import Seen

KEEP_EVERY = timedelta(minutes=30)
"""The age at which the stored proof is renewed; shorter than the gap that a proof may have without starting anew."""


def have_specs(guests: Seen) -> bool | None:
    """Return whether all domains of Nova's have their extra specs; None where nobody can know.

    That is so where there is no domain of Nova's, or where a domain cannot be read: neither proves anything.
    """
    found = [(seen.guest, seen.readable) for seen in guests.values()]
    if any(guest is not None and guest.is_nova and guest.extra_specs is None for _, guest in found):
        return False
    if not all(isinstance(now, Guest) for now, _ in found):
        return None
    return True if any(guest is not None and guest.is_nova for _, guest in found) else None


class Need:
    """Measures for how long no guest has needed notifications. `stored` is the last proof that `keep` stored."""

    def __init__(
        self,
        stored: Proof | None,
        keep: Callable[[Proof], None],
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        self._proof = self._kept = stored
        self._keep = keep
        self._now = now
        self._guests: Seen | None = None
        self._have_specs: bool | None = None

    def look(self, guests: Seen) -> None:
        """Take the guests as they are at this moment."""
        if guests is not self._guests:
            self._guests, self._have_specs = guests, have_specs(guests)
        if self._have_specs is None:
            return
        now = self._now().replace(microsecond=0)
        if not self._have_specs:
            self._proof = None
        elif self._proof is None:
            self._proof = Proof(now, now)
        else:
            self._proof = self._proof.goes_on(now)
        self._store(self._proof or Proof(now, now))

    def is_over(self, days: int) -> bool:
        """Return whether no guest has needed notifications for so many days."""
        return self._proof is not None and self._proof.length >= timedelta(days=days)

    def _store(self, proof: Proof) -> None:
        """Store a proof that began anew, or that has grown by KEEP_EVERY; store one of no length only once."""
        kept = self._kept
        is_same = kept is not None and (kept.since == proof.since or kept.length == proof.length == timedelta())
        if kept is None or not is_same or proof.seen - kept.seen >= KEEP_EVERY:
            self._kept = proof
            self._keep(proof)
