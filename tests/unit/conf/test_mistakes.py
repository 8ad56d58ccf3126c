# SPDX-License-Identifier: Apache-2.0
"""Whatever is wrong with a configuration, nothing that is shown of it has a part of a password."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from irqaffinity.conf.broker import load_broker
from irqaffinity.conf.load import ConfigError, load
from irqaffinity.hypervisor.connection import Hypervisor

PASSWORD = "Zq7vKx%40Wj9p$$tYb3$$Hm5rGd=="
"""As it is written in a URL of a configuration: %40 is @, and $$ is $."""

PIECE = 4
"""Characters in a row that tell of it."""

CONFIGURATION = f"""\
[DEFAULT]
host = cmp-1
transport_url=rabbit://nova:{PASSWORD}@one:5671,nova:{PASSWORD}@two:5671/cell
debug = true

[host]
proc=/host/proc
[oslo_messaging_notifications]
transport_url = rabbit://nova:{PASSWORD}@notes:5672/
topics=notifications
[oslo_messaging_rabbit]
ssl = true
ssl_ca_file=/etc/ssl/ca.pem
[status]
path=/run/irqaffinity/status.json
[pci]
device_spec = {{"vendor_id": "8086"}}
"""


def pieces() -> frozenset[str]:
    """Return all parts of the password that tell of it: as it is written, and as it is meant."""
    forms = {PASSWORD, PASSWORD.replace("$$", "$"), PASSWORD.replace("%40", "@"), "Zq7vKx@Wj9p$tYb3$Hm5rGd=="}
    return frozenset(form[start : start + PIECE].lower() for form in forms for start in range(len(form) - PIECE + 1))


PIECES = pieces()


def told_pieces(text: str) -> list[str]:
    """Return the parts of the password that stand in a text."""
    return [piece for piece in PIECES if piece in text.lower()]


def everything_shown(own: Path, nova: Path, text: str, *, in_nova: bool) -> Iterator[str]:
    """Read a configuration as the program does, and give all that it shows of it."""
    own.write_text("" if in_nova else text)
    nova.write_text(text if in_nova else "")
    files, of_nova = [str(own)], [str(nova)]
    try:
        found = load(files, [], None, of_nova)
        yield from (*found.unknown, *found.notes, found.host, found.proc, found.sys, found.state_path)
        yield from (found.status_path, Hypervisor(found.libvirt_uri).shown_uri, found.notifications.exchange)
        yield from found.notifications.versioned_topics
        broker = load_broker(files, [], found.notifications, of_nova)
        if broker is not None and any(host.user != "guest" for host in broker.hosts):  # else a host is all that it has
            yield from (str(broker), *map(str, broker.hosts), *broker.routing_keys, repr(broker.tls))
    except ConfigError as error:
        yield str(error)


def damages() -> st.SearchStrategy[list[tuple[str, int, str]]]:
    """Make a few random changes, each a kind, a place and what is put in."""
    kinds = st.sampled_from(["delete", "insert", "join", "indent", "break", "double", "move", "cut"])
    inserted = st.sampled_from([*"=:[]$#\n \t@/,\"'{}%\\\0", "$$", "${", " = ", "\n ", "\n[", "\u202e", "\u0085"])
    places = st.integers(0, len(CONFIGURATION))
    return st.lists(st.tuples(kinds, places, inserted), min_size=1, max_size=4)


def damage(text: str, changes: list[tuple[str, int, str]]) -> str:
    """Return the text with these changes."""
    for kind, where, inserted in changes:
        at = where % (len(text) + 1)
        line_end = text.find("\n", at)
        begin = text.rfind("\n", 0, at) + 1
        if kind == "delete":
            text = text[:at] + text[at + 1 :]
        elif kind == "insert":
            text = text[:at] + inserted + text[at:]
        elif kind == "join" and line_end >= 0:
            text = text[:line_end] + text[line_end + 1 :]
        elif kind == "indent":
            text = text[:begin] + "  " + text[begin:]
        elif kind == "break":
            text = text[:at] + "\n" + text[at:]
        elif kind == "double":
            text = text[:at] + text[begin:]
        elif kind == "move" and line_end >= 0:
            text = text[:begin] + text[line_end + 1 :] + text[begin : line_end + 1]
        elif kind == "cut" and line_end >= 0:
            text = text[:at] + text[line_end:]
    return text


@given(damages(), st.booleans())
@example([], False)
@example([("insert", CONFIGURATION.index("Hm5rGd") + 6, "\n")], False)
@example([("insert", CONFIGURATION.index("notes:5672/") + 11, "\u202e")], False)
@example([("break", CONFIGURATION.index(PASSWORD), "")], False)
@example([("break", CONFIGURATION.index(PASSWORD), "")], True)
@settings(max_examples=600, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_random_damage_makes_the_program_show_a_part_of_the_password(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    changes: list[tuple[str, int, str]],
    in_nova: bool,
) -> None:
    caplog.clear()
    text = damage(CONFIGURATION, changes)
    caplog.set_level(logging.CRITICAL, "oslo_messaging")  # it is in a process of its own, which has no log
    with caplog.at_level(logging.DEBUG):
        shown = list(everything_shown(tmp_path / "own.conf", tmp_path / "nova.conf", text, in_nova=in_nova))
    assert [(line, told_pieces(line)) for line in shown if told_pieces(line)] == []
    assert [line for line in shown if not line.isprintable()] == []
    assert told_pieces("".join(capfd.readouterr())) == []
    assert told_pieces(caplog.text) == []


def test_the_undamaged_configuration_is_one_that_works(tmp_path: Path) -> None:
    """Or the damage would not be what is refused."""
    path = tmp_path / "own.conf"
    path.write_text(CONFIGURATION)
    found = load([str(path)], [])
    broker = load_broker([str(path)], [], found.notifications)
    assert broker is not None
    assert (found.unknown, [host.name for host in broker.hosts]) == ((), ["notes"])
    assert broker.hosts[0].password == "Zq7vKx@Wj9p$tYb3$Hm5rGd=="


@pytest.mark.parametrize("name", ["aGVsbG8", "hunter2", "nova:hunter2@one", "transport_url rabbit", "x" * 1_000_000])
@pytest.mark.parametrize("group", ["DEFAULT", "placement", "oslo_messaging_rabbit"])
def test_a_name_that_is_none_of_the_programs_own_is_not_shown(tmp_path: Path, name: str, group: str) -> None:
    """The = of a password in base64 makes a name of what is in front of it, where a URL was broken."""
    path = tmp_path / "own.conf"
    path.write_text(f"[{group}]\n{name}==@host:5672/\n")
    assert load([str(path)], []).unknown == (f"{path}:2: [{group}] this name",)


def test_a_group_that_is_none_of_the_programs_own_is_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "own.conf"
    path.write_text("[oslo_messaging_notificationshunter2]\n")
    with pytest.raises(ConfigError) as refusal:
        load([str(path)], [])
    assert str(refusal.value) == f"{path}:1: [...] is no group: [oslo_messaging_notifications] is"
