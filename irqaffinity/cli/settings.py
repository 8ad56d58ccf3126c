# SPDX-License-Identifier: Apache-2.0
"""Reads the configuration for a command: the files, and the command line, which overrides them."""

import argparse
import logging

from irqaffinity.cli.arguments import OVERRIDES
from irqaffinity.cli.main import CommandError
from irqaffinity.conf.load import ConfigError, Settings, load
from irqaffinity.listen.broker import Broker

LOG = logging.getLogger(__name__)


def open_settings(arguments: argparse.Namespace) -> Settings:
    """Do what `read_settings` does, and warn of names that are no options, have no effect, or have another name."""
    settings = read_settings(arguments)
    warn_of(settings)
    return settings


def warn_of(settings: Settings) -> None:
    """Warn of names in the files that are no options, have no effect, or have another name."""
    for name in settings.unknown:
        LOG.warning("%s is no option, and does nothing: mend or remove it", name)
    for note in settings.notes:
        LOG.warning("%s", note)


def read_settings(arguments: argparse.Namespace) -> Settings:
    """Read the configuration, which the command line overrides; raise CommandError."""
    values = {place: getattr(arguments, name) for name, place in OVERRIDES.items()}
    given = {place: value for place, value in values.items() if value is not None}
    try:
        return load(arguments.config_file, arguments.config_dir, given, arguments.nova_config)
    except ConfigError as error:
        raise CommandError(str(error)) from error


def tell_tls_faults(broker: Broker | None) -> None:
    """Log an error for each file of TLS that cannot be used: a later error of ssl would not name the file."""
    if broker is None or broker.tls is None:
        return
    from irqaffinity.conf.broker_files import tls_faults  # noqa: PLC0415  few brokers need it

    for fault in tls_faults(broker):
        LOG.error("%s", fault)
