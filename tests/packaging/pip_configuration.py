# SPDX-License-Identifier: Apache-2.0
"""Where this machine's pip finds packages, for a pip that runs inside a container's build, and for uv."""

import ast
import re
import subprocess
import sys
from pathlib import Path

_PLACES = frozenset(
    {"index-url", "extra-index-url", "find-links", "no-index", "trusted-host", "proxy", "cert", "default-timeout"}
)


def pip_options(folder: Path) -> list[str]:
    """Return the options of `buildah build` that hand in this machine's indexes, as files in `folder` and mounts.

    pip itself is asked (`pip config list`), whichever of its files and variables say so.
    """
    places = _places()
    options = [f"--secret=id=pip.conf,src={folder}/pip.conf"]
    options += [f"--volume={path}:{path}:ro" for path in _folders(" ".join(places.values()))]
    if "cert" in places:
        options.append(f"--secret=id=ca.pem,src={places['cert']}")
        places["cert"] = "/run/secrets/ca.pem"
    lines = [f"{name} = {value}\n" for name, value in places.items()]
    (folder / "pip.conf").write_text("".join(["[global]\n", *lines]))
    return options


def indexes() -> dict[str, str]:
    """Return the variables that lead uv to this machine's index; none where it is PyPI itself."""
    places = _places()
    names = {"index-url": "UV_DEFAULT_INDEX", "cert": "SSL_CERT_FILE"}
    return {variable: places[name] for name, variable in names.items() if name in places}


def _places() -> dict[str, str]:
    """Return the values by name; what variables say goes before what files say."""
    done = subprocess.run([sys.executable, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True)
    rows = re.findall(r"^(:env:|[\w-]+)\.([\w-]+)=(.*)$", done.stdout, re.MULTILINE)
    rows.sort(key=lambda row: row[0] == ":env:")
    return {name: " ".join(str(ast.literal_eval(value)).split()) for _, name, value in rows if name in _PLACES}


def _folders(values: str) -> list[Path]:
    """Return the folders that the values name; an index in a folder links to files beside it."""
    indexes = [Path(name).parent for name in re.findall(r"file://(/\S+)", values)]
    others = [Path(name) for name in re.findall(r"(?<!\S)/\S+", values)]
    return sorted({path for path in indexes + others if path.is_dir()})
