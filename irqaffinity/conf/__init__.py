# SPDX-License-Identifier: Apache-2.0
"""The configuration: oslo.config options, one module a group, and the plain values that they become."""
