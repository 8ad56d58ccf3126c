# SPDX-License-Identifier: Apache-2.0
"""What the options of OpenStack's libraries do here: which of them need their library, and which have no effect."""

import os
from collections.abc import Iterator

from irqaffinity.conf import known_names
from irqaffinity.conf.files import Sections, lines_of
from irqaffinity.conf.names import OLD_NAMES, RABBIT, entry_of

_OF_MESSAGING = "oslo_messaging_"
_MESSAGING = {("DEFAULT", "transport_url"), ("DEFAULT", "config_source"), *OLD_NAMES}
"""Options outside of oslo.messaging's groups that name a broker, or may do so."""

_NO_REQUEST = "a line of this program belongs to no request of OpenStack's API"

_WITHOUT_EFFECT = {
    (RABBIT, "ssl_version"): "both sides agree on the newest TLS that they know",
    (RABBIT, "kombu_ssl_version"): "both sides agree on the newest TLS that they know",
    (RABBIT, "ssl_enforce_hostname_verification"): (
        "with ssl_ca_file the broker's name is checked always, without it never"
    ),
    (RABBIT, "ssl_enforce_fips_mode"): "the host's own OpenSSL decides",
}
"""Options that a library knows and that have no effect here, each with what the program does instead."""

_OF_LOG = {
    "fatal_deprecations": "nothing here is deprecated with oslo.log",
    "instance_format": _NO_REQUEST,
    "instance_uuid_format": _NO_REQUEST,
    "logging_context_format_string": f"{_NO_REQUEST}: set logging_default_format_string",
    "logging_user_identity_format": _NO_REQUEST,
    "publish_errors": "errors are in the log, in the status and in the metrics",
    "use_eventlog": "there is no event log of Windows",
    "watch_log_file": "the program replaces a moved log file in any case",
}
"""The same for options of oslo.log in our own files."""


def without_effect(own: Sections, nova: Sections) -> Iterator[str]:
    """Give a sentence for each option that has an effect in a library of OpenStack, but none here.

    In nova.conf only the options of the broker count: the program does not take those of the log from it.
    """
    log = {("DEFAULT", name): why for name, why in _OF_LOG.items()}
    for sections, known in ((own, log | _WITHOUT_EFFECT), (nova, _WITHOUT_EFFECT)):
        for path, section in sections.items():
            for (group, name), why in known.items():
                lines = lines_of(section, group, name)
                if lines and _says_something(name, lines[-1].value):
                    yield f"{entry_of(path, group, name, lines[-1])} has no effect: {why}"


def sets_messaging(sections: Sections) -> bool:
    """Tell whether a file or the environment sets an option of oslo.messaging under any of its names, to any value.

    `config_source` counts as well: it names files elsewhere, which are not among `sections`.
    """
    return any(group.startswith(_OF_MESSAGING) or (group, name) in _MESSAGING for group, name in _places(sections))


def sets_log(sections: Sections) -> bool:
    """Tell whether a file or the environment sets an option of oslo.log, to any value; `debug` is ours."""
    return any(group == "DEFAULT" and name in known_names.LOG for group, name in _places(sections))


def _places(sections: Sections) -> set[tuple[str, str]]:
    """Return what is set in the files and in the environment, as (group, option)."""
    places = {(group, name) for section in sections.values() for group, names in section.items() for name in names}
    for variable in os.environ:
        group, _, name = variable.removeprefix("OS_").partition("__")
        if variable.startswith("OS_"):
            places.add((group if group == "DEFAULT" else group.lower(), name.lower()))
    return places


def _says_something(name: str, value: str) -> bool:
    """Tell whether a value asks for something else than the program does anyway."""
    is_true = value.strip().lower() in ("1", "true", "on", "yes")
    if name == "ssl_enforce_hostname_verification":
        return not is_true
    switches = ("fatal_deprecations", "publish_errors", "ssl_enforce_fips_mode", "use_eventlog", "watch_log_file")
    return is_true if name in switches else bool(value.strip())
