# SPDX-License-Identifier: Apache-2.0
"""Reads the configuration for a command: the files, and the command line over them."""

import argparse
import logging

from irqaffinity.cli.arguments import OVERRIDES
from irqaffinity.cli.main import CommandError
from irqaffinity.conf.load import ConfigError, Settings, load

LOG = logging.getLogger(__name__)


def open_settings(arguments: argparse.Namespace) -> Settings:
    """Do what `read_settings` does, and warn of what in the files is no option, does nothing, or has another name."""
    settings = read_settings(arguments)
    for name in settings.unknown:
        LOG.warning("%s is no option, and does nothing: mend or remove it", name)
    for note in settings.notes:
        LOG.warning("%s", note)
    return settings


def read_settings(arguments: argparse.Namespace) -> Settings:
    """Read the configuration, the command line over it; raise CommandError."""
    values = {place: getattr(arguments, name) for name, place in OVERRIDES.items()}
    given = {place: value for place, value in values.items() if value is not None}
    try:
        return load(arguments.config_file, arguments.config_dir, given, arguments.nova_config)
    except ConfigError as error:
        raise CommandError(str(error)) from error
