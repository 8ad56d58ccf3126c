# SPDX-License-Identifier: Apache-2.0
"""What the scenarios have carried out inside the machine. The runner imports it there; the tests name its functions."""
