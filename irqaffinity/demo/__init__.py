# SPDX-License-Identifier: Apache-2.0
"""Builds hosts and domains that exist on paper only: for `irqaffinity demo`, the tests and the benchmarks."""
