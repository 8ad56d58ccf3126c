# SPDX-License-Identifier: Apache-2.0
"""The names of Nova's instance notifications, versioned and legacy, and which of them are worth a look at the guest.

Versioned names are in nova/objects/fields.py (NotificationAction) and nova/notifications/objects/instance.py, legacy
ones in nova/rpc.py (LegacyValidatingNotifier).
"""

from irqaffinity.model.text import clean

_LOOKS = frozenset(
    {
        "create", "delete", "interface_attach", "interface_detach", "live_migration_abort",
        "live_migration_force_complete", "live_migration_post", "live_migration_post_dest", "live_migration_rollback",
        "live_migration_rollback_dest", "power_off", "power_on", "reboot", "rebuild", "rescue", "resize",
        "resize_confirm", "resize_finish", "resize_revert", "restore", "resume", "shelve", "shelve_offload", "shutdown",
        "snapshot", "soft_delete", "suspend", "trigger_crash_dump", "unpause", "unrescue", "unshelve",
    }
)  # fmt: skip
"""Devices may have come, gone or begun anew: a crash dump starts another kernel in the guest."""

_NOTHING = frozenset(
    {
        "create_ip", "delete_ip", "evacuate", "exists", "live_migration_pre", "lock", "pause", "rebuild_scheduled",
        "resize_prep", "share_attach", "share_detach", "unlock", "update", "volume_attach", "volume_detach",
        "volume_swap",
    }
)  # fmt: skip
"""No device has moved, or not yet: a paused guest keeps its devices, and a migration only prepares itself."""

_NOTHING_OF = ("volume_", "share_")
"""Other events of volumes and shares, of a newer Nova, concern no PCI device either."""

_BEGINS = frozenset(
    {
        "create", "live_migration_post_dest", "power_on", "reboot", "rebuild", "rescue", "resize_finish",
        "resize_revert", "restore", "resume", "unrescue", "unshelve",
    }
)  # fmt: skip
"""A domain begins between the start and the end of these."""

_LEGACY_NAMES = {"finish_resize": "resize_finish"}
_PHASES = frozenset({"start", "end", "error"})

EVENTS = _LOOKS | _NOTHING
"""The metrics count each of these names by itself, and all other names as OTHER."""

OTHER = "other"
"""The name under which the metrics count an event that is none of Nova's."""


def split_event(name: str) -> tuple[str, str]:
    """Return event and phase of a name without its prefix; the phase is empty where there is none.

    In legacy names dots stand within the event too, as in `resize.confirm.end` and `live_migration._post.start`.
    """
    parts = [part.strip("_") for part in name.split(".")]
    phase = parts.pop() if parts[-1] in _PHASES else ""
    event = clean("_".join(parts))
    return _LEGACY_NAMES.get(event, event), phase


def asks_for_a_look(event: str, phase: str) -> bool:
    """Tell whether something may be new at the guest, as it may after an event of an unknown name."""
    return phase in ("end", "error") and event not in _NOTHING and not event.startswith(_NOTHING_OF)


def announces_a_domain(event: str, phase: str) -> bool:
    """Tell whether a domain begins soon on the sender's host: the message brings its specs before that."""
    return event == "live_migration_pre" or (event in _BEGINS and phase == "start")
