# SPDX-License-Identifier: Apache-2.0
"""What a check of the installation finds."""

from typing import NamedTuple


class Finding(NamedTuple):
    """One line: what was checked, whether it is as it has to be, and the fact with the next step."""

    subject: str
    is_ok: bool
    text: str
