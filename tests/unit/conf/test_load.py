# SPDX-License-Identifier: Apache-2.0
"""The configuration: what is read, and what a mistake says."""

import re
from pathlib import Path

import pytest

from irqaffinity.conf.load import ConfigError, load
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.plan.policy import Distribution, HostDriver, HostDrivers, Numa, WithoutMask


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "irqaffinity.conf"


def test_every_option_becomes_a_plain_value(file: Path) -> None:
    file.write_text(
        """
[DEFAULT]
host = cmp-12
[host]
proc = /host/proc
sys = /host/sys
[libvirt]
uri = qemu+unix:///system?socket=/run/x
[state]
path = /srv/state
[placement]
numa = strict
distribution = spread
without_mask = skip
host_driver = vcpu
dedicated_cpus = 2-15,34
flavor_masks = nfv.large:"1-4,^3,6", nfv.small:1
[pci]
device_spec = {"vendor_id": "8086", "product_id": "154c"}
device_spec = [{"address": "*:0a:00.*"}, {"devname": "eth1", "physical_network": null}]
[audit]
interval = 5
"""
    )
    found = load([str(file)])
    assert (found.host, found.proc, found.sys) == ("cmp-12", "/host/proc", "/host/sys")
    assert (found.libvirt_uri, found.state_path) == ("qemu+unix:///system?socket=/run/x", "/srv/state")
    assert found.audit_interval == 5
    policy = found.policy
    assert (policy.numa, policy.distribution) == (Numa.STRICT, Distribution.SPREAD)
    assert (policy.without_mask, policy.host_driver) == (WithoutMask.SKIP, HostDrivers.both(HostDriver.VCPU))
    assert policy.dedicated_cpus == CpuSet.parse("2-15,34")
    assert policy.flavor_masks == {"nfv.large": "1-4,^3,6", "nfv.small": "1"}
    assert [spec.vendor for spec in policy.device_specs] == ["8086", None, None]
    assert (found.files, found.unknown) == ((str(file),), ())


def test_the_command_line_stands_over_the_file(file: Path) -> None:
    file.write_text("[host]\nproc = /from/file\nsys = /from/file\n")
    found = load([str(file)], overrides={("host", "proc"): "/given"})
    assert (found.proc, found.sys) == ("/given", "/from/file")


def test_a_folder_is_read_after_the_files_in_the_order_of_names(file: Path, tmp_path: Path) -> None:
    file.write_text("[audit]\ninterval = 1\n[host]\nproc = /one\n")
    folder = tmp_path / "conf.d"
    folder.mkdir()
    (folder / "20.conf").write_text("[audit]\ninterval = 3\n")
    (folder / "10.conf").write_text("[audit]\ninterval = 2\n")
    (folder / "ignored.txt").write_text("nonsense")
    found = load([str(file)], [str(folder)])
    assert (found.audit_interval, found.proc) == (3, "/one")


