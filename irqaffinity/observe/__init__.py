# SPDX-License-Identifier: Apache-2.0
"""Reads domains, sysfs and procfs; writes nothing."""
