# SPDX-License-Identifier: Apache-2.0
"""Runs in Nova's own environment: its parser of `[pci] device_spec` and its match, over a host that is made up.

Reads the JSON document {"netdevs": {name: address}, "functions": [physical functions], "devices": [what Nova would be
told of each], "texts": [values]}; writes {"help": what Nova's reference says of the option, "answers": [one a text]}.
An answer is null for a value that Nova refuses, else for each device the place of the first object that matches it, or
null.
"""

import json
import sys

from nova import config
from nova.conf import pci as options
from nova.pci import utils, whitelist

asked = json.load(sys.stdin)
netdevs, functions = asked["netdevs"], set(asked["functions"])


def get_function_by_ifname(name: object) -> tuple[str | None, bool]:
    address = netdevs.get(str(name))
    return address, address in functions


def is_physical_function(domain: str, bus: str, slot: str, function: str) -> bool:
    return f"{domain}:{bus}:{slot}.{function}" in functions


def answer(text: str) -> list[int | None] | None:
    try:
        found = whitelist.Whitelist([text])
        return [
            next((place for place, spec in enumerate(found.specs) if spec.match(device)), None)
            for device in asked["devices"]
        ]
    except Exception:  # noqa: BLE001  whatever it is: nova-compute does not start with it
        return None


utils.get_function_by_ifname = get_function_by_ifname
utils.is_physical_function = is_physical_function
config.CONF([], project="nova", default_config_files=[], default_config_dirs=[])
config.CONF.set_override("report_in_placement", True, group="pci")
(option,) = (option for option in options.pci_opts if option.name == "device_spec")
json.dump({"help": option.help, "answers": [answer(text) for text in asked["texts"]]}, sys.stdout)
