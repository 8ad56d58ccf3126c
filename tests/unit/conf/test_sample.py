# SPDX-License-Identifier: Apache-2.0
"""The sample configuration: up to date, accepted by oslo.config's validator and by the program itself."""

import re
import subprocess
import sys
from pathlib import Path

from irqaffinity.conf.load import load

TREE = Path(__file__).parents[3]
SAMPLE = TREE / "etc/irqaffinity/irqaffinity.conf.sample"
NAMESPACES = ("--namespace", "irqaffinity", "--namespace", "irqaffinity.broker", "--namespace", "irqaffinity.log")
TOOLS = Path(sys.executable).parent


def uncommented(tmp_path: Path) -> Path:
    """Return the sample with every option set to the value that it shows."""
    path = tmp_path / "all.conf"
    text = re.sub(r"(?m)^#(\w+ = )", r"\1", SAMPLE.read_text())
    path.write_text(text.replace("<your_hostname>", "cmp-1"))
    return path


def test_the_sample_is_what_the_generator_makes_today(tmp_path: Path) -> None:
    made = tmp_path / "sample"
    command = [TOOLS / "oslo-config-generator", "--config-file", "etc/config-generator.conf", "--output-file", made]
    subprocess.run(command, cwd=TREE, check=True, capture_output=True)
    assert made.read_text() == SAMPLE.read_text(), "run: oslo-config-generator --config-file etc/config-generator.conf"


def test_the_validator_accepts_the_sample_with_every_option_set(tmp_path: Path) -> None:
    path = uncommented(tmp_path)
    assert len(re.findall(r"(?m)^\w+ = ", path.read_text())) == 63
    command = [TOOLS / "oslo-config-validator", *NAMESPACES, "--input-file", path]
    subprocess.run(command, check=True, capture_output=True)


def test_the_validator_refuses_a_wrong_name(tmp_path: Path) -> None:
    path = tmp_path / "wrong.conf"
    path.write_text("[placement]\nnumaa = strict\n")
    command = [TOOLS / "oslo-config-validator", *NAMESPACES, "--input-file", path]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 1


def test_the_program_reads_the_sample_with_every_option_set(tmp_path: Path) -> None:
    found = load([str(uncommented(tmp_path))])
    assert (found.audit_interval, found.unknown) == (60, ())
    assert found.policy.flavor_masks == {"nfv.large": "1-4,^3,6", "nfv.small": "1"}
