# SPDX-License-Identifier: Apache-2.0
"""Sets up the log of a command that stays, and writes its first line."""

import argparse
import logging
import os
from importlib.metadata import version
from typing import Any

from irqaffinity.cli.main import CommandError
from irqaffinity.cli.usage.command import PROGRAM
from irqaffinity.conf.load import ConfigError, Settings
from irqaffinity.daemon.log import LogRefused, set_up_log

LOG = logging.getLogger(__name__)


def read_log_options(settings: Settings, arguments: argparse.Namespace) -> Any:
    """Return the options of oslo.log, None where none is set; raise ConfigError."""
    if not settings.log:
        return None
    try:
        from irqaffinity.conf.logs import read_logs  # noqa: PLC0415  its imports cost memory
    except ImportError as error:
        raise ConfigError(f"options of the log are set, and oslo.log cannot be loaded: {error}") from error
    return read_logs(arguments.config_file, arguments.config_dir, arguments.command)


def start_log(settings: Settings, arguments: argparse.Namespace) -> Any:
    """Set up the log as the configuration says, and log what starts; return the options of oslo.log, None without any.

    Raise CommandError.
    """
    try:
        options = read_log_options(settings, arguments)
        set_up_log(debug=settings.debug or arguments.debug, options=options)
    except (ConfigError, LogRefused) as error:
        raise CommandError(str(error)) from error
    LOG.info("%s", _describe_start(settings, arguments.command))
    return options


def _describe_start(settings: Settings, command: str) -> str:
    files = ", ".join(settings.files) or "no file"
    nova = f"; from nova.conf: {', '.join(settings.nova_files)}" if settings.nova_files else ""
    who = f"{PROGRAM} {version(PROGRAM)}: the {command} starts on host {settings.host}, pid {os.getpid()}"
    return f"{who}; configuration: {files}{nova}"
