# SPDX-License-Identifier: Apache-2.0
"""The rules of placement: pure functions from a snapshot to what is to be done. No I/O, no clock, no log."""
