# SPDX-License-Identifier: Apache-2.0
"""Whether the program accepted the configuration when it last read it, and when it read the one in use."""

from datetime import datetime, timezone

from irqaffinity.model.text import clean


class LastReload:
    """The result of the last reading. Made at the start of the program, which starts only with a good configuration."""

    def __init__(self) -> None:
        self.time = datetime.now(timezone.utc)
        """When the program read the configuration that is in use, in UTC."""
        self.error: str | None = None
        """Why the program refused a newer configuration, None where it did not."""

    def succeeded(self) -> None:
        """Note that the program has read the configuration again, and uses it from now on."""
        self.time, self.error = datetime.now(timezone.utc), None

    def failed(self, error: Exception) -> None:
        """Note that a newer configuration has a mistake or cannot be read; the one before stays in use."""
        self.error = clean(str(error))
