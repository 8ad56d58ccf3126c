# SPDX-License-Identifier: Apache-2.0
"""What the processes that stay have in common: systemd, threads, metrics over HTTP."""
