# SPDX-License-Identifier: Apache-2.0
"""What must survive a restart, stored so that a crash at any moment leaves a whole file."""
