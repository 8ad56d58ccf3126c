# SPDX-License-Identifier: Apache-2.0
"""What the agent takes for its Auditor: each pass is judged as soon as it has been made."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from irqaffinity.model.guest import GuestId
from irqaffinity.model.record import RememberedSpecs
from irqaffinity.passes.auditor import Auditor
from irqaffinity.passes.made import Pass

if TYPE_CHECKING:
    from tests.unit.lives.agent import Agent


class JudgedAuditor:
    """An Auditor whose passes go through the stage; all else is its own."""

    _stage: "Agent"
    _auditor: Auditor

    def __init__(self, stage: "Agent", auditor: Auditor) -> None:
        self.__dict__.update(_stage=stage, _auditor=auditor)

    def audit(self) -> Any:
        return self._judge(self._auditor.audit, "audit")

    def audit_guest(self, uuid: GuestId) -> Any:
        return self._judge(lambda: self._auditor.audit_guest(uuid), "audit_guest", uuid)

    def look(self, uuid: GuestId) -> Any:
        return self._judge(lambda: self._auditor.look(uuid), "look", uuid)

    def birth(self, number: int) -> Any:
        self._stage.hear_birth(number)
        return self._came_of()

    def place_throttled(self, uuid: GuestId) -> Any:
        self._stage.hear_together(uuid)
        return self._came_of()

    def remember(self, uuid: GuestId, specs: RememberedSpecs) -> bool:
        self._stage.note_told(uuid, specs)
        return self._auditor.remember(uuid, specs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._auditor, name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._auditor, name, value)

    def _judge(self, call: Callable[[], Pass], kind: str, uuid: str = "") -> Any:
        self._stage.make_pass(call, kind, uuid)
        return self._came_of()

    def _came_of(self) -> object:
        came_of = self._stage.came_of
        if isinstance(came_of, BaseException):
            raise came_of
        return came_of
