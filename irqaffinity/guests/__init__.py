# SPDX-License-Identifier: Apache-2.0
"""What is known of each guest while it lives, in one object a guest."""
