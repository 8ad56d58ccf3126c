# SPDX-License-Identifier: Apache-2.0
"""All options, as oslo.config's generator and validator ask for them."""

from collections.abc import Sequence

from oslo_config import cfg

from irqaffinity.conf import (
    audit,
    default,
    history,
    host,
    isolation,
    libvirt,
    metrics,
    notifications,
    pci,
    placement,
    settle,
    sriov,
    state,
    status,
    vectors,
)

_GROUPS = (
    default,
    host,
    libvirt,
    state,
    history,
    placement,
    pci,
    isolation,
    sriov,
    audit,
    settle,
    vectors,
    notifications,
    metrics,
    status,
)


def list_opts() -> Sequence[tuple[str, Sequence[cfg.Opt]]]:
    """Return (group, options) pairs: the entry point `oslo.config.opts`."""
    return [(group.GROUP, group.OPTS) for group in _GROUPS]
