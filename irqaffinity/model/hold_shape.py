# SPDX-License-Identifier: Apache-2.0
"""The fields on holds that a reader of an audit's document or of a status requires; see model/shape."""

from typing import Any

_TEXT = (str, None)

HOLDS: Any = {
    "holds?": [
        {"id": int, "guest": _TEXT, "device": _TEXT, "since": str, "until": str, "reason": str, "everything": bool}
    ]
}
"""An older program tells of no hold."""
