# SPDX-License-Identifier: Apache-2.0
"""What nova-api loads by the entry point group `nova.api.extra_spec_validators`, to know `hw:pci_irq_affinity_mask`.

From microversion 2.86 on Nova refuses every name under `hw:` that no validator knows
(nova/api/validation/extra_specs/validators.py, unchanged from 21.0 to 34.0). To import this module needs the standard
library and Nova alone, for an import that fails stops nova-api: its loader reports a failure by an attribute that
entry points no longer have.
"""

from nova import exception
from nova.api.validation.extra_specs import base

from irqaffinity.grammar.mask import EXTRA_SPEC, MaskError, check_mask
from irqaffinity.model.text import clean


class MaskValidator(base.ExtraSpecValidator):  # type: ignore[misc]
    """Decides by the agent's grammar: an expression, as Nova's class has it, cannot tell 3-1 nor 1,^1."""

    def validate(self, name: str, value: str) -> None:
        """Raise Nova's ValidationError, HTTP 400, with the sentence and position that `irqaffinity mask` prints.

        The flavor's vCPUs are not known here. So what is refused is a mask that no guest could have: bad grammar, no
        vCPU at all, or an index above 65535, which is told before any range is expanded.
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
