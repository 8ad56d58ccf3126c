# SPDX-License-Identifier: Apache-2.0
"""The Ansible role: judged by ansible-lint, and played on a copy of this machine, each way twice."""

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.artefacts import TREE
from tests.packaging import debian, quadlet, test_wheel
from tests.packaging.sandbox import SYSTEM_PATH, Sandbox
from tests.project import PROJECT

ROLES = TREE / "deploy/ansible/roles"
UNITS = "/etc/systemd/system"
PASSWORD = "not-to-be-seen"
CONFIG = {
    "DEFAULT": {"transport_url": f"rabbit://irqaffinity:{PASSWORD}@broker.example.org:5672/nova"},
    "placement": {"dedicated_cpus": "2-15,34-47"},
    "pci": {"device_spec": [{"vendor_id": "8086", "product_id": "10ed"}, {"vendor_id": "15b3"}]},
    "metrics": {"enabled": True, "port": 9868},
}
PLAYS = """
- name: first
  hosts: node
  gather_facts: true
  gather_subset: ["!all", "!min", "distribution", "pkg_mgr"]
  environment: {SYSTEMD_OFFLINE: "1"}
  roles: [irqaffinity]

- name: second
  hosts: node
  gather_facts: false
  environment: {SYSTEMD_OFFLINE: "1"}
  roles: [irqaffinity]
"""
"""No systemd runs in the copy: it enables, and starts nothing."""


