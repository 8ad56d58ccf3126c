# SPDX-License-Identifier: Apache-2.0
"""`irqaffinity relay`."""

import argparse
import dataclasses

from irqaffinity.cli.main import CommandError
from irqaffinity.cli.settings import open_settings
from irqaffinity.conf.broker_process import ask_broker
from irqaffinity.conf.load import ConfigError, Settings
from irqaffinity.daemon.log import leave, set_up_log
from irqaffinity.relay.service import Configuration, Service


def run(arguments: argparse.Namespace) -> int:
    """Run the relay until a signal ends it."""
    settings = open_settings(arguments)
    set_up_log(debug=arguments.debug or settings.debug)
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
    """Return the configuration; raise ConfigError, also where no broker is named: there is nothing to relay then."""
    broker = None
    if settings.messaging:
        files, folders, nova = arguments.config_file, arguments.config_dir, arguments.nova_config
        broker = ask_broker(files, folders, settings.notifications, nova)
    if broker is None:
        raise ConfigError("no transport_url is set: copy nova.conf's, or name nova.conf with --nova-config")
    return Configuration(dataclasses.replace(settings, debug=settings.debug or arguments.debug), broker)
