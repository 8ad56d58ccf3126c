# SPDX-License-Identifier: Apache-2.0
"""Reads configuration files into plain values, and says of a mistake where it stands and what is allowed."""

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import chain
from pathlib import Path
from typing import Any

from oslo_config import cfg, iniparser

from irqaffinity.conf.options import list_opts
from irqaffinity.model.text import clean
from irqaffinity.plan.policy import Distribution, HostDriver, Numa, Policy, WithoutMask

PROJECT = "irqaffinity"
_NEARLY = 0.8
"""How much alike two names have to be for one to be a slip of the other (difflib.SequenceMatcher.ratio)."""

Overrides = Mapping[tuple[str, str], str]
"""Values of the command line by (group, option)."""


_Section = Mapping[str, Mapping[str, Any]]
"""The values of one file, by group and option."""

Sections = Mapping[str, _Section]
"""The values of each file by its path."""


class ConfigError(Exception):
    """A configuration that cannot be used; str() names file, group, option and what is allowed."""


@dataclass(frozen=True, slots=True)
class Notifications:
    """Which notifications are listened to."""

    enabled: bool
    notification_format: str
    versioned_topics: tuple[str, ...]
    exchange: str


@dataclass(frozen=True, slots=True)
class Metrics:
    """Whether and where metrics are served."""

    enabled: bool
    bind: str
    port: int


@dataclass(frozen=True, slots=True)
class Settings:
    """The configuration as plain values; `files` are the ones that were read, `unknown` what in them is no option."""

    host: str
    proc: str
    sys: str
    libvirt_uri: str
    state_path: str
    audit_interval: int
    settle_boot: int
    vectors_source: str
    debug: bool
    status_path: str
    notifications: Notifications
    metrics: Metrics
    policy: Policy
    files: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def load(
    files: Sequence[str] | None = None, folders: Sequence[str] | None = None, overrides: Overrides | None = None
) -> Settings:
    """Return the settings of these files and folders, by default of the usual ones; raise ConfigError.

    The usual ones are irqaffinity.conf and irqaffinity.conf.d in ~/.irqaffinity, ~, /etc/irqaffinity and /etc.
    """
    conf, sections = open_conf(files, folders, list_opts())
    _refuse_slips(sections)
    for (group, name), value in (overrides or {}).items():
        try:
            conf.set_override(name, value.replace("$", "$$"), group=group)
        except ValueError as error:
            raise ConfigError(clean(f"command line: [{group}] {name}: {error}")) from error
    return _settings(conf, sections)


def open_conf(
    files: Sequence[str] | None, folders: Sequence[str] | None, options: Sequence[tuple[str, Sequence[cfg.Opt]]]
) -> tuple[cfg.ConfigOpts, Sections]:
    """Return the files with `options` registered, and what stands in each of them; raise ConfigError."""
    sections = {path: _parse(path) for path in _find_files(files, folders)}
    conf = cfg.ConfigOpts()
    for group, of_group in options:
        conf.register_opts(of_group, group=group)
    try:
        arguments = [f"--config-file={path}" for path in sections]
        conf(arguments, project=PROJECT, prog=PROJECT, default_config_files=[], default_config_dirs=[])
    except cfg.Error as error:
        raise ConfigError(" ".join(str(error).split())) from error
    return conf, sections


def _find_files(files: Sequence[str] | None, folders: Sequence[str] | None) -> list[str]:
    found = list(files or cfg.find_config_files(project=PROJECT))
    for folder in folders or cfg.find_config_dirs(project=PROJECT):
        if not Path(folder).is_dir():
            raise ConfigError(f"{folder} is not a folder: name an existing one with --config-dir")
        found += sorted(str(path) for path in Path(folder).glob("*.conf"))
    return found


def _parse(path: str) -> _Section:
    """Return the values of one file by group and option; oslo.config reads the names of groups in lower case."""
    sections: dict[str, dict[str, Any]] = {}
    try:
        cfg.ConfigParser(path, sections).parse()
    except iniparser.ParseError as error:
        raise ConfigError(clean(" ".join(f"{path}:{error.lineno}: {error}".split()))) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    for name, options in sections.items():
        found[name if name == "DEFAULT" else name.lower()] |= options
    return found


