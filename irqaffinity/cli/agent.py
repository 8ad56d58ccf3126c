# SPDX-License-Identifier: Apache-2.0
"""`irqaffinity agent`."""

import argparse
import dataclasses
import logging

from irqaffinity.agent.listening import Configuration
from irqaffinity.agent.service import Service
from irqaffinity.cli.logs import read_log_options, start_log
from irqaffinity.cli.main import CommandError
from irqaffinity.cli.session import Session
from irqaffinity.cli.settings import tell_tls_faults, warn_of
from irqaffinity.conf.broker_process import ask_broker
from irqaffinity.conf.load import ConfigError
from irqaffinity.daemon.log import leave
from irqaffinity.state.folder import StateError
from irqaffinity.state.lock import LockTaken
from irqaffinity.state.one_agent import hold_agent_locks, run_folder

LOG = logging.getLogger(__name__)


def run(arguments: argparse.Namespace) -> int:
    """Run the daemon until a signal ends it."""
    session = Session.read(arguments)
    start_log(session.settings, arguments)
    warn_of(session.settings)
    try:
        configuration = _configure(session, arguments)
    except ConfigError as error:
        raise CommandError(str(error)) from error

    def reload() -> Configuration:
        try:
            return _configure(Session.open(arguments), arguments)
        except CommandError as error:
            raise ConfigError(str(error)) from error

    try:
        with hold_agent_locks(session.folder, run_folder(), session.settings.proc) as troubles:
            for trouble in troubles.values():
                LOG.warning("only one of the two locks keeps a second agent away: %s", trouble)
            status = Service(configuration, reload).run()
    except LockTaken as error:
        raise CommandError(f"an agent runs on this host already: {error}") from error
    except (StateError, OSError) as error:
        raise CommandError(f"the agent could not start: {error}") from error
    leave(status)
    return status


def _configure(session: Session, arguments: argparse.Namespace) -> Configuration:
    """Return the configuration; where there can be a broker, ask another process for it. Raise ConfigError."""
    settings, broker = session.settings, None
    if settings.notifications.enabled and settings.messaging:
        files, folders, nova = arguments.config_file, arguments.config_dir, arguments.nova_config
        broker = ask_broker(files, folders, settings.notifications, nova)
    tell_tls_faults(broker)
    logs = read_log_options(settings, arguments)
    return Configuration(dataclasses.replace(settings, debug=settings.debug or arguments.debug), broker, logs)
