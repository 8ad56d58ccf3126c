# SPDX-License-Identifier: Apache-2.0
"""`irqaffinity mask SPEC --vcpus N`."""

import argparse
import sys

from irqaffinity.cli.arguments import PROGRAM
from irqaffinity.spec.mask import MaskError, parse_mask


def run(arguments: argparse.Namespace) -> int:
    """Print the vCPUs that the mask chooses, or what is wrong with it and where."""
    try:
        print(parse_mask(arguments.spec, arguments.vcpus))
    except MaskError as error:
        print(f"{PROGRAM}: {error.status.value}: {error}\n{error.pointed()}", file=sys.stderr)
        return 1
    return 0
