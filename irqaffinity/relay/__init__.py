# SPDX-License-Identifier: Apache-2.0
"""Passes Nova's notifications on to the hosts that they concern. Needs neither a compute host nor a state."""
