# SPDX-License-Identifier: Apache-2.0
"""Finds the path of the agent's status without the library that reads the configuration, where that is possible.

The import of that library took two thirds of `irqaffinity check --health`, which probes run twice a minute on each
host.
"""

import os
from collections.abc import Sequence

from irqaffinity.conf.places import ConfigError, find_files, read_text

DEFAULT = "/run/irqaffinity/status.json"

_VARIABLES = ("OS_STATUS__PATH", "OS_DEFAULT__CONFIG_SOURCE")
"""How the environment names another path, or files elsewhere."""


def path_without_library(files: Sequence[str] | None, folders: Sequence[str] | None) -> str | None:
    """Return the default path where nothing can set another one, None where the configuration has to be read.

    It does not parse the files. It only looks for text that each file that sets [status] path must have.
    """
    if any(variable in os.environ for variable in _VARIABLES):
        return None
    try:
        return None if any(_may_name(read_text(path)) for path in find_files(files, folders)) else DEFAULT
    except (ConfigError, OSError, ValueError):
        return None  # the code that reads the configuration reports the mistake


def _may_name(text: str) -> bool:
    """Tell whether a line begins a group whose name has "status" in it, or names files elsewhere (config_source)."""
    lines = (line for line in text.splitlines() if not line.startswith(("#", ";")))
    return any(("[" in line and "status" in line.lower()) or "config_source" in line for line in lines)
