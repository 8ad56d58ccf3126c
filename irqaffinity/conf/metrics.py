# SPDX-License-Identifier: Apache-2.0
"""Where Prometheus finds the metrics."""

from oslo_config import cfg

GROUP = "metrics"
OPTS = [
    cfg.BoolOpt(
        "enabled",
        default=False,
        help="Whether the agent serves /metrics, /healthz and /readyz over HTTP, and at / a page that shows the host "
        "and names its guests.",
    ),
    cfg.HostAddressOpt("bind", default="127.0.0.1", help="The address to listen on."),
    cfg.PortOpt("port", default=9868, min=1, help="The TCP port to listen on."),
]
