# SPDX-License-Identifier: Apache-2.0
"""The log names each option that has changed in the configuration, and never its value."""

from pathlib import Path

import pytest

from irqaffinity.conf.differences import changed_names
from irqaffinity.conf.load import load


@pytest.mark.parametrize(
    ("before", "after", "names"),
    [
        ("", "", []),
        ("[audit]\ninterval = 60\n", "# 60 is the default\n", []),
        (
            "[audit]\ninterval = 60\n",
            "[audit]\ninterval=5\n[placement]\nnuma = strict\n",
            ["[audit] interval", "[placement] numa"],
        ),
        ("[DEFAULT]\ntransport_url = rabbit://a:s@h/\n", "", ["[DEFAULT] transport_url"]),
        ("", "[oslo_messaging_rabbit]\nssl = true\n", ["[oslo_messaging_rabbit] ssl"]),
        ("", "[DEFAULT]\nuse_json = true\ndebug = true\n", ["[DEFAULT] debug", "[DEFAULT] use_json"]),
        ("", "[DEFAULT]\nmy_ip = 1.2.3.4\n[neutron]\nx = y\n", []),
        ("", '[pci]\ndevice_spec = {"address": "*:*:*.1"}\n', ["[pci] device_spec"]),
        (
            "[placement]\nhost_driver = vcpu\n",
            '[placement]\nhost_driver = vdpa:vcpu,macvtap:vcpu\nprofile = {"a": 1, "numa": "strict"}\n',
            ["[placement] profile"],
        ),
        (
            '[placement]\nhost_driver = vcpu\nprofile = {"a": 1, "numa": "strict"}\n',
            '[placement]\nhost_driver = vdpa:vcpu\nprofile = {"a": 1, "numa": "socket"}\n',
            ["[placement] host_driver", "[placement] profile"],
        ),
    ],
)
def test_names_of_what_changed(before: str, after: str, names: list[str], tmp_path: Path) -> None:
    file = tmp_path / "irqaffinity.conf"
    file.write_text(before)
    old = load([str(file)])
    file.write_text(after)
    assert changed_names(old.marks, load([str(file)]).marks) == names


def test_what_is_taken_of_nova_conf_counts_and_its_log_does_not(tmp_path: Path) -> None:
    file, nova = tmp_path / "irqaffinity.conf", tmp_path / "nova.conf"
    file.write_text("")
    nova.write_text("")
    old = load([str(file)], nova_files=[str(nova)])
    nova.write_text(
        "[DEFAULT]\nhost = cmp-9\nlog_file = /x\nnotification_topics = y\n"
        "[oslo_messaging_rabbit]\nrabbit_use_ssl = true\n"
    )
    assert changed_names(old.marks, load([str(file)], nova_files=[str(nova)]).marks) == [
        "[DEFAULT] host",
        "[oslo_messaging_notifications] topics",
        "[oslo_messaging_rabbit] ssl",
    ]


def test_no_value_can_be_seen(tmp_path: Path) -> None:
    file = tmp_path / "irqaffinity.conf"
    file.write_text("[DEFAULT]\ntransport_url = rabbit://a:s3cret@h/\n")
    assert "s3cret" not in repr(load([str(file)]).marks)
