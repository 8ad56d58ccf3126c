# SPDX-License-Identifier: Apache-2.0
"""The daemon: one thread makes passes, others wake it or place new interrupts, and systemd watches over all."""
