# SPDX-License-Identifier: Apache-2.0
"""`irqaffinity relay`."""

import argparse
import dataclasses

from irqaffinity.cli.logs import read_log_options, start_log
from irqaffinity.cli.main import CommandError
from irqaffinity.cli.settings import open_settings, read_settings, tell_tls_faults, warn_of
from irqaffinity.conf.broker_process import ask_broker
from irqaffinity.conf.load import ConfigError, Settings
from irqaffinity.daemon.log import leave
from irqaffinity.relay.service import Configuration, Service


def run(arguments: argparse.Namespace) -> int:
    """Run the relay until a signal ends it."""
    settings = read_settings(arguments)
    start_log(settings, arguments)
    warn_of(settings)
    try:
        configuration = _configure(settings, arguments)
    except ConfigError as error:
        raise CommandError(str(error)) from error

    def reload() -> Configuration:
        try:
            return _configure(open_settings(arguments), arguments)
        except CommandError as error:
            raise ConfigError(str(error)) from error

    status = Service(configuration, reload).run()
    leave(status)
    return status


def _configure(settings: Settings, arguments: argparse.Namespace) -> Configuration:
    """Return the configuration; raise ConfigError, also where it names no broker: there is nothing to relay then."""
    broker = None
    if settings.messaging:
        files, folders, nova = arguments.config_file, arguments.config_dir, arguments.nova_config
        broker = ask_broker(files, folders, settings.notifications, nova)
    if broker is None:
        raise ConfigError("no transport_url is set: copy nova.conf's, or name nova.conf with --nova-config")
    tell_tls_faults(broker)
    logs = read_log_options(settings, arguments)
    return Configuration(dataclasses.replace(settings, debug=settings.debug or arguments.debug), broker, logs)
