# SPDX-License-Identifier: Apache-2.0
"""Reads the files that tell other programs of the host to move interrupts: TuneD's profiles, and udevd's .link files.

They are read through the root folder of the first process, which is the host's also where this program runs in a
container with the host's /proc.
"""

import re
import stat
from collections.abc import Iterator, Mapping

from irqaffinity.observe.root import HostRoot

_PROFILES = ("etc/tuned/profiles", "etc/tuned", "usr/lib/tuned/profiles", "usr/lib/tuned")
"""Where TuneD looks for a profile, in this order (tuned/profiles/locator.py); older versions know two of them."""

_NETWORK = ("etc/systemd/network", "run/systemd/network", "usr/local/lib/systemd/network", "usr/lib/systemd/network")
"""Where udevd looks for .link files: a file hides those of its name in the later folders (systemd.link(5))."""

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")
_OFF = frozenset({"0", "false", "no", "off", "n", "f"})
_LARGEST = 65536

_Options = dict[str, str]


def find_tuned_setting(root: HostRoot) -> str | None:
    """Return what in TuneD's active profile moves interrupts, None where nothing does or it cannot be read.

    These are the plugin irq (tuned/plugins/plugin_irq.py), and the plugin scheduler with isolated_cores, unless
    irq_process is false (plugin_scheduler.py). The plugin irqbalance moves nothing itself.
    """
    top = _top(root)
    names = (_read(root, f"{top}/etc/tuned/active_profile") or "").split()
    units: dict[str, _Options] = {}
    seen: set[str] = set()
    for name in names:
        _load(root, top, name, units, seen)
    for unit, options in units.items():
        setting = _moving_option(options.get("type", unit), options)
        if setting is not None and options.get("enabled", "").lower() not in _OFF:
            return f"the profile {' '.join(names)}: [{unit}] {setting}"
    return None


def find_link_files(root: HostRoot) -> tuple[str, ...]:
    """Return the paths of the .link files, and their drop-ins, with an IRQAffinityPolicy= (systemd.link(5))."""
    top = _top(root)
    files: dict[str, str] = {}
    for folder in _NETWORK:
        for name in _names(root, f"{top}/{folder}"):
            if name.endswith(".link"):
                files.setdefault(name, f"/{folder}/{name}")
            elif name.endswith(".link.d"):
                for part in _names(root, f"{top}/{folder}/{name}"):
                    if part.endswith(".conf"):
                        files.setdefault(f"{name}/{part}", f"/{folder}/{name}/{part}")
    return tuple(path for path in files.values() if _has_policy(_read(root, f"{top}{path}")))


def _has_policy(text: str | None) -> bool:
    return bool(_sections(text or "").get("Link", {}).get("IRQAffinityPolicy"))


def _moving_option(plugin: str, options: Mapping[str, str]) -> str | None:
    if plugin == "irq" and options.get("affinity"):
        return "affinity"
    if plugin == "scheduler" and options.get("irq_process", "").lower() not in _OFF and options.get("isolated_cores"):
        return "isolated_cores"
    return None


def _load(root: HostRoot, top: str, name: str, units: dict[str, _Options], seen: set[str]) -> None:
    """Add the units of a profile over those of the profiles that it includes (tuned/profiles/loader.py, merger.py).

    A profile may include the one of its own name in a later folder. An included name with a variable is not followed.
    """
    if not _NAME.fullmatch(name):
        return
    for path in (f"{top}/{folder}/{name}/tuned.conf" for folder in _PROFILES):
        text = None if path in seen else _read(root, path)
        if text is None:
            continue
        seen.add(path)
        found = _sections(text)
        for included in re.split(r"\s*[,;]\s*", found.pop("main", {}).get("include", "")):
            _load(root, top, included, units, seen)
        for unit, options in found.items():
            is_alone = options.get("replace", "").lower() not in _OFF | {""}
            units[unit] = options if is_alone else units.get(unit, {}) | options
        return


def _sections(text: str) -> dict[str, _Options]:
    """Return the options of each section of an INI file; a later value of an option hides an earlier one."""
    sections: dict[str, _Options] = {}
    current: _Options = {}
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            current = sections.setdefault(line[1:-1], {})
        elif line[:1] not in ("#", ";") and "=" in line:
            key, _, value = line.partition("=")
            current[key.strip()] = value.partition(" #")[0].strip()
    return sections


def _top(root: HostRoot) -> str:
    """Return the path of the host's root folder.

    Only who may trace the first process may look through its root folder; on the host itself that is / in any case.
    """
    top = f"{root.proc}/1/root"
    if root.proc != HostRoot().proc:
        return top
    try:
        root.calls.stat(f"{top}/etc")
    except OSError:
        return ""
    return top


def _names(root: HostRoot, folder: str) -> Iterator[str]:
    try:
        yield from sorted(root.calls.listdir(folder))
    except OSError:
        return


def _read(root: HostRoot, path: str) -> str | None:
    """Return the text of a regular file of a usual size, None for anything else, and for what cannot be read."""
    try:
        found = root.calls.stat(path)
        return root.read(path) if stat.S_ISREG(found.st_mode) and found.st_size <= _LARGEST else None
    except OSError:
        return None
