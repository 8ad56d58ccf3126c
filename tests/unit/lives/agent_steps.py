# SPDX-License-Identifier: Apache-2.0
"""Thinks of what may happen next where the agent runs."""

from tests.unit.lives.machine import Step
from tests.unit.lives.steps import AFFINITIES, MASKS, Choices, Proposer

_PAUSES = (0.0, 0.0, 0.0, 0.01, 0.05, 0.05, 0.5, 0.5, 2.0, 7.0, 30.0, 66.0, 400.0)


class AgentProposer(Proposer):
    """Draws steps for a machine with the agent on it: time passes, and events come and are lost."""

    _told = 0

    def of_the_program(self) -> Choices:
        random = self._random
        return [
            (2, lambda: ("restart",)),
            (45, lambda: ("wait", random.choice(_PAUSES))),
            (4, lambda: ("audit",)),
            (4, lambda: ("audit_guest", self._guest())),
            (3, lambda: ("look", self._guest())),
            (3, lambda: ("uevent", self._device())),
            (5, self._tell),
            (3, lambda: ("busy", self._guest())),
            (3, lambda: ("miss",)),
            (2, lambda: ("alone",)),
            (1, lambda: ("fight", self._number(), random.choice(AFFINITIES))),
            (1, lambda: ("full",)),
            (2, lambda: ("room",)),
            (5, lambda: ("quiet",)),
        ]

    def _tell(self) -> Step:
        """Have a notification come, one in four later than a newer one."""
        self._told += 4
        late = self._random.choice((0, 0, 0, 10))
        return ("tell", self._guest(), self._random.choice((None, *MASKS)), max(self._told - late, 0))
