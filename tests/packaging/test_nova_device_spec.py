# SPDX-License-Identifier: Apache-2.0
"""`[pci] device_spec` is accepted, refused and matched as Nova's own parser does it.

What differs on purpose is named in doc/configure.rst, and is the one thing that is left out here: `differs_on_purpose`.
"""

import json
import random
import re
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from irqaffinity.grammar.device_spec import DeviceSpecError, parse_device_spec
from irqaffinity.model.host import Device
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.sriov import Function, PhysicalFunction
from irqaffinity.sriov.spec_lines import lines_by_device, lines_by_function
from tests.artefacts import TREE
from tests.packaging.openstack_services import environment

INSIDE = TREE / "tests/packaging/inside_nova_pci.py"
SEED = 11
COUNT = 6000


def device(address: str, product: str, netdev: str, parent: Device | None = None, vendor: str = "8086") -> Device:
    """Return a device as it would be read from sysfs."""
    return Device(
        PciAddress.parse(address),
        vendor=vendor,
        product=product,
        netdevs=(netdev,),
        parent=None if parent is None else parent.address,
        parent_netdevs=() if parent is None else parent.netdevs,
    )


PF = device("0000:0a:00.0", "10fb", "pf0")
PF1 = device("0000:0a:00.1", "10fb", "pf1")
DEVICES = [
    PF,
    PF1,
    device("0000:0a:10.0", "10ed", "vf0", PF),
    device("0000:0a:10.1", "10ed", "vf1", PF),
    device("0000:0a:10.2", "10ed", "vf2", PF1),
    device("0000:06:00.0", "10ca", "eth0"),
    device("0001:0a:00.0", "154d", "eth1"),
    device("00a0:a0:1f.7", "0a0a", "eth2", vendor="10de"),
]
GUIDE = [
    '{ "address": "0000:41:00.0" }',
    '{ "vendor_id": "8086", "product_id": "154d" }',
    (
        '{ "vendor_id": "10de", "product_id": "25b6", "address": "0000:25:00.4", '
        '"resource_class": "CUSTOM_A16_16A", "managed": "no" }'
    ),
    (
        '{ "vendor_id":"8086", "product_id":"10ca", "address": "0000:06:", "physical_network": "physnet2", '
        '"live_migratable": false}'
    ),
    '{"address": "0000:00:1.0", "one_time_use": true}',
    '{"devname": "eth0", "trusted": "true", "physical_network": "physnet1"}',
]
"""The lines of Nova's guide: doc/source/admin/pci-passthrough.rst, and the release notes."""


