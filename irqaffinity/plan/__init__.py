# SPDX-License-Identifier: Apache-2.0
"""The rules of placement: pure functions from a snapshot to actions. No I/O, no clock, no log."""
