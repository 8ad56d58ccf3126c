# SPDX-License-Identifier: Apache-2.0
"""Kolla makes a Dockerfile of the template."""

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.artefacts import TREE, artefact

TEMPLATE = TREE / "deploy/kolla/irqaffinity/Dockerfile.j2"

OVERRIDE = """{% extends parent_template %}
{% set irqaffinity_packages_append = ['tcpdump'] %}
{% block irqaffinity_footer %}
LABEL site="cmp"
{% endblock %}
"""
"""An operator's own, which names a list and a block of the template."""

MEANT = {
    "DL3002": "root owns /proc/irq",
    "DL3066": "Kolla names its users",
    "DL3008": "Kolla's macro installs what the distribution has",
    "DL3020": "Kolla adds sources as archives, which ADD unpacks",
}


def beside_python(name: str) -> Path:
    return Path(sys.executable).with_name(name)


def build(folder: Path) -> None:
    """Have kolla-build write its Dockerfiles, all of them, and keep this one."""
    (folder / "override.j2").write_text(OVERRIDE)
    options = (
        "--template-only",
        f"--work-dir={folder / 'work'}",
        f"--docker-dir={TEMPLATE.parents[1]}",
        "--base=debian",
    )
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [beside_python("kolla-build"), *options, f"--template-override={folder}/override.j2", "^irqaffinity$"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    (folder / "work/docker/irqaffinity/Dockerfile").rename(folder / "Dockerfile")
    shutil.rmtree(folder / "work")


@pytest.fixture(scope="module")
def dockerfile() -> Path:
    return artefact("kolla", [version("kolla"), TEMPLATE, OVERRIDE], build) / "Dockerfile"


def test_kolla_builds_it_on_its_own_base(dockerfile: Path) -> None:
    text = dockerfile.read_text()
    assert re.match(r"FROM kolla/openstack-base:\S+\n", text)
    assert "ADD irqaffinity-archive /irqaffinity-source\n" in text
    assert "pip --no-cache-dir install --upgrade -c /requirements/upper-constraints.txt /irqaffinity " in text
    assert re.search(r"install \S+ python3-libvirt ", text)
    assert text.endswith("USER root")


def test_an_operator_changes_it_as_any_image_of_kollas(dockerfile: Path) -> None:
    text = dockerfile.read_text()
    assert "python3-libvirt tcpdump " in text
    assert text.index('LABEL site="cmp"') > text.index("pip --no-cache-dir install")


def test_hadolint_finds_nothing_that_is_not_meant(dockerfile: Path) -> None:
    ignored = [f"--ignore={rule}" for rule in MEANT]
    command = [beside_python("hadolint"), "--failure-threshold=style", *ignored, dockerfile]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
