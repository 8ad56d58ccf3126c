# SPDX-License-Identifier: Apache-2.0
"""The real parts that the tests of the packages share with the functional ones."""

from tests.functional.conftest import as_root, kept_affinity, libvirtd, movable_device, short_folder, tree

__all__ = ["as_root", "kept_affinity", "libvirtd", "movable_device", "short_folder", "tree"]
