# SPDX-License-Identifier: Apache-2.0
"""The forms of a report, and the columns that may be asked for."""

import csv
import io
import json
from pathlib import Path

import pytest
import yaml

from irqaffinity.cli import columns
from irqaffinity.cli.arguments import parse_arguments
from irqaffinity.cli.form import only_words, say_report
from irqaffinity.cli.main import main
from irqaffinity.model.only import Only
from irqaffinity.report.document import to_document
from irqaffinity.report.status_report import describe_placement
from tests.fakes.domains import make_libvirt
from tests.fakes.scene import GUEST, VF0, VF1, Scene
from tests.unit.cli.test_output import published


@pytest.fixture
def document(scene: Scene) -> dict[str, object]:
    scene.add_guest(VF0, VF1)
    return to_document(scene.audit())


def test_the_columns_are_the_keys_of_the_lists(scene: Scene, document: dict[str, list[dict[str, object]]]) -> None:
    assert tuple(document["devices"][0]) == columns.DEVICES
    assert tuple(document["irqs"][0]) == columns.IRQS
    assert tuple(describe_placement(scene.audit())["devices"][0]) == columns.PLACED_DEVICES


@pytest.fixture
def told(document: dict[str, object], capsys: pytest.CaptureFixture[str]) -> "Told":
    return Told(document, capsys)


class Told:
    """What an audit prints with some arguments."""

    def __init__(self, document: dict[str, object], capsys: pytest.CaptureFixture[str]) -> None:
        self.document = document
        self.capsys = capsys

    def __call__(self, *arguments: str) -> str:
        parsed = parse_arguments(["audit", *arguments])
        say_report(parsed, self.document, "irqs" if parsed.irqs else "devices", lambda: "the table")
        return self.capsys.readouterr().out


def test_json_and_yaml_are_the_whole_document(told: Told) -> None:
    assert json.loads(told("-f", "json")) == told.document
    assert yaml.safe_load(told("-f", "yaml")) == told.document


def test_json_and_yaml_with_columns_are_a_list_of_objects(told: Told) -> None:
    rows = [{"target": "2-3", "address": VF0}, {"target": "10-11", "address": VF1}]
    assert json.loads(told("-f", "json", "-c", "target", "-c", "address")) == rows
    assert yaml.safe_load(told("-f", "yaml", "-c", "target", "--column=address")) == rows


def test_csv_and_value_are_the_main_list(told: Told) -> None:
    lines = list(csv.DictReader(io.StringIO(told("-f", "csv"))))
    assert [line["address"] for line in lines] == [VF0, VF1]
    assert tuple(lines[0]) == columns.DEVICES
    lines = list(csv.DictReader(io.StringIO(told("-f", "csv", "--irqs"))))
    assert [line["irq"] for line in lines] == ["40", "41", "50", "51"]
    assert told("-f", "value", "-c", "address", "-c", "irqs", "-c", "message") == (
        f"{VF0} 40-41 None\n{VF1} 50-51 None\n"
    )


def test_rows_are_ordered_as_asked(told: Told) -> None:
    assert told("-f", "value", "-c", "address", "--sort", "irqs:desc") == f"{VF1}\n{VF0}\n"
    assert told("-f", "value", "-c", "irq", "--irqs", "--sort", "device:desc", "--sort=irq") == "50\n51\n40\n41\n"
    whole = json.loads(told("-f", "json", "--sort", "numa_node:desc"))
    assert [row["address"] for row in whole["devices"]] == [VF1, VF0]
    assert whole["guests"][0]["uuid"] == GUEST


def test_a_table_with_columns_has_these_alone(told: Told) -> None:
    assert told() == "the table\n"
    assert told("-c", "name", "-c", "numa_node", "-c", "reason", "--sort", "numa_node:desc").splitlines() == [
        "NAME        NUMA NODE  REASON",
        "instance-0  1          -",
        "instance-0  0          -",
    ]


