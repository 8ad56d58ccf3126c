# SPDX-License-Identifier: Apache-2.0
"""Hands Nova's notifications on to the hosts that they concern. Needs neither a host nor a state."""
