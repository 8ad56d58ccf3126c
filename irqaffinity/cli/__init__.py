# SPDX-License-Identifier: Apache-2.0
"""The command line: one module a command, imported only when that command runs."""
