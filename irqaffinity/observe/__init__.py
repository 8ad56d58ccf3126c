# SPDX-License-Identifier: Apache-2.0
"""Reads libvirt, sysfs and procfs into one snapshot; writes nothing."""
