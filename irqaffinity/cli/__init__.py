# SPDX-License-Identifier: Apache-2.0
"""The command line: one module a command, imported only when that command runs."""

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130
"""What a shell shows for a program that Ctrl-C ended: 128 and the number of SIGINT."""
