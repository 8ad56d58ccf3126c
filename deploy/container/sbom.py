# SPDX-License-Identifier: Apache-2.0
"""Prints what an image is made of, as CycloneDX 1.6 in JSON: the packages of Debian, and the distributions of Python.

The environment's own interpreter runs it in the finished image. The same image gives the same text.
"""

import json
import os
import platform
import re
import subprocess
import sys
import uuid
from importlib.metadata import Distribution, distributions
from urllib.parse import quote

Component = dict[str, object]

PROGRAM = "irqaffinity"
_FIELDS = "${Package}\t${Version}\t${Architecture}\t${Maintainer}\t${source:Package}\t${source:Version}\n"


def debian_packages() -> list[Component]:
    """Return a component a package that dpkg has installed; none where there is no dpkg."""
    system = platform.freedesktop_os_release()
    command = ["dpkg-query", "--show", f"--showformat=${{db:Status-Abbrev}}\t{_FIELDS}"]
    rows = [
        line.split("\t")
        for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    ]
    return [_package(row[1:], system) for row in rows if row[0].startswith("ii")]


def _package(row: list[str], system: dict[str, str]) -> Component:
    name, version, architecture, maintainer, source, source_version = row
    purl = f"pkg:deb/{system['ID']}/{quote(name, safe='')}@{quote(version, safe='')}?arch={architecture}"
    purl += f"&distro={system['ID']}-{system.get('VERSION_ID', 'sid')}"
    origin = [{"name": "debian:source", "value": f"{source} {source_version}"}]
    return _component(name, version, purl) | {"supplier": {"name": maintainer}, "properties": origin}


def python_distributions() -> list[Component]:
    """Return a component a distribution that this interpreter imports, and the interpreter where dpkg has none."""
    found = [_distribution(each) for each in distributions()]
    if sys.base_prefix != "/usr":
        version = platform.python_version()
        found.append(_component("python", version, f"pkg:generic/python@{version}"))
    return found


def _distribution(each: Distribution) -> Component:
    name = re.sub(r"[-_.]+", "-", each.metadata["Name"]).lower()
    component = _component(name, each.version, f"pkg:pypi/{name}@{quote(each.version, safe='')}")
    author = each.metadata["Author"] or each.metadata["Author-email"]
    if author:
        component["author"] = author
    expression, said = each.metadata["License-Expression"], each.metadata["License"]
    if expression:
        component["licenses"] = [{"expression": expression}]
    elif said and len(said) < 100:
        component["licenses"] = [{"license": {"name": said}}]
    return component


def _component(name: str, version: str, purl: str) -> Component:
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def bill_of_materials() -> dict[str, object]:
    """Return the document: the program, and what stands beside it in the image."""
    pythons = python_distributions()
    (program,) = (each for each in pythons if each["name"] == PROGRAM)
    parts = sorted(
        (*debian_packages(), *(each for each in pythons if each is not program)), key=lambda each: str(each["bom-ref"])
    )
    refs = [str(each["bom-ref"]) for each in parts]
    system = platform.freedesktop_os_release()
    base = {
        "type": "operating-system",
        "bom-ref": "os",
        "name": system["ID"],
        "version": system.get("VERSION_ID", "sid"),
    }
    metadata: dict[str, object] = {"component": program | {"type": "application"}}
    if os.environ.get("CREATED"):
        metadata["timestamp"] = os.environ["CREATED"]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, ' '.join([str(program['purl']), *refs]))}",
        "version": 1,
        "metadata": metadata,
        "components": [base, *parts],
        "dependencies": [{"ref": program["bom-ref"], "dependsOn": refs}],
    }


if __name__ == "__main__":
    print(json.dumps(bill_of_materials(), indent=1))