SECONDS = "it is not a whole number of seconds between 1 and 86400"
CPUS = "it is not a list of CPUs such as 2-15,34-47, of 0 to 65535"
PATH = "it is not a path on one line, of printable characters, without @ and ="


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[placement]\nnuma = near", "[placement] numa: it is not one of preferred, socket, strict"),
        ("[placement]\ndistribution = all", "[placement] distribution: it is not one of mask, spread"),
        ("[placement]\ndedicated_cpus = 1-x", f"[placement] dedicated_cpus: {CPUS}"),
        ("[placement]\ndedicated_cpus =", "[placement] dedicated_cpus: the list is empty: name CPUs, or remove"),
        ("[host]\nproc =", "[host] proc: it is not a path below /"),
        ("[host]\nproc = /proc\n  sys = /sys", f"[host] proc: {PATH}"),
        ("[host]\nproc = /pr\0c", f"[host] proc: {PATH}"),
        ("[status]\npath = rabbit://nova:hunter2@h/", f"[status] path: {PATH}"),
        ("[state]\npath = /srv/statetransport_url=x", f"[state] path: {PATH}"),
        ("[audit]\ninterval = 99999999999999", f"[audit] interval: {SECONDS}"),
        ("[audit]\ninterval = " + "9" * 5000, f"[audit] interval: {SECONDS}"),
        ("[placement]\ndedicated_cpus = 70000", f"[placement] dedicated_cpus: {CPUS}"),
        (
            '[placement]\nflavor_masks = a:"1-,2"',
            "[placement] flavor_masks: it has a mask that is mask_invalid (at character 3): write one such as 1-4,^3,6",
        ),
        (
            "[placement]\nflavor_masks = a:1,b:70000",
            "[placement] flavor_masks: it has a mask that is mask_out_of_range (at character 1)",
        ),
        ('[placement]\nflavor_masks = a:""', "[placement] flavor_masks: it has a mask that is mask_empty"),
        ("[placement]\nflavor_masks = a", "[placement] flavor_masks: it is not pairs NAME:VALUE, separated by commas"),
        ("[pci]\ndevice_spec = {x", "[pci] device_spec: it is not JSON, beginning with its character 2"),
        ('[pci]\ndevice_spec = {"address": "zz:00.0"}', '[pci] device_spec: "bus" is not a hexadecimal number'),
        ("[audit]\ninterval = 0", f"[audit] interval: {SECONDS}"),
        ("[audit]\ninterval = often", f"[audit] interval: {SECONDS}"),
        ("[audit]\ninterval =", f"[audit] interval: {SECONDS}"),
        (
            "[DEFAULT]\nhost =",
            "[DEFAULT] host: it is not a host name: write the host of nova.conf, or remove the option",
        ),
        ("[DEFAULT]\nhost = cmp 12", "[DEFAULT] host: it is not a host name"),
        ("[DEFAULT]\nhost = nova:hunter2@h", "[DEFAULT] host: it is not a host name"),
        ("[DEFAULT]\nhost = cmp\n  -12", "[DEFAULT] host: it is not a host name"),
        ("[DEFAULT]\ndebug = rabbit://nova:hunter2@h", "[DEFAULT] debug: it is not true or false"),
        ("[libvirt]\nuri =", "[libvirt] uri: it is not a libvirt URI such as qemu:///system"),
        ("[libvirt]\nuri = qemu://nova:hunter2@h/system", "[libvirt] uri: it is not a libvirt URI"),
        ("[notifications]\nexchange =", "[notifications] exchange: it is not the name of an exchange"),
        ("[notifications]\nversioned_notifications_topics =", "[notifications] versioned_notifications_topics: it is"),
        ("[notifications]\nversioned_notifications_topics = a,,b", "[notifications] versioned_notifications_topics: "),
        (
            "[notifications]\nnotification_format =",
            "[notifications] notification_format: it is not one of versioned, unversioned, both",
        ),
        ("[metrics]\nbind =", "[metrics] bind: it is not a host name or an IP address"),
        ("[metrics]\nport = 70000", "[metrics] port: it is not a whole number between 1 and 65535"),
        ("[pci]\ndevice_spec =", "[pci] device_spec: it is not JSON, beginning with its character 1"),
        ("[state]\npath =", "[state] path: it is not a path below /"),
        ("[placement]\nnuma =", "[placement] numa: it is not one of preferred, socket, strict"),
    ],
)
def test_a_mistake_names_file_line_group_option_and_what_is_allowed_and_nothing_of_the_value(
    file: Path, text: str, told: str
) -> None:
    file.write_text(f"# a comment\n{text}\n")
    with pytest.raises(ConfigError, match=re.escape(f"{file}:3: {told}")) as caught:
        load([str(file)])
    assert str(caught.value).isprintable()
    assert "hunter2" not in str(caught.value)


def test_of_several_values_the_line_of_the_one_that_is_wrong_is_named(file: Path) -> None:
    file.write_text('[pci]\ndevice_spec = {"vendor_id": "1"}\ndevice_spec = {}}\ndevice_spec = {"vendor_id": "2"}\n')
    with pytest.raises(ConfigError, match=re.escape(f"{file}:3: [pci] device_spec: it is not JSON")):
        load([str(file)])


@pytest.mark.parametrize(
    "uri",
    ["qemu:///system", "hail", "qemu+ssh://root@node.example:22/system?keyfile=/a/b&no_verify=1", "test:///a.xml"],
)
def test_every_form_of_a_libvirt_uri_is_taken(file: Path, uri: str) -> None:
    file.write_text(f"[libvirt]\nuri = {uri}\n")
    assert load([str(file)]).libvirt_uri == uri


