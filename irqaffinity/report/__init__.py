# SPDX-License-Identifier: Apache-2.0
"""Writes what a pass found and did, for people and for programs."""
