# SPDX-License-Identifier: Apache-2.0
"""Reads configuration files into plain values, and says of a mistake where it stands and what is allowed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from irqaffinity.conf.differences import Marks, mark
from irqaffinity.conf.effects import sets_log, sets_messaging, without_effect
from irqaffinity.conf.mistakes import mistake
from irqaffinity.conf.names import old_names, refuse_slips, refuse_slips_of_nova, slips_of_nova, unknown_names
from irqaffinity.conf.opened import Opened, open_conf, read_value
from irqaffinity.conf.options import list_opts
from irqaffinity.conf.places import ConfigError
from irqaffinity.model.change import Bounds
from irqaffinity.plan.policy import Distribution, HostDriver, Numa, Policy, WithoutMask

__all__ = ["ConfigError", "Metrics", "Notifications", "Overrides", "Settings", "load"]

Overrides = Mapping[tuple[str, str], str]
"""Values of the command line by (group, option)."""


@dataclass(frozen=True, slots=True)
class Notifications:
    """Whether notifications are listened to, which, and how.

    `is_auto` tells that they are left once no guest has needed them for `leave_after` days.
    """

    enabled: bool
    is_auto: bool
    leave_after: int
    is_exclusive: bool
    from_relay: bool
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
    oslo.messaging is set anywhere; where none is, there is no broker to ask for. `log` tells the same of oslo.log.
    `marks` are for the comparison with those of another reading (conf/differences).
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
    history: Bounds
    notifications: Notifications
    metrics: Metrics
    policy: Policy
    files: tuple[str, ...] = ()
    nova_files: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    messaging: bool = False
    log: bool = False
    marks: Marks = field(default_factory=dict, repr=False)


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
    options = {(group, option.dest): option for group, of_group in list_opts() for option in of_group}
    for (group, name), value in (overrides or {}).items():
        try:
            opened.conf.set_override(name, value.replace("$", "$$"), group=group)
        except ValueError as error:
            raise mistake(f"command line: [{group}] {name}", options[group, name], error) from None
    return _settings(opened)


def _settings(opened: Opened) -> Settings:
    values = {
        (group, option.dest): read_value(opened, group, option) for group, options in list_opts() for option in options
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
        history=Bounds(values["history", "days"], values["history", "lines"]),
        notifications=Notifications(
            enabled=values["notifications", "enabled"] != "false",
            is_auto=values["notifications", "enabled"] == "auto",
            leave_after=values["notifications", "leave_after"],
            is_exclusive=values["notifications", "queue"] == "exclusive",
            from_relay=values["notifications", "source"] == "relay",
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
        notes=(*old_names(opened.nova), *without_effect(opened.own, opened.nova)),
        messaging=sets_messaging(opened.own) or sets_messaging(opened.nova),
        log=sets_log(opened.own),
        marks=mark(values, opened.own, opened.nova),
    )
