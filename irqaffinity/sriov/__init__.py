# SPDX-License-Identifier: Apache-2.0
"""The virtual functions of the host: who has which, what Nova counts, and what they are declared to be."""