def ask_nova(texts: Sequence[str]) -> dict[str, Any]:
    """Return what Nova says; see tests/packaging/inside_nova_pci.py."""
    asked = {
        "netdevs": {found.netdevs[0]: str(found.address) for found in DEVICES},
        "functions": [str(PF.address), str(PF1.address)],
        "devices": [
            {
                "vendor_id": found.vendor,
                "product_id": found.product,
                "address": str(found.address),
                "parent_addr": None if found.parent is None else str(found.parent),
                "capabilities": {"vpd": {"card_serial_number": "any"}},
            }
            for found in DEVICES
        ],
        "texts": texts,
    }
    command = [environment("nova-34") / "bin/python", "-I", "-W", "ignore", INSIDE]
    done = subprocess.run(command, input=json.dumps(asked), check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def answer(text: str) -> list[int | None] | None:
    """Return for each device the place of the first object that matches it; None for a value that is refused."""
    try:
        specs = parse_device_spec(text)
    except DeviceSpecError:
        return None
    return [next((place for place, spec in enumerate(specs) if spec.matches(found)), None) for found in DEVICES]


def differs_on_purpose(text: str) -> bool:
    """Tell whether doc/configure.rst names what is different here."""
    try:
        value = json.loads(text)
    except ValueError:
        return False
    objects = [found for found in (value if isinstance(value, list) else [value]) if isinstance(found, dict)]
    return (
        value == []
        or any("remote_managed" in found for found in objects)
        or any("devname" in found and not isinstance(found["devname"], str) for found in objects)
        or any(is_above_ffff(found.get("address")) for found in objects)
    )


def is_above_ffff(address: object) -> bool:
    """Tell whether a PCI domain is named that the kernel has and Nova does not take."""
    parts = address.partition(".")[0].split(":") if isinstance(address, str) else []
    try:
        return len(parts) == 3 and int(parts[0], 16) > 0xFFFF
    except ValueError:
        return False


class Values:
    """Values made at random out of what is nearly right."""

    numbers = ("0a", "0A", "a", "00", "0", "10", "1", "6", "1f", "20", "ff", "100", "7", "8", "0x0a", "0X1", "+a", "-1")
    odd = ("*", "", " ", " 0a ", " * ", "0_a", "__", "g", ".*", "x", "\uff11", "0000", "0001", "00a0", "ffff", "10000")
    expressions = (
        ".*",
        "0a",
        "0A",
        "0",
        "[0-2]",
        "1[0f]",
        "(",
        "[",
        "",
        "^0",
        "0$",
        "0{1}",
        "*",
        "\\d+",
        "a|1",
        "[[0]",
    )
    expressions += ("[[0]", "00a0", "0A|0a", ".*|x")
    words = ("true", "False", " yes", "ON", "maybe", "", "0", "1", "2", "n", "none")
    others = (None, True, False, 0, 1, 2, 1.0, -1.5, [], {}, ["0a"], {"bus": "0a"}, float("nan"))
    ids = ("8086", "10de", "10ed", "10fb", "0x8086", "10ED", " 8086 ", "08086", "*", " * ", "10000", "", "80_86", "zz")

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def text(self) -> str:
        """Return one value of device_spec."""
        dice = self._random.random()
        if dice < 0.06:
            text = json.dumps(self._random.choice([[], [[]], 5, "x", None, [1], [{}, 2], [{}, {}], {}]))
        elif dice < 0.2:
            text = json.dumps([self._object() for _ in range(self._random.randint(1, 4))])
        else:
            text = json.dumps(self._object())
        if self._random.random() < 0.04:
            place = self._random.randrange(len(text) + 1)
            text = text[:place] + self._random.choice(['"', "}", ",", "", " ", "'", "\\"]) + text[place + 1 :]
        return text

    def _object(self) -> dict[str, object]:
        found: dict[str, object] = {}
        if self._likely(0.3):
            found["vendor_id"] = self._or_other(self._random.choice(self.ids))
        if self._likely(0.3):
            found["product_id"] = self._or_other(self._random.choice(self.ids))
        if self._likely(0.15):
            found["devname"] = self._or_other(self._random.choice(["pf0", "vf1", "eth0", "none", "", "."]))
        if self._likely(0.6):
            found["address"] = self._or_other(self._random.choice([self._glob, self._glob, self._fields])())
        for name in ("managed", "live_migratable", "one_time_use", "remote_managed", "trusted", "physical_network"):
            if self._likely(0.07):
                found[name] = self._random.choice([*self.words, *self.others])
        return found

    def _glob(self) -> str:
        if self._likely(0.4):
            known = self._random.choice(DEVICES)
            parts = re.split(r"[:.]", str(known.address))
            parts = [self._random.choice([part, part, part.lstrip("0"), part.upper(), "*", ""]) for part in parts]
            return "{}:{}:{}.{}".format(*parts)
        fields = [self._number() for _ in range(self._random.choice([0, 1, 2, 2, 3, 3, 3, 4]))]
        end = self._random.choice(["", ".", "." + self._number(), ". ", ".0.0", ".*"])
        return ":".join(fields) + end

    def _fields(self) -> dict[str, object]:
        if self._likely(0.3):
            parts = re.split(r"[:.]", str(self._random.choice(DEVICES).address))
            return dict(zip(("domain", "bus", "slot", "function"), parts, strict=True))
        names = [name for name in ("domain", "bus", "slot", "function", "func") if self._likely(0.6)]
        return {name: self._or_other(self._random.choice(self.expressions)) for name in names}

    def _number(self) -> str:
        return self._random.choice(self.odd if self._likely(0.3) else self.numbers)

    def _or_other(self, value: object) -> object:
        return self._random.choice(self.others) if self._likely(0.05) else value

    def _likely(self, chance: float) -> bool:
        return self._random.random() < chance


def shown_in(reference: str) -> Iterator[str]:
    """Give the values that Nova's reference of its options shows, the invalid ones too."""
    lines = [line.strip() for line in reference.splitlines()]
    for start, line in enumerate(lines):
        name, _, text = line.partition(" = ")
        if name != "device_spec":
            continue
        for more in lines[start + 1 :]:
            if text.count("{") == text.count("}") and text.count("[") == text.count("]"):
                break
            text += " " + more
        yield text


def differences(texts: Sequence[str], answers: Sequence[object]) -> list[tuple[str, object, object]]:
    """Return the values that Nova takes otherwise, with its answer and ours."""
    both = [(text, theirs, answer(text)) for text, theirs in zip(texts, answers, strict=True)]
    return [found for found in both if found[1] != found[2] and not differs_on_purpose(found[0])]


def test_every_line_of_novas_guide_is_taken_as_nova_takes_it() -> None:
    shown = list(shown_in(ask_nova([])["help"]))
    assert len(shown) > 12, "Nova's reference shows its examples in another way now"
    said = ask_nova([*GUIDE, *shown])["answers"]
    assert [theirs for theirs in said[: len(GUIDE)] if theirs is None] == []
    assert differences([*GUIDE, *shown], said) == []


def test_what_is_made_at_random_is_taken_as_nova_takes_it() -> None:
    values = Values(SEED)
    texts = [values.text() for _ in range(COUNT)]
    said = ask_nova(texts)["answers"]
    compared = [theirs for text, theirs in zip(texts, said, strict=True) if not differs_on_purpose(text)]
    assert sum(theirs is None for theirs in compared) > COUNT // 10
    assert sum(theirs is not None and len(set(theirs)) > 1 for theirs in compared) > COUNT // 10
    assert differences(texts, said) == []


@pytest.mark.parametrize(
    ("text", "theirs", "ours"),
    [
        ("[]", [None] * len(DEVICES), None),
        ('{"devname": null}', [0] * len(DEVICES), None),
        ('{"address": "10000:0a:00.0"}', None, [None] * len(DEVICES)),
        ('{"devname": "none", "remote_managed": true}', None, [None] * len(DEVICES)),
    ],
)
def test_what_differs_on_purpose_does(text: str, theirs: object, ours: object) -> None:
    assert ask_nova([text])["answers"] == [theirs]
    assert answer(text) == ours


def sriov_of(whole: Device, product: str | None = None) -> PhysicalFunction:
    """Return one of DEVICES with its virtual functions, which may have the product `product`."""
    parts = [found for found in DEVICES if found.parent == whole.address]
    vfs = tuple(
        Function(index, found.address, vendor=found.vendor, product=product or found.product)
        for index, found in enumerate(parts)
    )
    return PhysicalFunction(whole.address, vendor=whole.vendor, product=whole.product, vfs=vfs)


def test_the_lines_that_the_program_writes_name_the_virtual_functions_of_one_device() -> None:
    devices = [sriov_of(whole, product) for whole in (PF, PF1) for product in (None, PF.product)]
    made = [
        (physical, [line.partition(" = ")[2] for line in write(physical, {"physical_network": "a"}) if line[0] != "#"])
        for physical in devices
        for write in (lines_by_function, lines_by_device)
    ]
    answers = iter(ask_nova([text for _, texts in made for text in texts])["answers"])
    for physical, texts in made:
        pairs = [pair for _ in texts for pair in zip(DEVICES, next(answers), strict=True)]
        named = Counter(found.address for found, place in pairs if place is not None)
        assert named == dict.fromkeys((function.address for function in physical.vfs), 1)
