# SPDX-License-Identifier: Apache-2.0
"""The arguments of each command, a module for each. They import little: a probe loads them again and again."""
