# SPDX-License-Identifier: Apache-2.0
"""Listens to what happens on and around the host. A listener decides nothing: it only passes on what it saw."""
