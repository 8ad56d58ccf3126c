# SPDX-License-Identifier: Apache-2.0
"""The configuration: what is read, and what a mistake says."""

import re
from pathlib import Path

import pytest

from irqaffinity.conf.load import ConfigError, load
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.plan.policy import Distribution, HostDriver, Numa, WithoutMask


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
    assert (policy.without_mask, policy.host_driver) == (WithoutMask.SKIP, HostDriver.VCPU)
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


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[placement]\nnuma = near", "[placement] numa: Valid values are [preferred, socket, strict]"),
        ("[placement]\ndistribution = all", "[placement] distribution: Valid values are [mask, spread]"),
        ("[placement]\ndedicated_cpus = 1-x", "[placement] dedicated_cpus: '1-x' is neither a CPU number nor a range"),
        ("[placement]\ndedicated_cpus =", "[placement] dedicated_cpus: the list is empty: name CPUs, or remove"),
        ("[host]\nproc =", "[host] proc: '' is not a path below"),
        ("[audit]\ninterval = 99999999999999", "[audit] interval: '99999999999999' is not a whole number"),
        ("[placement]\ndedicated_cpus = 70000", "[placement] dedicated_cpus: CPU number 70000 is above 65535"),
        (
            '[placement]\nflavor_masks = a:"1-,2"',
            "[placement] flavor_masks: ',' stands where a vCPU number is expected",
        ),
        ('[placement]\nflavor_masks = a:""', "[placement] flavor_masks: the mask is empty"),
        ("[placement]\nflavor_masks = a", "[placement] flavor_masks: Value should be NAME:VALUE pairs"),
        ("[pci]\ndevice_spec = {x", "[pci] device_spec: {x is not JSON"),
        ('[pci]\ndevice_spec = {"address": "zz:00.0"}', '[pci] device_spec: "bus" "zz" is not a hexadecimal number'),
        ("[audit]\ninterval = 0", "[audit] interval: '0' is not a whole number of seconds between 1 and 86400"),
        ("[audit]\ninterval = often", "[audit] interval: 'often' is not a whole number of seconds between 1 and 86400"),
        ("[audit]\ninterval =", "[audit] interval: '' is not a whole number of seconds between 1 and 86400"),
        (
            "[DEFAULT]\nhost =",
            "[DEFAULT] host: '' is not a host name: write the host of nova.conf, or remove the option",
        ),
        ("[DEFAULT]\nhost = cmp 12", "[DEFAULT] host: 'cmp 12' is not a host name"),
        ("[DEFAULT]\nhost = cmp\n  -12", "[DEFAULT] host: 'cmp\\n-12' is not a host name"),
        ("[libvirt]\nuri =", "[libvirt] uri: '' is not a libvirt URI such as qemu:///system"),
        ("[notifications]\nexchange =", "[notifications] exchange: '' is not the name of an exchange"),
        ("[notifications]\nversioned_notifications_topics =", "[notifications] versioned_notifications_topics: '' is"),
        ("[notifications]\nversioned_notifications_topics = a,,b", "[notifications] versioned_notifications_topics: "),
        ("[notifications]\nnotification_format =", "[notifications] notification_format: "),
        ("[metrics]\nbind =", "[metrics] bind: "),
        ("[pci]\ndevice_spec =", "[pci] device_spec:  is not JSON"),
        ("[state]\npath =", "[state] path: '' is not a path below"),
        ("[placement]\nnuma =", "[placement] numa: "),
    ],
)
def test_a_mistake_names_file_group_option_and_what_is_allowed(file: Path, text: str, told: str) -> None:
    file.write_text(f"{text}\n")
    with pytest.raises(ConfigError, match=re.escape(f"{file}: {told}")) as caught:
        load([str(file)])
    assert "\n" not in str(caught.value)


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
    with pytest.raises(ConfigError, match=r"^OS_PLACEMENT__NUMA: \[placement\] numa: .*strct"):
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
    assert load([str(file)]).unknown == (f"{file}: [placement] auth_url",)


def test_groups_are_found_in_any_case(file: Path) -> None:
    file.write_text("[Placement]\nnuma = strict\n")
    assert load([str(file)]).policy.numa is Numa.STRICT
    file.write_text("[Placement]\nnuma = near\n")
    with pytest.raises(ConfigError, match=re.escape(f"{file}: [placement] numa: ")):
        load([str(file)])


@pytest.mark.parametrize("text", ["[state]\npath = $HOME/x", "[placement]\nflavor_masks = a$b:1"])
def test_a_dollar_that_names_no_option_is_told(file: Path, text: str) -> None:
    file.write_text(f"{text}\n")
    with pytest.raises(ConfigError, match=r"a \$ that names no option is written \$\$"):
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
