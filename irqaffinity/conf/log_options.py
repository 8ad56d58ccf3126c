# SPDX-License-Identifier: Apache-2.0
"""The options of oslo.log that have an effect here, for the sample and the validator.

The program reads all of them as oslo.log of this host defines them (conf/logs), and `debug` as an option of its own.
"""

import copy
from collections.abc import Sequence

from oslo_config import cfg

_SHOWN = (
    "log_file",
    "log_dir",
    "use_journal",
    "use_json",
    "use_stderr",
    "use_syslog",
    "syslog_log_facility",
    "default_log_levels",
    "log_date_format",
    "logging_default_format_string",
    "logging_debug_format_suffix",
    "logging_exception_prefix",
    "log_config_append",
    "log_rotation_type",
    "log_rotate_interval",
    "log_rotate_interval_type",
    "max_logfile_count",
    "max_logfile_size_mb",
)
"""Options that have the same help in all releases of oslo.log since 5.2.1, so the sample is the same with each."""

_LEVELS = "amqp=WARN,kombu=WARN"
"""The value that the sample shows for default_log_levels: the default names the libraries of all of OpenStack."""


def list_opts() -> Sequence[tuple[str, Sequence[cfg.Opt]]]:
    """Return (group, options) pairs: an entry point of `oslo.config.opts`."""
    from oslo_log import _options  # noqa: PLC0415  only the generator calls this, the program never does

    known = {option.dest: option for _, options in _options.list_opts() for option in options}
    shown = [copy.copy(known[name]) for name in _SHOWN]
    for option in shown:
        option.mutable = False  # else one alone would have the note that it can change, which all can with SIGHUP
        option.help = option.help.replace("%%", "%").replace(" Default: %(default)s .", "")
        if option.dest == "default_log_levels":
            option.sample_default = _LEVELS.split(",")
    return [("DEFAULT", shown)]
