# SPDX-License-Identifier: Apache-2.0
"""What became of declared settings, for people and for programs."""

from irqaffinity.model.declared import Made, Setting, Step
from irqaffinity.model.sriov import LinkState
from irqaffinity.report.declared import describe_step, render_steps, tell_standing, unite_steps
from tests.fakes.functions import pf_address, vf_address


def step(vf: int | None, made: Made, setting: Setting = Setting.TRUST, message: str | None = None) -> Step:
    device = pf_address(0) if vf is None else vf_address(0, vf)
    return Step(pf_address(0), "ens0f0", vf, setting, False, True, made, message, device)


def test_a_step_has_the_keys_of_the_design_and_json_of_its_own_kind() -> None:
    found = describe_step(step(3, Made.SET)._replace(origin=LinkState.AUTO, target=7, setting=Setting.LINK_STATE))
    assert found == {
        "pf": "0000:40:00.0",
        "netdev": "ens0f0",
        "vf": 3,
        "setting": "link_state",
        "from": "auto",
        "to": 7,
        "verdict": "set",
        "message": None,
    }


def test_equal_functions_share_a_row_and_what_is_as_declared_has_none() -> None:
    steps = [step(None, Made.FAILED), step(0, Made.OK), *(step(vf, Made.SET) for vf in (1, 2, 3, 7))]
    steps.append(step(4, Made.REFUSED, message="it is not free"))
    rows = unite_steps(steps)
    assert [(row["vfs"], row["verdict"]) for row in rows] == [(None, "failed"), ("1-3,7", "set"), ("4", "refused")]
    assert all("vf" not in row for row in rows)


def test_the_table() -> None:
    steps = [step(0, Made.OK), step(1, Made.SET), step(2, Made.SET), step(3, Made.REFUSED, message="it is not free")]
    assert render_steps(steps, "none").splitlines() == [
        "PF      VF   SETTING  FROM   TO    VERDICT  MESSAGE",
        "ens0f0  1-2  trust    false  true  set      -",
        "ens0f0  3    trust    false  true  refused  it is not free",
        "",
        "4 declared: 1 ok, 2 set, 1 refused",
    ]
    assert render_steps(steps[:1], "none") == "1 declared: 1 ok"
    assert render_steps([], "there is none") == "there is none"


def test_the_line_of_the_status() -> None:
    standing = {"apply": "watch", "drifts": [], "message": None}
    assert tell_standing(standing) == "watch; all is as declared"
    assert tell_standing({**standing, "message": "libvirt is away"}) == "watch; libvirt is away"
    rows = unite_steps([step(None, Made.FAILED), *(step(vf, Made.REFUSED, message=f"{vf}") for vf in range(6))])
    assert tell_standing({**standing, "drifts": rows}) == (
        "watch; not as declared: ens0f0 trust (failed), ens0f0 VF 0 trust (refused), ens0f0 VF 1 trust (refused), "
        "ens0f0 VF 2 trust (refused) and 3 more"
    )
