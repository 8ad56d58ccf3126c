# SPDX-License-Identifier: Apache-2.0
"""Whether the configuration was accepted when it was read last, and when the one in use was read."""

from datetime import datetime, timezone

from irqaffinity.model.text import clean


class LastReload:
    """Made when the program starts, which it only does with a configuration that was accepted."""

    def __init__(self) -> None:
        self.time = datetime.now(timezone.utc)
        """When the configuration that is in use was read, in UTC."""
        self.error: str | None = None
        """Why a newer one was refused, None where none was."""

    def succeeded(self) -> None:
        """Note that the configuration was read again, and is in use from now on."""
        self.time, self.error = datetime.now(timezone.utc), None

    def failed(self, error: Exception) -> None:
        """Note that a newer one has a mistake, or cannot be read, so that the one before stays in use."""
        self.error = clean(str(error))
