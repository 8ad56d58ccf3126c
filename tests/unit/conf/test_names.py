# SPDX-License-Identifier: Apache-2.0
"""Wrong names in a file: the program refuses a slip, warns of an unknown name, and accepts Nova's other names."""

import re
from pathlib import Path

import pytest

from irqaffinity.conf import broker, known_names
from irqaffinity.conf.load import ConfigError, load


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "irqaffinity.conf"


@pytest.mark.parametrize(
    ("group", "name", "meant"),
    [
        ("DEFAULT", "hots", "host"),
        ("DEFAULT", "hosts", "host"),
        ("DEFAULT", "debgu", "debug"),
        ("DEFAULT", "trasnport_url", "transport_url"),
        ("DEFAULT", "transport-url", "transport_url"),
        ("DEFAULT", "Host", "host"),
        ("oslo_messaging_rabbit", "sll", "ssl"),
        ("oslo_messaging_rabbit", "SSL", "ssl"),
        ("oslo_messaging_rabbit", "ssl_cafile", "ssl_ca_file"),
        ("oslo_messaging_rabbit", "hearbeat_timeout_treshold", "heartbeat_timeout_threshold"),
        ("oslo_messaging_notifications", "transport_ulr", "transport_url"),
        ("pci", "device_specs", "device_spec"),
        ("pci", "device-spec", "device_spec"),
        ("placement", "dedicated_cpu", "dedicated_cpus"),
        ("libvirt", "url", "uri"),
        # Names that the option once had: heeded or not, as the version of a library has it.
        ("pci", "passthrough_whitelist", "[pci] device_spec"),
        ("pci", "passthrough_whitelists", "[pci] device_spec"),
        ("DEFAULT", "pci_passthrough_whitelist", "[pci] device_spec"),
        ("DEFAULT", "pci_passthrough_whitelst", "[pci] device_spec"),
        ("oslo_messaging_rabbit", "rabbit_use_ssl", "[oslo_messaging_rabbit] ssl"),
        ("oslo_messaging_rabbit", "kombu_ssl_ca_certs", "[oslo_messaging_rabbit] ssl_ca_file"),
        ("DEFAULT", "notification_transport_url", "[oslo_messaging_notifications] transport_url"),
    ],
)
def test_a_slip_or_an_old_name_is_refused_and_the_one_that_is_meant_named(
    file: Path, group: str, name: str, meant: str
) -> None:
    file.write_text(f"[{group}]\n{name} = true\n")
    with pytest.raises(ConfigError, match=re.escape(f"{file}:2: [{group}] {name} is no option: {meant} is")):
        load([str(file)])


@pytest.mark.parametrize(
    ("group", "meant"),
    [
        ("pcii", "pci"),
        ("default", "DEFAULT"),
        ("DEFAULTS", "DEFAULT"),
        ("oslo_messaging_rabit", "oslo_messaging_rabbit"),
        ("oslo_messaging_notification", "oslo_messaging_notifications"),
        ("plcaement", "placement"),
    ],
)
def test_a_slip_in_the_name_of_a_group_is_refused(file: Path, group: str, meant: str) -> None:
    file.write_text(f"[{group}]\n")
    with pytest.raises(ConfigError, match=re.escape(f"{file}:1: [{group.lower()}] is no group: [{meant}] is")):
        load([str(file)])


def test_other_names_are_told_and_those_of_nova_and_its_libraries_are_not(file: Path) -> None:
    file.write_text(
        "[DEFAULT]\nmy_ip = x\nlog_file = x\nlogdir = x\nuse_journal = true\ncontrol_exchange = nova\nverbose = true\n"
        "compute_topic = x\n[oslo_messaging_rabbit]\namqp_durable_queues = true\nrabbit_password = x\n"
        "[oslo_messaging_notifications]\ndriver = messagingv2\nformat = x\n"
        "[oslo_messaging_kafka]\nanything = x\n[neutron]\nanything = x\n[placement]\nauth_url = x\n"
    )
    assert load([str(file)]).unknown == (
        f"{file}:8: [DEFAULT] this name",
        f"{file}:7: [DEFAULT] this name",
        f"{file}:14: [oslo_messaging_notifications] this name",
        f"{file}:11: [oslo_messaging_rabbit] this name",
        f"{file}:20: [placement] this name",
    )


