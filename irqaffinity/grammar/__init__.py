# SPDX-License-Identifier: Apache-2.0
"""Grammars of values that operators write; needs the standard library alone."""
