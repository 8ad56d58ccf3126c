# SPDX-License-Identifier: Apache-2.0
"""Reads configuration files into plain values, and says of a mistake where it stands and what is allowed."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from oslo_config import cfg

from irqaffinity.conf.files import Sections, parse, read_files
from irqaffinity.conf.names import (
    old_names,
    refuse_slips,
    refuse_slips_of_nova,
    sets_messaging,
    slips_of_nova,
    unknown_names,
    without_effect,
)
from irqaffinity.conf.nova import Options, Taken, take_from_nova
from irqaffinity.conf.options import list_opts
from irqaffinity.conf.places import PROJECT, ConfigError
from irqaffinity.model.text import clean
from irqaffinity.plan.policy import Distribution, HostDriver, Numa, Policy, WithoutMask

__all__ = ["ConfigError", "Metrics", "Notifications", "Opened", "Overrides", "Settings", "load", "open_conf"]

Overrides = Mapping[tuple[str, str], str]
"""Values of the command line by (group, option)."""


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
    """The configuration as plain values.

    `files` are the ones of ours that were read, and `nova_files` nova.conf's; `unknown` is what in ours is no option,
    and `notes` are sentences on what does nothing or has another name today. `messaging` tells whether an option of
    oslo.messaging is set anywhere; where none is, there is no broker to ask for.
    """

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
    nova_files: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    messaging: bool = False


@dataclass(frozen=True, slots=True)
class Opened:
    """What was read, as oslo.config holds it, and where each value stands: in our own files or in nova.conf."""

    conf: cfg.ConfigOpts
    own: Sections
    nova: Sections
    taken: Taken


def load(
    files: Sequence[str] | None = None,
    folders: Sequence[str] | None = None,
    overrides: Overrides | None = None,
    nova_files: Sequence[str] | None = None,
) -> Settings:
    """Return the settings of these files and folders, by default of the usual ones (conf/files); raise ConfigError.

    Of `nova_files` the host and the devices are taken (conf/nova).
    """
    opened = open_conf(files, folders, list_opts(), nova_files)
    refuse_slips(opened.own)
    refuse_slips_of_nova(opened.nova)
    for (group, name), value in (overrides or {}).items():
        try:
            opened.conf.set_override(name, value.replace("$", "$$"), group=group)
        except ValueError as error:
            raise ConfigError(clean(f"command line: [{group}] {name}: {error}")) from error
    return _settings(opened)


def open_conf(
    files: Sequence[str] | None,
    folders: Sequence[str] | None,
    options: Options,
    nova_files: Sequence[str] | None = None,
) -> Opened:
    """Return the files with `options` registered, and what stands in each of them; raise ConfigError."""
    own, nova = read_files(files, folders), {path: parse(path) for path in nova_files or ()}
    conf = cfg.ConfigOpts()
    for group, of_group in options:
        conf.register_opts(of_group, group=group)
    try:
        arguments = [f"--config-file={path}" for path in own]
        conf(arguments, project=PROJECT, prog=PROJECT, default_config_files=[], default_config_dirs=[])
    except (cfg.Error, OSError, ValueError) as error:
        raise ConfigError(clean(" ".join(str(error).split()))) from error
    return Opened(conf, own, nova, take_from_nova(conf, options, nova, own))


def _settings(opened: Opened) -> Settings:
    values = {
        (group, option.dest): _value(opened, group, option) for group, options in list_opts() for option in options
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
        files=tuple(opened.own),
        nova_files=tuple(opened.nova),
        unknown=(*unknown_names(opened.own), *slips_of_nova(opened.nova)),
        notes=(*old_names(opened.nova), *without_effect(opened.own), *without_effect(opened.nova)),
        messaging=sets_messaging(opened.own) or sets_messaging(opened.nova),
    )


def _value(opened: Opened, group: str, option: cfg.Opt) -> Any:
    try:
        return opened.conf[group][option.dest]
    except (cfg.ConfigFileValueError, ValueError) as error:
        what = str(error).rpartition(" is not valid: ")[2]
    except cfg.Error as error:
        what = f"{error}; a $ that names no option is written $$"
    except RecursionError:
        what = "it refers to itself"
    raise ConfigError(clean(f"{source_of(opened, group, option.dest)}: [{group}] {option.dest}: {what}"))


def source_of(opened: Opened, group: str, name: str) -> str:
    """Return where a value stands: the environment goes before files, the last before others, nova.conf after all."""
    variable = f"OS_{group}__{name}".upper()
    if variable in os.environ:
        return variable
    paths = [path for path, section in opened.own.items() if name in section.get(group, {})]
    if not paths and (group, name) in opened.taken:
        return opened.taken[group, name].source
    return paths[-1] if paths else "default"
