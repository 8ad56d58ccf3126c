# SPDX-License-Identifier: Apache-2.0
"""Carries a plan out. The writer in this package is the only code that changes the host."""
