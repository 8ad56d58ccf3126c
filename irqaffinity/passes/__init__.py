# SPDX-License-Identifier: Apache-2.0
"""Passes: observe, plan, apply. A caller that wants interrupts placed calls these, and nothing deeper."""
