# SPDX-License-Identifier: Apache-2.0
"""Who this host is."""

import socket

from oslo_config import cfg

from irqaffinity.conf.types import Word

GROUP = "DEFAULT"
OPTS = [
    cfg.Opt(
        "host",
        type=Word("a host name: write the host of nova.conf, or remove the option"),
        default=socket.gethostname(),
        sample_default="<your_hostname>",
        help="The name of this host in reports and notifications. It must equal the option host of nova.conf.",
    ),
    cfg.BoolOpt("debug", default=False, help="Whether to log each step, as with --debug."),
]
