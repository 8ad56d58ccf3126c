# SPDX-License-Identifier: Apache-2.0
"""What must survive a restart, stored so that a process that is killed at any moment loses nothing."""