def _settings(conf: cfg.ConfigOpts, sections: Sections) -> Settings:
    values = {
        (group, option.dest): _value(conf, sections, group, option)
        for group, options in list_opts()
        for option in options
    }
    return Settings(
        host=values["DEFAULT", "host"],
        proc=values["host", "proc"],
        sys=values["host", "sys"],
        libvirt_uri=values["libvirt", "uri"],
        state_path=values["state", "path"],
        audit_interval=values["audit", "interval"],
        settle_boot=values["settle", "boot"],
        vectors_source=values["vectors", "source"],
        debug=values["DEFAULT", "debug"],
        status_path=values["status", "path"],
        notifications=Notifications(
            enabled=values["notifications", "enabled"],
            notification_format=values["notifications", "notification_format"],
            versioned_topics=tuple(values["notifications", "versioned_notifications_topics"]),
            exchange=values["notifications", "exchange"],
        ),
        metrics=Metrics(values["metrics", "enabled"], values["metrics", "bind"], values["metrics", "port"]),
        policy=Policy(
            numa=Numa(values["placement", "numa"]),
            distribution=Distribution(values["placement", "distribution"]),
            without_mask=WithoutMask(values["placement", "without_mask"]),
            host_driver=HostDriver(values["placement", "host_driver"]),
            dedicated_cpus=values["placement", "dedicated_cpus"],
            flavor_masks=values["placement", "flavor_masks"],
            device_specs=tuple(chain.from_iterable(values["pci", "device_spec"] or ())),
        ),
        files=tuple(sections),
        unknown=tuple(_unknown(sections)),
    )


def _value(conf: cfg.ConfigOpts, sections: Sections, group: str, option: cfg.Opt) -> Any:
    try:
        return conf[group][option.dest]
    except (cfg.ConfigFileValueError, ValueError) as error:
        what = str(error).rpartition(" is not valid: ")[2]
    except cfg.Error as error:
        what = f"{error}; a $ that names no option is written $$"
    raise ConfigError(clean(f"{_source(sections, group, option)}: [{group}] {option.dest}: {what}"))


def _source(sections: Sections, group: str, option: cfg.Opt) -> str:
    """Return where the value of an option stands: the environment goes before files, the last file before others."""
    variable = f"OS_{group}__{option.dest}".upper()
    if variable in os.environ:
        return variable
    return [path for path, section in sections.items() if option.dest in _names(section.get(group, {}))][-1]


def _refuse_slips(sections: Sections) -> None:
    """Raise ConfigError for a group or option whose name is nearly one of ours: what was meant would not be heeded."""
    known = {group: [option.dest for option in options] for group, options in list_opts() if group != "DEFAULT"}
    for path, section in sections.items():
        for group in section:
            meant = [] if group in (*known, "DEFAULT") else get_close_matches(group, known, 1, _NEARLY)
            if meant:
                raise ConfigError(clean(f"{path}: [{group}] is no group: [{meant[0]}] is"))
        for group in known.keys() & section.keys():
            for name in sorted(_names(section[group]) - set(known[group])):
                meant = get_close_matches(name, known[group], 1, _NEARLY)
                if meant:
                    raise ConfigError(clean(f"{path}: [{group}] {name} is no option: {meant[0]} is"))


def _unknown(sections: Sections) -> Iterator[str]:
    """Give what stands in a group of ours and is no option of it: copied from nova.conf, perhaps, with the rest."""
    known = {group: {option.dest for option in options} for group, options in list_opts() if group != "DEFAULT"}
    for path, section in sections.items():
        for group in known.keys() & section.keys():
            yield from (f"{path}: [{group}] {clean(name)}" for name in _names(section[group]) - known[group])


def _names(options: Mapping[str, Any]) -> set[str]:
    return {name.replace("-", "_") for name in options}
