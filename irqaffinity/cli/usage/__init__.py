# SPDX-License-Identifier: Apache-2.0
"""What can be written after each command: one module a command, light, for it is imported before anything is done."""
