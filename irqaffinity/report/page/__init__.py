# SPDX-License-Identifier: Apache-2.0
"""A report as one page of HTML that needs nothing else: no network, no font, no other file."""
