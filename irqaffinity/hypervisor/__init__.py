# SPDX-License-Identifier: Apache-2.0
"""libvirt: the connection, its calls with their deadlines, and its events."""
