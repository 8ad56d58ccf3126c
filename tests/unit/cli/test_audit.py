# SPDX-License-Identifier: Apache-2.0
"""A repeated audit that is asked to stop again and again."""

import json
import re
import signal
import subprocess

import pytest

from irqaffinity.cli.main import main
from tests.fakes.domains import make_libvirt
from tests.fakes.scene import VF0, VF1, Scene
from tests.functional.agent import PROGRAM, wait_for


def test_thousands_of_signals_end_a_repeated_audit_in_order(scene: Scene) -> None:
    """One that came while another was heeded would find the program holding its own lock."""
    numbers = range(1000, 2000)
    scene.host.add_vectors(VF0, numbers, "0-15")
    scene.add_guest(VF0)
    command = [
        *(PROGRAM, f"--proc={scene.host.proc}", f"--sys={scene.host.sys}", f"--state={scene.folder / 'state'}"),
        *(f"--libvirt-uri={make_libvirt(scene.folder / 'libvirt', scene.domains)}", "audit", "--quiet"),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            wait_for("the pass to be under way", lambda: scene.host.smp(numbers[0]) == "2-3")
            for _ in range(5000):
                process.send_signal(signal.SIGINT)
                process.send_signal(signal.SIGTERM)
            wait_for("the end", lambda: process.poll() is not None)
        finally:
            process.kill()
        out, err = process.communicate()
    assert process.returncode == 130
    first, *_, last = err.splitlines()
    assert ": the audit starts on host " in first
    assert re.search(r" INFO irqaffinity\.daemon\.farewell \[-\] the audit ends after .*, as SIG(INT|TERM) asks$", last)
    assert out.startswith("1 guest, 1 device, 1002 interrupts: ")
    assert {scene.host.smp(number) for number in numbers} == {"2-3"}


def test_json_tells_how_the_cpus_lie(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    scene.add_guest(VF0)
    command = [
        *(f"--proc={scene.host.proc}", f"--sys={scene.host.sys}", f"--state={scene.folder / 'state'}"),
        *(f"--libvirt-uri={make_libvirt(scene.folder / 'libvirt', scene.domains)}", "audit", "--once", "--dry-run"),
    ]
    assert main([*command, "-f", "json"]) == 2
    found = json.loads(capsys.readouterr().out)
    assert [(node["node"], node["cpus"]) for node in found["nodes"]] == [(0, "0-7"), (1, "8-15")]
    assert found["guests"][0]["vcpu_pins"] == {"0": "2", "1": "3", "2": "10", "3": "11"}


def test_policies_by_kind_and_by_tag_decide_a_dry_run(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    """As a configuration has them: two networks with their profiles, a macvtap port and a vdpa port."""
    pf, macvtap, vdpa = "0000:42:00.0", "0000:42:00.1", "0000:42:00.2"
    scene.host.add_device(pf, 0, driver="ice")
    for address, number in ((macvtap, 60), (vdpa, 61)):
        scene.host.add_device(address, 0, driver="iavf", parent=pf)
        scene.host.add_vectors(address, [number], "0-15")
    scene.host.add_netdev("ens1v0", macvtap)
    scene.host.add_vdpa("vdpa0", "vhost-vdpa-0", vdpa)
    scene.add_guest(
        *(VF0, VF1, "<interface type='direct'><source dev='ens1v0' mode='passthrough'/></interface>"),
        "<interface type='vdpa'><source dev='/dev/vhost-vdpa-0'/></interface>",
        cputune="<emulatorpin cpuset='4,12'/>",
    )
    file = scene.folder / "irqaffinity.conf"
    file.write_text(
        "[placement]\nhost_driver = macvtap:emulator\n"
        'profile = {"physical_network": "sriov-a", "distribution": "spread"}\n'
        'profile = {"physical_network": "sriov-b", "serve": "emulator"}\n'
        f'[pci]\ndevice_spec = {{"address": "{VF0}", "physical_network": "sriov-a"}}\n'
        f'device_spec = {{"address": "{VF1}", "physical_network": "sriov-b"}}\ndevice_spec = {{"address": "*:42:"}}\n'
    )
    command = [
        *(f"--config-file={file}", f"--proc={scene.host.proc}", f"--sys={scene.host.sys}"),
        *(f"--state={scene.folder / 'state'}", f"--libvirt-uri={make_libvirt(scene.folder / 'lv', scene.domains)}"),
        *("audit", "--once", "--dry-run", "-f", "json"),
    ]
    assert main(command) == 2
    found = json.loads(capsys.readouterr().out)
    targets = {row["irq"]: row["target"] for row in found["irqs"]}
    assert targets == {40: "2", 41: "3", 50: "12", 51: "12", 60: "4"}
    assert {row["address"]: row["reason"] for row in found["devices"]}[vdpa] == "host_driver"
