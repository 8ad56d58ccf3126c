# SPDX-License-Identifier: Apache-2.0
"""The lab: a virtual machine with two NUMA nodes and SR-IOV devices, in which the program meets a real kernel."""
