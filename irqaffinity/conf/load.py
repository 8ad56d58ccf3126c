# SPDX-License-Identifier: Apache-2.0
"""Reads configuration files into plain values; for a mistake it names the place and the values that are allowed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from irqaffinity.conf.agreement import refuse_conflicts
from irqaffinity.conf.differences import Marks, mark
from irqaffinity.conf.effects import sets_log, sets_messaging, without_effect
from irqaffinity.conf.mistakes import mistake
from irqaffinity.conf.names import old_names, refuse_slips, refuse_slips_of_nova, slips_of_nova, unknown_names
from irqaffinity.conf.opened import Opened, open_conf, read_value
from irqaffinity.conf.options import list_opts
from irqaffinity.conf.places import ConfigError
from irqaffinity.model.change import Bounds
from irqaffinity.model.sriov_options import ApplyMode, Sriov
from irqaffinity.plan.policy import Distribution, Isolation, IsolationMode, Numa, Policy, Serve, WithoutMask

__all__ = ["ConfigError", "Metrics", "Notifications", "Overrides", "Settings", "load"]

Overrides = Mapping[tuple[str, str], str]
"""Values of the command line by (group, option)."""


@dataclass(frozen=True, slots=True)
class Notifications:
    """Whether the agent listens to notifications, to which, and how.

    With `is_auto` it leaves the broker once no guest has needed notifications for `leave_after` days.
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
    """Whether and where the program serves metrics."""

    enabled: bool
    bind: str
    port: int


@dataclass(frozen=True, slots=True)
class Settings:
    """The configuration as plain values.

    `files` are the paths of our own files that were read, `nova_files` those of nova.conf. `unknown` are the names in
    our files that are no options; `notes` are sentences on options that have no effect or have another name today.
    `messaging` is true where an option of oslo.messaging is set anywhere; else nothing can name a broker. `log` is true
    where an option of oslo.log is set. `marks` serve to compare two readings (conf/differences).
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
    sriov: Sriov = Sriov()
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

    The host and the devices can come from `nova_files` (conf/nova).
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
    values = {place: read_value(opened, place[0], option) for place, option in options.items()}
    refuse_conflicts(opened, values, (overrides or {}).keys())
    return _settings(opened, values)


def _settings(opened: Opened, values: Mapping[tuple[str, str], Any]) -> Settings:
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
            host_driver=values["placement", "host_driver"],
            serve=Serve(values["placement", "serve"]),
            dedicated_cpus=values["placement", "dedicated_cpus"],
            flavor_masks=values["placement", "flavor_masks"],
            profiles=tuple(values["placement", "profile"] or ()),
            device_specs=tuple(chain.from_iterable(values["pci", "device_spec"] or ())),
            isolation=Isolation(
                mode=IsolationMode(values["isolation", "mode"]),
                housekeeping_cpus=values["isolation", "housekeeping_cpus"],
                minimum=values["isolation", "minimum"],
                leave=tuple(values["isolation", "leave"]),
                irqbalance=values["isolation", "irqbalance"],
                irqbalance_sockets=values["isolation", "irqbalance_sockets"],
            ),
        ),
        sriov=Sriov(ApplyMode(values["sriov", "apply"]), tuple(values["sriov", "pf"] or ())),
        files=tuple(opened.own),
        nova_files=tuple(opened.nova),
        unknown=(*unknown_names(opened.own), *slips_of_nova(opened.nova)),
        notes=(*old_names(opened.nova), *without_effect(opened.own, opened.nova)),
        messaging=sets_messaging(opened.own) or sets_messaging(opened.nova),
        log=sets_log(opened.own),
        marks=mark(values, opened.own, opened.nova),
    )
