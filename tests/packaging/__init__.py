# SPDX-License-Identifier: Apache-2.0
"""What operators install, built and installed for real. Needs root."""
