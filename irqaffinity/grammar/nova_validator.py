# SPDX-License-Identifier: Apache-2.0
"""The validator of `hw:pci_irq_affinity_mask`; nova-api loads it by the entry points `nova.api.extra_spec_validators`.

From microversion 2.86 on Nova refuses every name under `hw:` that no validator knows
(nova/api/validation/extra_specs/validators.py, unchanged from 21.0 to 34.0). This module imports the standard library
and Nova alone, for an import that fails stops nova-api: Nova's loader reports it by an attribute that entry points no
longer have.
"""

from nova import exception
from nova.api.validation.extra_specs import base

from irqaffinity.grammar.mask import EXTRA_SPEC, MaskError, check_mask
from irqaffinity.model.text import clean


class MaskValidator(base.ExtraSpecValidator):  # type: ignore[misc]
    """Checks a mask by the agent's grammar; a regular expression, which Nova's class has, cannot refuse 3-1 or 1,^1."""

    def validate(self, name: str, value: str) -> None:
        """Raise Nova's ValidationError, HTTP 400, with the sentence and position that `irqaffinity mask` prints.

        The flavor's vCPUs are not known here, so this refuses only a mask that no guest could have: bad grammar, no
        vCPU at all, or an index above 65535. Indexes are checked before any range is expanded.
        """
        super().validate(name, value)
        try:
            check_mask(value)
        except MaskError as error:
            refusal = f"Validation failed; {name} '{clean(value)}': {error.status.value}: {error}"
            raise exception.ValidationError(refusal) from error


def register() -> list[MaskValidator]:
    """Return the validators of this module, as Nova asks each module of the group for them."""
    return [
        MaskValidator(
            name=EXTRA_SPEC,
            description=(
                "The vCPUs whose physical CPUs serve the interrupts of the passed-through PCI devices of the guest. "
                "Obeyed by irqaffinity on the compute nodes."
            ),
            value={
                "type": str,
                "description": (
                    "vCPU indexes, counted from 0: N, N-M, and ^N or ^N-M to exclude, separated by commas. "
                    "For example, ``1-4,^3,6`` means 1, 2, 4 and 6."
                ),
            },
        )
    ]
