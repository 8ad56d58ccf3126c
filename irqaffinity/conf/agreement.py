# SPDX-License-Identifier: Apache-2.0
"""Refuses options that are well formed each, and do not go together."""

from collections.abc import Collection, Mapping
from typing import Any

from irqaffinity.conf import isolation, placement, sriov
from irqaffinity.conf.opened import Opened, place_of
from irqaffinity.conf.places import ConfigError
from irqaffinity.model.text import printable
from irqaffinity.plan.policy import IsolationMode

Place = tuple[str, str]
"""Group and option."""

_MODE = (isolation.GROUP, "mode")
_HOUSEKEEPING = (isolation.GROUP, "housekeeping_cpus")
_DEDICATED = (placement.GROUP, "dedicated_cpus")
_PF = (sriov.GROUP, "pf")
_OPTIONS = {(group.GROUP, option.dest): option for group in (isolation, placement, sriov) for option in group.OPTS}


def refuse_conflicts(opened: Opened, values: Mapping[Place, Any], given: Collection[Place]) -> None:
    """Raise ConfigError where the CPUs for the host's work are not known although they are needed, or are guests' too.

    So it does where a physical function is declared twice. `given` are the options of the command line.
    """
    housekeeping, dedicated = values[_HOUSEKEEPING], values[_DEDICATED]
    if housekeeping is None and dedicated is None and values[_MODE] == IsolationMode.ENFORCE.value:
        raise _refusal(
            f"{_where(opened, _MODE, given)}: it needs housekeeping CPUs, and no option names any: set "
            f"{_shown(_HOUSEKEEPING)}; or set {_shown(_DEDICATED)}, then all other CPUs are housekeeping CPUs"
        )
    if housekeeping is not None and dedicated is not None and housekeeping & dedicated:
        raise _refusal(
            f"{_where(opened, _HOUSEKEEPING, given)}: it has CPUs that {_where(opened, _DEDICATED, given)} has too: "
            "take them out of one of the two"
        )
    names = [(pf.netdev, pf.address) for pf in values[_PF] or ()]
    if len(set(names)) != len(names):
        raise _refusal(f"{_where(opened, _PF, given)}: two values are about the same physical function: make them one")


def _refusal(message: str) -> ConfigError:
    return ConfigError(printable(message))


def _where(opened: Opened, place: Place, given: Collection[Place]) -> str:
    return f"command line: {_shown(place)}" if place in given else place_of(opened, place[0], _OPTIONS[place])


def _shown(place: Place) -> str:
    return f"[{place[0]}] {place[1]}"
