# SPDX-License-Identifier: Apache-2.0
"""Stores what must survive a restart: a process that is killed at any moment loses nothing."""
