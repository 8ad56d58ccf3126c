# SPDX-License-Identifier: Apache-2.0
"""Finds the guest and the device that a person narrowed a pass to: they have to be there."""

from irqaffinity.model.record import State
from irqaffinity.model.target import Narrowing, UnknownTarget
from irqaffinity.observe.find import find_device, find_guest
from irqaffinity.observe.guests import Seen
from irqaffinity.observe.root import HostRoot
from irqaffinity.passes.draft import Draft
from irqaffinity.plan.policy import Scope


def find_scope(root: HostRoot, guests: Seen, wanted: Scope | Narrowing, state: State) -> Scope:
    """Return the guest and device that were named; find a guest that is gone while the state has its records.

    Raises UnknownTarget and OSError.
    """
    if isinstance(wanted, Scope):
        return wanted
    return Scope(
        None if wanted.guest is None else find_guest(root, guests, wanted.guest, state.owners),
        None if wanted.device is None else find_device(root, guests, wanted.device),
    )


def require_covered(scope: Scope, draft: Draft) -> None:
    """Raise UnknownTarget where a scope covers nothing."""
    if scope.device is not None and not draft.work.planned and not draft.work.actions():
        whose = "no active guest has" if scope.guest is None else f"guest {scope.guest} does not have"
        raise UnknownTarget(f"{whose} the device {scope.device}")
    if scope.guest is not None and not draft.covered and not draft.work.actions():
        raise UnknownTarget(f"no active guest has the uuid {scope.guest}")