def run(*command: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run one of Ansible's programs, with its own files in a folder."""
    environment = {
        "HOME": str(folder),
        "PATH": f"{Path(sys.executable).parent}:{SYSTEM_PATH}",
        "LC_ALL": "C.UTF-8",
        "DEBIAN_FRONTEND": "noninteractive",
        "ANSIBLE_CONNECTION_PLUGINS": str(TREE / "tests/packaging/ansible_connections"),
        "ANSIBLE_ROLES_PATH": str(ROLES),
        "ANSIBLE_PIPELINING": "true",
        "ANSIBLE_NOCOLOR": "true",
    }
    environment |= {name: os.environ[name] for name in os.environ if name.startswith("PIP_") or name.endswith("_proxy")}
    return subprocess.run(
        [Path(sys.executable).with_name(str(command[0])), *command[1:]],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A copy of this machine."""
    with contextlib.closing(Sandbox(Path("/"), tmp_path_factory.mktemp("node"))) as sandbox:
        yield sandbox


def play_twice(node: Sandbox, folder: Path, **variables: Any) -> None:
    """Play the role, and see that a second time changes nothing."""
    (folder / "plays.yml").write_text(PLAYS)
    inventory = {"node": {"ansible_connection": "sandbox", "ansible_host": node.pid, **variables}}
    (folder / "inventory.json").write_text(json.dumps({"all": {"hosts": inventory}}))
    done = run("ansible-playbook", "--inventory=inventory.json", "--diff", "plays.yml", folder=folder)
    assert done.returncode == 0, done.stdout
    assert PASSWORD not in done.stdout
    first, second = re.split(r"PLAY \[second\]", done.stdout)
    assert "\nchanged: [node]" in first
    assert re.findall(r"(?m)^changed: .*", second) == [], second


def test_ansible_lint_finds_nothing(tmp_path: Path) -> None:
    done = run("ansible-lint", "--offline", "--profile=production", "--config-file=/dev/null", ROLES, folder=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "0 failure(s), 0 warning(s)" in done.stdout


def test_the_guide_names_variables_that_there_are() -> None:
    role = ROLES / "irqaffinity"
    specs = yaml.safe_load((role / "meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    guide = (TREE / "doc/adopt.rst").read_text().partition(".. _rpm:")[0]
    named = re.findall(r"\birqaffinity_(?!\d)\w+", guide + (role / "README.md").read_text())
    assert set(named) <= set(specs)
    assert set(yaml.safe_load((role / "defaults/main.yml").read_text())) == set(specs)


def test_a_host_that_has_nothing_yet_can_be_checked(node: Sandbox, tmp_path: Path) -> None:
    deb = debian.package()
    node.path(f"/tmp/{deb.name}").write_bytes(deb.read_bytes())
    node.path("/usr/bin/podman").rename(node.path("/usr/bin/podman.away"))
    methods = {"package": {"package": f"/tmp/{deb.name}"}, "venv": {"build_packages": []}, "container": {}}
    hosts = {
        method: {"ansible_connection": "sandbox", "ansible_host": node.pid, "irqaffinity_method": method}
        | {f"irqaffinity_{name}": value for name, value in options.items()}
        for method, options in methods.items()
    }
    (tmp_path / "inventory.json").write_text(json.dumps({"all": {"hosts": hosts}}))
    (tmp_path / "plays.yml").write_text(PLAYS.partition("- name: second")[0].replace("hosts: node", "hosts: all"))
    done = run("ansible-playbook", "--inventory=inventory.json", "--check", "plays.yml", folder=tmp_path)
    node.path("/usr/bin/podman.away").rename(node.path("/usr/bin/podman"))
    assert done.returncode == 0, done.stdout
    assert set(re.findall(r"(?m)^changed: \[(\w+)\]", done.stdout)) == set(methods)
    assert not node.path("/etc/irqaffinity").exists()


def test_a_package_is_installed_and_configured(node: Sandbox, tmp_path: Path) -> None:
    deb = debian.package()
    node.path(f"/tmp/{deb.name}").write_bytes(deb.read_bytes())
    play_twice(
        node,
        tmp_path,
        irqaffinity_package=f"/tmp/{deb.name}",
        irqaffinity_config=CONFIG,
        irqaffinity_nova_config="/etc/nova/nova.conf",
        irqaffinity_relay=True,
        irqaffinity_sriov=True,
    )
    assert node.run("/usr/bin/irqaffinity", "--version").stdout == f"irqaffinity {PROJECT['version']}\n"
    assert node.run("systemctl", "is-enabled", "irqaffinity").stdout == "enabled\n"
    assert node.run("systemctl", "is-enabled", "irqaffinity-relay").stdout == "enabled\n"
    written = node.path("/etc/irqaffinity/irqaffinity.conf")
    assert written.stat().st_mode & 0o777 == 0o640
    assert 'device_spec = {"vendor_id": "8086", "product_id": "10ed"}\n' in written.read_text()
    checked = node.run("/usr/bin/irqaffinity", "check").stdout.splitlines()
    assert [line.split()[1] for line in checked if line.startswith("configuration")] == ["ok"]
    added = node.path(f"{UNITS}/irqaffinity.service.d/nova-config.conf").read_text()
    assert "\nExecStart=/usr/bin/irqaffinity --nova-config /etc/nova/nova.conf agent\n" in added
    added = node.path(f"{UNITS}/irqaffinity.service.d/sriov.conf").read_text()
    assert added == (TREE / "systemd/irqaffinity.service.d/sriov.conf").read_text()


def test_a_virtual_environment_takes_the_place_of_a_package(node: Sandbox, tmp_path: Path) -> None:
    """Its libraries are not installed here: that is pip's work. The units are those of the tree that is named."""
    (wheel,) = test_wheel.built_once().glob("*.whl")
    node.path(f"/tmp/{wheel.name}").write_bytes(wheel.read_bytes())
    (tmp_path / "systemd").mkdir()
    shipped = (TREE / "systemd/irqaffinity.service").read_text()
    for name in ("irqaffinity", "irqaffinity-relay"):
        (tmp_path / f"systemd/{name}.service").write_text(shipped)
    options = {"irqaffinity_requirement": f"/tmp/{wheel.name}", "irqaffinity_pip_arguments": "--no-deps"}
    options |= {"irqaffinity_tree": str(tmp_path), "irqaffinity_build_packages": []}
    play_twice(node, tmp_path, irqaffinity_method="venv", **options)
    assert node.run("/usr/local/bin/irqaffinity", "--version").stdout == f"irqaffinity {PROJECT['version']}\n"
    for name in ("irqaffinity", "irqaffinity-relay"):
        text = node.path(f"{UNITS}/{name}.service").read_text()
        assert text == shipped.replace("/usr/bin/irqaffinity", "/opt/irqaffinity/bin/irqaffinity")
    assert node.run("systemctl", "is-enabled", "irqaffinity").stdout == "enabled\n"
    assert node.run("systemctl", "is-enabled", "irqaffinity-relay").stdout == "disabled\n", "it is no longer wanted"
    for name in ("nova-config", "sriov"):
        assert not node.path(f"{UNITS}/irqaffinity.service.d/{name}.conf").exists()


def test_a_container_takes_the_place_of_both(node: Sandbox, tmp_path: Path) -> None:
    image, sock = "registry.example.org/irqaffinity:1", "virtqemud-sock-ro"
    method = {"irqaffinity_method": "container", "irqaffinity_image": image, "irqaffinity_libvirt_socket": sock}
    play_twice(node, tmp_path, irqaffinity_irqbalance=True, **method)
    if quadlet.has_own():
        place, shipped = "/etc/containers/systemd/irqaffinity.container", quadlet.CONTAINER
    else:
        place, shipped = f"{UNITS}/irqaffinity.service", quadlet.UNIT
    expected = shipped.read_text().replace("localhost/irqaffinity:latest", image).replace("libvirt-sock-ro", sock)
    expected = quadlet.with_irqbalance(expected)
    assert node.path(place).read_text() == expected
    assert CONFIG["placement"]["dedicated_cpus"] in node.path("/etc/irqaffinity/irqaffinity.conf").read_text()


def test_what_a_container_has_not_is_refused(node: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="are for the methods package and venv"):
        play_twice(node, tmp_path, irqaffinity_method="container", irqaffinity_nova_config="/etc/nova/nova.conf")