def test_a_table_that_is_only_ordered_fits_the_terminal(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("irqaffinity.cli.screen._width", lambda: 80)
    head, *lines = told("--sort", "driver", "--sort", "name").splitlines()
    assert {"ADDRESS", "NAME", "DRIVER", "CPUS", "VERDICTS"} <= set(head.split())
    assert "GUEST" not in head
    assert max(map(len, [head, *lines])) <= 80
    asked = [f"-c{column}" for column in columns.DEVICES]
    assert len(told(*asked).splitlines()[0]) > 80
    assert set(columns.SPARE) <= {
        *(*columns.DEVICES, *columns.IRQS, *columns.PLACED_DEVICES, *columns.LINES),
        *(*columns.ARRIVED_DEVICES, *columns.ARRIVED_GUESTS, *columns.ARRIVED_CPUS, *columns.ARRIVED_INTRUDERS),
        *columns.FUNCTIONS,
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["audit", "-c", "adress"], "argument -c/--column: 'adress' is not a column; did you mean address? (address, "),
        (["audit", "-c", "address", "--irqs"], "'address' is not a column (irq, device, "),
        (["audit", "--sort", "irq"], "argument --sort: 'irq' is not a column; did you mean irqs? (address, "),
        (["audit", "--sort", "irqs:down"], "argument --sort: 'down' is not a direction (asc, desc)"),
        (
            ["audit", "--only", "error,eror"],
            "argument --only: 'eror' is not one of its words; did you mean error? (",
        ),
        (["status", "--only="], "argument --only: '' is not one of its words (error, changed, remote, pending, held, "),
        (["status", "-c", "x\x1b[31m"], "'x\\x1b[31m' is not a column (address, guest, "),
    ],
)
def test_an_unknown_column_is_one_line_that_lists_the_columns(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        parse_arguments(arguments)
    line = capsys.readouterr().err.splitlines()[-1]
    assert (left.value.code, line.isprintable()) == (64, True)
    assert line.startswith(f"irqaffinity {arguments[0]}: argument ")
    assert message in line


def test_words_of_only_are_repeated_or_stand_in_a_list() -> None:
    for arguments in (["--only", "pending,error"], ["--only=pending", "--only=error"], ["--only=error,pending,error"]):
        assert only_words(parse_arguments(["status", *arguments])) == (Only.ERROR, Only.PENDING)
    assert only_words(parse_arguments(["audit"])) == ()


def test_an_unknown_column_is_told_before_anything_is_done(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    scene.add_guest(VF0)
    where = [f"--proc={scene.host.proc}", f"--sys={scene.host.sys}", f"--state={scene.folder / 'state'}"]
    uri = f"--libvirt-uri={make_libvirt(scene.folder / 'libvirt', scene.domains)}"
    with pytest.raises(SystemExit):
        main(["--config-file=/dev/null", *where, uri, "audit", "--once", "-f", "csv", "-c", "adress"])
    assert scene.host.smp(40) == "0-15"
    assert main(["--config-file=/dev/null", *where, uri, "audit", "--once", "-f", "csv", "-c", "cpus"]) == 0
    assert capsys.readouterr().out == "cpus\n2-3\n"


def test_a_status_has_all_forms(
    scene: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str], document: dict[str, object]
) -> None:
    status = published() | {"placement": describe_placement(scene.audit())}
    (tmp_path / "status.json").write_text(json.dumps(status))
    (tmp_path / "own.conf").write_text(f"[status]\npath = {tmp_path}/status.json\n")

    def told(*arguments: str) -> str:
        assert main([f"--config-file={tmp_path}/own.conf", "status", *arguments]) == 0
        return capsys.readouterr().out

    assert told("-f", "value", "-c", "name", "-c", "irqs", "--sort=irqs:desc") == "instance-0 50-51\ninstance-0 40-41\n"
    assert told("-f", "csv").splitlines()[0] == ",".join(columns.PLACED_DEVICES)
    assert yaml.safe_load(told("-f", "yaml")) == json.loads(told("-f", "json")) == status
    assert json.loads(told("-f", "json", "--only", "error"))["placement"]["devices"] == []
    assert told("-f", "value", "--only", "error") == ""
    assert told("-c", "address", "-c", "cpus").splitlines() == [
        "ADDRESS       CPUS",
        f"{VF0}  2-3",
        f"{VF1}  10-11",
    ]