@pytest.mark.parametrize("source", ["rabbit://nova:hunter2@h/", "elsewhere"])
def test_a_source_elsewhere_that_cannot_be_loaded_is_refused_and_not_repeated(
    file: Path, source: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """oslo.config tells the log of it, with what was written, and goes on without it."""
    file.write_text(f"[DEFAULT]\nconfig_source = {source}\n[elsewhere]\ndriver = remote_file\nuri = nova:hunter2@h\n")
    told = f"{file}:2: [DEFAULT] config_source: a source that it names cannot be loaded"
    with caplog.at_level("DEBUG"), pytest.raises(ConfigError, match=re.escape(told)):
        load([str(file)])
    assert "hunter2" not in caplog.text + "".join(capfd.readouterr())


def test_the_last_file_that_sets_an_option_is_the_one_that_is_named(file: Path, tmp_path: Path) -> None:
    file.write_text("[audit]\ninterval = 5\n")
    other = tmp_path / "other.conf"
    other.write_text("[audit]\ninterval = x\n")
    with pytest.raises(ConfigError, match=re.escape(str(other))):
        load([str(file), str(other)])


def test_a_mistake_in_the_environment_is_named_though_a_file_has_the_option_too(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("[placement]\nnuma = strict\n")
    monkeypatch.setenv("OS_PLACEMENT__NUMA", "strct")
    with pytest.raises(ConfigError, match=r"^OS_PLACEMENT__NUMA: \[placement\] numa: it is not one of"):
        load([str(file)])


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("[pci] device_spec", '{"vendor_id": "8086"}'),
        ("[placement] profile", '{"physical_network": "a", "numa": "strict"}'),
        ("[sriov] pf", '{"devname": "ens1f0"}'),
    ],
)
def test_a_variable_cannot_set_what_can_stand_more_than_once(
    file: Path, monkeypatch: pytest.MonkeyPatch, option: str, value: str
) -> None:
    file.write_text("")
    variable = "OS_{}__{}".format(*option.upper().strip("[").split("] "))
    monkeypatch.setenv(variable, value)
    told = f"{variable}: {option}: a variable cannot set it, for it can stand more than once: use a file"
    with pytest.raises(ConfigError, match=re.escape(told)):
        load([str(file)])


def test_a_line_that_is_no_option_names_its_place(file: Path) -> None:
    file.write_text("[host]\nproc /x\n")
    with pytest.raises(ConfigError, match=re.escape(f"{file}:2")):
        load([str(file)])


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=re.escape(str(tmp_path / "none.conf"))):
        load([str(tmp_path / "none.conf")])
    with pytest.raises(ConfigError, match="is not a folder: name an existing one with --config-dir"):
        load([], [str(tmp_path / "none.d")])


def test_unknown_options_of_our_groups_are_told_and_others_are_not(file: Path) -> None:
    file.write_text("[placement]\nauth_url = x\n[oslo_messaging_rabbit]\nssl = true\n[DEFAULT]\ndebug = true\n")
    assert load([str(file)]).unknown == (f"{file}:2: [placement] this name",)


def test_groups_are_found_in_any_case(file: Path) -> None:
    file.write_text("[Placement]\nnuma = strict\n")
    assert load([str(file)]).policy.numa is Numa.STRICT
    file.write_text("[Placement]\nnuma = near\n")
    with pytest.raises(ConfigError, match=re.escape(f"{file}:2: [placement] numa: ")):
        load([str(file)])


@pytest.mark.parametrize("text", ["[state]\npath = $HOME/x", "[placement]\nflavor_masks = a$b:1"])
def test_a_dollar_that_names_no_option_is_told(file: Path, text: str) -> None:
    file.write_text(f"{text}\n")
    with pytest.raises(ConfigError, match=r":2: \[.*\] [a-z_]+: a \$ in it begins the name of an option that does not"):
        load([str(file)])


def test_a_dollar_on_the_command_line_is_one(file: Path) -> None:
    assert load([], overrides={("state", "path"): "/srv/$HOME"}).state_path == "/srv/$HOME"


@pytest.mark.parametrize("path", ["", "/", "//"])
def test_a_folder_of_its_own_is_needed(path: str) -> None:
    with pytest.raises(ConfigError, match=r"command line: \[state\] path: .* is not a path below"):
        load([], overrides={("state", "path"): path})


def test_a_file_that_is_no_text_is_named(file: Path, tmp_path: Path) -> None:
    file.write_bytes(b"# caf\xe9\n")
    with pytest.raises(ConfigError, match=re.escape(f"{file} cannot be read")):
        load([str(file)])
    with pytest.raises(ConfigError, match=re.escape(f"{tmp_path} cannot be read")):
        load([str(tmp_path)])


def test_a_mask_is_kept_on_one_line(file: Path) -> None:
    file.write_text('[placement]\nflavor_masks = nfv:"1,\n   2"\n')
    assert load([str(file)]).policy.flavor_masks == {"nfv": "1, 2"}
