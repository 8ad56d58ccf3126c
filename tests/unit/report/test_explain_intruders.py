# SPDX-License-Identifier: Apache-2.0
"""Which interrupts come to a guest's CPUs and are not its own."""

from irqaffinity.model.guest import GuestId
from irqaffinity.model.verdict import Verdict
from irqaffinity.report.explain_intruders import explain_intruders
from tests.fakes.isolated import NIC, intruder, isolated, queues
from tests.fakes.scene import GUEST, OTHER

NAMES = {GuestId(GUEST): "web", GuestId(OTHER): "db"}
BOTH = (GuestId(GUEST), GuestId(OTHER))


def test_intruders_that_are_alike_share_a_rule_and_only_the_guests_cpus_are_told() -> None:
    found = (
        intruder(9, "acpi", "2-4,10", guests=BOTH, verdict=Verdict.WOULD_SET),
        *queues(range(2, 4)),
        intruder(60, "", "4", guests=(GuestId(OTHER),)),
        intruder(61, "", "3"),
        intruder(70, "vfio-msix[0](0000:04:00.0)", "10", NIC, owner=GuestId(OTHER)),
    )
    assert [rule for _, rule in explain_intruders(GuestId(GUEST), isolated(intruders=found), NAMES)] == [
        "9 (acpi) of the host, on CPUs 2-3,10: can be moved (would_set)",
        "102-103 (nvme0q*) of the host, on CPUs 2-3: cannot be moved (managed)",
        "61 (no handler) of the host, on CPU 3: can be moved",
        "70 (vfio-msix[0](0000:04:00.0)) of guest db, on CPU 10: can be moved",
    ]
    assert list(explain_intruders(GuestId(GUEST), isolated("off"), NAMES)) == []
