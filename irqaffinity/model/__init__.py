# SPDX-License-Identifier: Apache-2.0
"""Values: immutable, without I/O, built on the standard library alone."""
