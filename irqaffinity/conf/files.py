# SPDX-License-Identifier: Apache-2.0
"""What stands in each of the files of the configuration."""

import io
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from oslo_config import cfg, iniparser

from irqaffinity.conf.places import ConfigError, find_files, read_text
from irqaffinity.model.text import clean

Section = Mapping[str, Mapping[str, Any]]
"""The values of one file, by group and option; each a list, for an option can stand there more than once."""

Sections = Mapping[str, Section]
"""The values of each file by its path."""


def read_files(files: Sequence[str] | None, folders: Sequence[str] | None) -> Sections:
    """Return what stands in the files that `find_files` of conf/places finds; raise ConfigError."""
    return {path: parse(path) for path in find_files(files, folders)}


def parse(path: str) -> Section:
    """Return the values of one file by group and option, groups in lower case as oslo.config reads them.

    Raise ConfigError, which does not repeat a line of the file: it could hold a password.
    """
    sections: dict[str, dict[str, Any]] = {}
    try:
        iniparser.BaseParser.parse(cfg.ConfigParser(path, sections), io.StringIO(read_text(path), newline=None))
    except iniparser.ParseError as error:
        raise ConfigError(clean(f"{path}:{error.lineno}: {error.msg}")) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(clean(f"{path} cannot be read: {reason}")) from error
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    for name, options in sections.items():
        of_group = found[name if name == "DEFAULT" else name.lower()]
        for option, values in options.items():
            of_group[option] = of_group.get(option, []) + values
    return found
