# SPDX-License-Identifier: Apache-2.0
"""Stock Nova, with and without this package beside it: what its validators and its API make of the extra spec.

Two releases: the newest, and the old one that Debian 12 ships with Python 3.11.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from irqaffinity.grammar.mask import EXTRA_SPEC, MaskError, parse_mask
from irqaffinity.model.verdict import Status
from tests.artefacts import TREE
from tests.packaging.openstack_services import Nova, build_wheel, environment, environment_with, pip

UNKNOWN = f"Validation failed; extra spec '{EXTRA_SPEC}' does not appear to be a valid extra spec."
GOOD = ["1-4,^3,6", "0", " 1 - 2 ,, ^2 ,", "^3,0-7", "007", "65535", "0-65535"]
BAD = [
    "1-4,^x,6",
    "",
    " ",
    ",",
    "^3",
    "1,^1",
    "3-1",
    "+2",
    "1_0",
    "\u0663",
    "1.5",
    "1 2",
    "0x1",
    "all",
    "1;2",
    "1-",
    "1\n-x",
]
NOBODYS = {"65536": 1, "0-99999999999": 3, "1,^70000": 4, "9" * 255: 1}
"""Masks that no guest could have, and the character at which."""


@pytest.fixture(scope="module", params=["nova-26", "nova-34"])
def release(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def extended(release: str, wheel: Path) -> Iterator[Path]:
    """The environment of Nova with this package installed into it."""
    with environment_with(wheel, release) as folder:
        yield folder


@pytest.fixture(scope="module")
def stock_nova(release: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nova]:
    nova = Nova(environment(release), tmp_path_factory.mktemp("stock") / "nova")
    yield nova
    nova.end()


@pytest.fixture(scope="module")
def nova(extended: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nova]:
    nova = Nova(extended, tmp_path_factory.mktemp("extended") / "nova")
    yield nova
    nova.end()


def printed_by_the_command(mask: str) -> str:
    """Return the sentence of `irqaffinity mask`, without the program's name and the two lines that point."""
    command = [Path(sys.executable).parent / "irqaffinity", "mask", mask, "--vcpus", "8"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    return done.stderr.splitlines()[0].removeprefix("irqaffinity: ")


def without_hint(message: str) -> str:
    """Return it without what the mask may have been meant to be: Nova does not know how many vCPUs a guest has."""
    return re.sub(r"; did you mean .*?\?(?= \(at character \d+\)$)", "", message)


def test_without_the_package_nova_refuses_the_name_from_microversion_2_86_on(stock_nova: Nova) -> None:
    assert stock_nova.validate(EXTRA_SPEC, "1-4,^3,6") == UNKNOWN
    assert stock_nova.post("2.86", EXTRA_SPEC, "1-4,^3,6") == (400, UNKNOWN)
    assert stock_nova.post("2.85", EXTRA_SPEC, "1-4,^3,6") == (200, "1-4,^3,6")


@pytest.mark.parametrize("mask", GOOD)
def test_with_the_package_nova_accepts_and_keeps_a_mask(nova: Nova, mask: str) -> None:
    assert nova.validate(EXTRA_SPEC, mask) is None
    assert nova.post("2.86", EXTRA_SPEC, mask) == (200, mask)


def test_a_number_is_a_mask_of_one_vcpu(nova: Nova) -> None:
    assert nova.post("2.86", EXTRA_SPEC, 3)[0] == 200
    status, message = nova.post("2.86", EXTRA_SPEC, 1.5)
    assert (status, message.endswith(printed_by_the_command("1.5"))) == (400, True)


@pytest.mark.parametrize("mask", BAD)
def test_a_mistake_is_told_by_nova_as_by_the_command(nova: Nova, mask: str) -> None:
    shown = mask.replace("\n", r"\x0a")
    told = nova.validate(EXTRA_SPEC, mask)
    assert told is not None
    expected = f"Validation failed; {EXTRA_SPEC} '{shown}': {printed_by_the_command(mask)}"
    assert without_hint(told) == without_hint(expected)
    assert nova.post("2.86", EXTRA_SPEC, mask) == (400, told)
    assert nova.post("2.85", EXTRA_SPEC, mask)[0] == 200


@pytest.mark.parametrize("mask", NOBODYS)
def test_a_vcpu_that_no_guest_has_is_refused(nova: Nova, mask: str) -> None:
    status, message = nova.post("2.86", EXTRA_SPEC, mask)
    assert status == 400
    assert ": mask_out_of_range: vCPU " in message
    assert message.endswith(f" does not exist: no guest has more than vCPUs 0-65535 (at character {NOBODYS[mask]})")


def test_the_guide_quotes_what_nova_says(nova: Nova) -> None:
    guide = (TREE / "doc/nova.rst").read_text()
    assert f"\n    {UNKNOWN}\n" in guide
    assert f"\n    {nova.validate(EXTRA_SPEC, '1-4,^x,6')}\n" in guide


def test_nova_goes_on_to_judge_all_other_names(nova: Nova, stock_nova: Nova) -> None:
    specs = [("hw:cpu_policy", "dedicated"), ("hw:cpu_policy", "x"), (f"{EXTRA_SPEC}s", "1"), ("own:name", "1-x")]
    assert [nova.validate(*spec) for spec in specs] == [stock_nova.validate(*spec) for spec in specs]
    assert nova.validate(f"{EXTRA_SPEC}s", "1") == UNKNOWN.replace("mask", "masks")


def test_installing_adds_this_package_alone(release: str, extended: Path) -> None:
    before, after = (set(pip(folder, "freeze").splitlines()) for folder in (environment(release), extended))
    assert before <= after
    assert [line.partition(" ")[0] for line in after - before] == ["irqaffinity"]


IMPORT_AND_RECORD = """if True:
    import builtins, json
    from nova import exception
    from nova.api.validation.extra_specs import base
    asked, whole = set(), builtins.__import__
    def record(name, globals=None, *rest):
        if globals and globals["__name__"].startswith("irqaffinity"):
            asked.add(name)
        return whole(name, globals, *rest)
    builtins.__import__ = record
    import irqaffinity.grammar.nova_validator
    print(json.dumps(sorted(asked)))
"""


def test_the_import_asks_for_the_standard_library_and_nova_alone(extended: Path) -> None:
    command = [extended / "bin/python", "-I", "-W", "ignore", "-c", IMPORT_AND_RECORD]
    asked = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    foreign = {name for name in asked if name.partition(".")[0] not in sys.stdlib_module_names}
    assert {".".join(name.split(".")[:2]) for name in foreign} == {
        "nova",
        "nova.api",
        "irqaffinity.model",
        "irqaffinity.grammar",
    }


def refusal_of(mask: str, vcpus: int) -> MaskError | None:
    """Return why the agent refuses the mask in a guest of so many vCPUs, or None."""
    try:
        parse_mask(mask, vcpus)
    except MaskError as error:
        return error
    return None


@given(st.text(alphabet="0123456789,-^ \t+_a\u0663", max_size=14) | st.text(max_size=30), st.integers(1, 65536))
@example("1,^1,^", 4)
@example("0-23,^24", 24)
@settings(deadline=None, max_examples=400)
def test_nova_accepts_what_the_agent_of_some_guest_accepts(nova: Nova, mask: str, vcpus: int) -> None:
    told, refusal = nova.validate(EXTRA_SPEC, mask), refusal_of(mask, vcpus)
    assert (told is None) is (refusal_of(mask, 65536) is None)
    if refusal is None:
        assert told is None
    elif refusal.status is Status.MASK_INVALID:
        assert told is not None
        assert without_hint(told).endswith(without_hint(f"mask_invalid: {refusal}"))