def test_every_name_that_may_stand_there_does(file: Path) -> None:
    names = {
        "DEFAULT": known_names.DEFAULT - {"notification_transport_url", "notification_topics", "rabbit_login_method"},
        "oslo_messaging_notifications": known_names.NOTIFICATIONS,
        "oslo_messaging_rabbit": {
            name for name in known_names.RABBIT if name.partition("_")[2][:3] not in ("ssl", "use")
        }
        | {"use_queue_manager"},
    }
    names["DEFAULT"] -= {"config_source"}  # it names files elsewhere, which have to be there
    values = {"debug": "true", "host": "cmp-1"}
    lines: list[str] = []
    for group, of_group in names.items():
        lines += [f"[{group}]", *(f"{name} = {values.get(name, '1')}" for name in sorted(of_group))]
    file.write_text("\n".join([*lines, *(f"[{group}]" for group in known_names.GROUPS), ""]))
    assert load([str(file)]).unknown == ()


def test_the_list_has_what_oslo_messaging_of_this_host_knows() -> None:
    known = {
        None: known_names.MESSAGING,
        "oslo_messaging_rabbit": known_names.RABBIT,
        "oslo_messaging_notifications": known_names.NOTIFICATIONS,
    }
    found = {group: {option.dest for option in options} for group, options in broker.opts.list_opts() if group in known}
    assert found.keys() == known.keys()
    assert [(group, name) for group, names in found.items() for name in names - known[group]] == []


def test_a_slip_in_the_environment_is_refused_too(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.touch()
    monkeypatch.setenv("OS_AUTH_URL", "http://x")
    monkeypatch.setenv("OS_PCI__PASSTHROUGH_WHITELIST", "{}")
    with pytest.raises(
        ConfigError, match=r"^OS_PCI__PASSTHROUGH_WHITELIST: \[pci\] passthrough_whitelist is no option"
    ):
        load([str(file)])


@pytest.mark.parametrize(
    ("line", "is_told"),
    [
        ("ssl_version = TLSv1_2", True),
        ("ssl_version =", False),
        ("ssl_enforce_fips_mode = true", True),
        ("ssl_enforce_fips_mode = false", False),
        ("ssl_enforce_hostname_verification = False", True),
        ("ssl_enforce_hostname_verification = true", False),
        ("ssl_ca_file = /ca", False),
    ],
)
def test_what_oslo_messaging_reads_and_does_nothing_here_is_told(file: Path, line: str, is_told: bool) -> None:
    file.write_text(f"[oslo_messaging_rabbit]\n{line}\n")
    empty = file.with_name("empty.conf")
    empty.touch()
    for notes in (load([str(file)]).notes, load([str(empty)], nova_files=[str(file)]).notes):
        name = line.partition(" ")[0]
        assert [note.partition(" has no effect: ")[0] for note in notes] == (
            [f"{file}:2: [oslo_messaging_rabbit] {name}"] if is_told else []
        )


@pytest.mark.parametrize(
    ("group", "name", "meant"),
    [
        ("DEFAULT", "device_spec", r"\[pci\] device_spec does"),
        ("placement", "device_spec", r"\[pci\] device_spec does"),
        ("nova", "device_spec", r"\[pci\] device_spec does"),
        ("nova", "passthrough_whitelist", r"\[pci\] device_spec does"),
        ("pci", "dedicated_cpus", r"\[placement\] dedicated_cpus does"),
        ("placement", "cpu_dedicated_set", r"\[placement\] dedicated_cpus does"),
        ("pci", "whitelist", r"\[pci\] device_spec is"),
        ("pci", "spec", r"\[pci\] device_spec is"),
    ],
)
def test_a_restriction_that_stands_where_it_is_not_heeded_is_refused(
    tmp_path: Path, group: str, name: str, meant: str
) -> None:
    """The program knows neither a group `nova` nor options that are called so: what it does not know is not shown."""
    path = tmp_path / "irqaffinity.conf"
    path.write_text(f"[{group}]\n{name} = 1\n")
    shown = {"nova": r"\.\.\.", "whitelist": "this name", "spec": "this name"}
    told = rf":2: \[{shown.get(group, group)}\] {shown.get(name, name)} .*{meant}"
    with pytest.raises(ConfigError, match=told):
        load([str(path)], [])


def test_what_nova_has_beside_its_devices_may_stand_there(tmp_path: Path) -> None:
    path = tmp_path / "irqaffinity.conf"
    path.write_text('[pci]\nalias = {}\nreport_in_placement = true\ndevice_spec = {"vendor_id": "8086"}\n[compute]\n'
                    "cpu_dedicated_set = 1\n")  # fmt: skip
    assert len(load([str(path)], []).policy.device_specs) == 1
