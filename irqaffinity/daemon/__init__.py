# SPDX-License-Identifier: Apache-2.0
"""Parts that the agent, the relay and a repeating audit share: the log, systemd, threads, metrics over HTTP."""
