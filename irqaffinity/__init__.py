# SPDX-License-Identifier: Apache-2.0
"""Keeps the interrupts of passed-through PCI devices on the CPUs of the guest that owns the device."""
