# SPDX-License-Identifier: Apache-2.0
"""`irqaffinity mask SPEC --vcpus N`."""

import argparse

from irqaffinity.cli.output import complain, say
from irqaffinity.cli.usage.command import PROGRAM
from irqaffinity.grammar.mask import MaskError, parse_mask


def run(arguments: argparse.Namespace) -> int:
    """Print the vCPUs that the mask chooses and return 0, or print its mistake and return 1."""
    try:
        vcpus = parse_mask(arguments.spec, arguments.vcpus)
    except MaskError as error:
        complain(f"{PROGRAM}: {error.status.value}: {error}\n{error.pointed()}")
        return 1
    say(str(vcpus))
    return 0
