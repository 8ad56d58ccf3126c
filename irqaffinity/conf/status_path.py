# SPDX-License-Identifier: Apache-2.0
"""Where the agent's status is, where that can be told without the library that reads the configuration.

Two thirds of what `irqaffinity check --health` took were its import, and probes ask every half minute on every host.
"""

import os
from collections.abc import Sequence

from irqaffinity.conf.places import ConfigError, find_files, read_text

DEFAULT = "/run/irqaffinity/status.json"

_VARIABLES = ("OS_STATUS__PATH", "OS_DEFAULT__CONFIG_SOURCE")
"""How the environment names another path, or files elsewhere."""


def path_without_library(files: Sequence[str] | None, folders: Sequence[str] | None) -> str | None:
    """Return the default path where nothing can set another one, None where the configuration has to be read.

    Nothing is parsed here: a file is only looked through for what no file can do without that sets [status] path.
    """
    if any(variable in os.environ for variable in _VARIABLES):
        return None
    try:
        return None if any(_may_name(read_text(path)) for path in find_files(files, folders)) else DEFAULT
    except (ConfigError, OSError, ValueError):
        return None  # whoever reads the configuration tells what is wrong with it


def _may_name(text: str) -> bool:
    """Tell whether a line begins a group whose name has "status" in it, or names files elsewhere (config_source)."""
    lines = (line for line in text.splitlines() if not line.startswith(("#", ";")))
    return any(("[" in line and "status" in line.lower()) or "config_source" in line for line in lines)
