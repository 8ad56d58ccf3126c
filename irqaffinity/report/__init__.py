# SPDX-License-Identifier: Apache-2.0
"""Tells what a pass found and did."""
