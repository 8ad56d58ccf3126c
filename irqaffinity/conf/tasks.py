# SPDX-License-Identifier: Apache-2.0
"""The plain values of the configuration that a run over what is declared needs."""

from irqaffinity.conf.load import Settings
from irqaffinity.sriov.task import Task


def declared_task(settings: Settings) -> Task:
    """Return the run that makes physical functions what `[sriov] pf` declares."""
    return Task(
        settings.proc,
        settings.sys,
        settings.libvirt_uri,
        settings.state_path,
        settings.history,
        settings.policy.device_specs,
        settings.sriov.declared,
    )
