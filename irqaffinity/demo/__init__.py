# SPDX-License-Identifier: Apache-2.0
"""The made-up host of `irqaffinity demo`: a tree of files, and domains of libvirt's own test driver."""
