# SPDX-License-Identifier: Apache-2.0
"""The rules of placement: pure functions from a snapshot of the host to what is to be done. No I/O, no clock, no log."""
