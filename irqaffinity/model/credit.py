# SPDX-License-Identifier: Apache-2.0
"""Limits how much work somebody outside can cause at once and over time: nobody may keep the host busy."""


class Credit:
    """A token bucket: `most` at once, and `rate` more in each second. Times are seconds of any one clock."""

    def __init__(self, most: float, rate: float) -> None:
        self.most = most
        self.rate = rate
        self._left = most
        self._at: float | None = None

    def take(self, now: float, amount: float = 1.0) -> bool:
        """Spend `amount` if it is there, and tell whether it was."""
        self._refill(now)
        if self._left < amount:
            return False
        self._left -= amount
        return True

    def spend(self, now: float, amount: float) -> None:
        """Spend an amount that is known only afterwards; the credit falls to minus `most` at the lowest."""
        self._refill(now)
        self._left = max(-self.most, self._left - amount)

    def left(self, now: float) -> float:
        """Return how much is there, below zero where more was spent."""
        self._refill(now)
        return self._left

    def wait(self, now: float, amount: float = 0.0) -> float:
        """Return the seconds until `amount` is there."""
        self._refill(now)
        return max(0.0, amount - self._left) / self.rate

    def _refill(self, now: float) -> None:
        passed = 0.0 if self._at is None else max(0.0, now - self._at)
        self._left, self._at = min(self.most, self._left + passed * self.rate), now
