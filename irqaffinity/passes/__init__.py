# SPDX-License-Identifier: Apache-2.0
"""Passes: observe, plan, apply. Whoever wants interrupts placed calls these, and nothing deeper."""
