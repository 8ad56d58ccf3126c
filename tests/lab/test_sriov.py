# SPDX-License-Identifier: Apache-2.0
"""`irqaffinity sriov` on an igb NIC whose virtual functions have users of each kind; the oracle is iproute2 and sysfs.

The tests build on one another: the agent runs from the middle on, and the last one takes the functions away.
"""

import json
from typing import Any

from tests.lab.inside import guests, host, interrupts, program, sriov
from tests.lab.node import CONFIGURATION, VF2, Node
from tests.patience import HANG

SPEC = json.dumps({"vendor_id": "8086", "product_id": "10ca", "physical_network": "sriov-a"})
WISHES = {"spoofchk": False, "max_tx_rate": 100, "link_state": "enable"}
OF_FREE = {"trust": True, "vlan": 300, "qos": 2}
FREE = sriov.VFS.index(sriov.FREE)
MAC = "02:00:00:00:00:10"
"""What Neutron gives the function of the guest that runs."""

KINDS = {
    sriov.RUNS: "hostdev",
    sriov.HOSTS: "host",
    sriov.HELD: "process",
    sriov.FREE: None,
    sriov.STOPPED: "reserved",
    sriov.WITH_DRIVER: None,
    sriov.WITH_VFIO: None,
}
TAKEN = [index for index, device in enumerate(sriov.VFS) if KINDS[device] is not None]


def declared(count: int, apply: str = "off", of_free: dict[str, Any] = OF_FREE) -> str:
    """Return a configuration that declares the NIC."""
    wishes: dict[str, Any] = {"address": sriov.PF, "numvfs": count, "autoprobe": False, "vf": WISHES}
    if count > FREE:
        wishes["vfs"] = {str(FREE): of_free}
    audit = "[audit]\ninterval = 20\n" if apply == "watch" else ""
    return f"{CONFIGURATION}{audit}[pci]\ndevice_spec = {SPEC}\n[sriov]\napply = {apply}\npf = {json.dumps(wishes)}\n"


def document(node: Node, *arguments: str) -> dict[str, Any]:
    """Return what a command tells as JSON."""
    done = node.call(program.command, *arguments, "-f", "json")
    assert done["out"], done
    found: dict[str, Any] = json.loads(done["out"])
    return found | {"exit": done["status"]}


def functions(found: dict[str, Any], device: str = sriov.PF) -> dict[str, dict[str, Any]]:
    """Return the virtual functions of a device by address."""
    (physical,) = (pf for pf in found["pfs"] if pf["address"] == device)
    return {vf["address"]: vf for vf in physical["vfs"]}


def kinds(found: dict[str, dict[str, Any]]) -> dict[str, str | None]:
    """Return how each virtual function is used."""
    return {address: vf["used_by"] and vf["used_by"]["kind"] for address, vf in found.items()}


def test_each_function_is_told_as_iproute2_and_sysfs_have_it_with_its_user(igb: Node) -> None:
    igb.call(program.configure, declared(len(sriov.VFS)))
    igb.call(sriov.set_function, 0, "mac", MAC)
    found = document(igb, "sriov")
    vfs = functions(found)
    assert kinds(vfs) == KINDS
    settings = igb.call(sriov.settings)
    for index, address in enumerate(sriov.VFS):
        vf = vfs[address]
        assert {key: vf[key] for key in settings[str(index)]} == settings[str(index)], address
        assert (vf["index"], vf["used"]) == (index, KINDS[address] is not None)
    facts = igb.call(sriov.facts, list(sriov.VFS))
    for address, vf in vfs.items():
        told = {"driver": vf["driver"], "netdev": vf["netdev"], "irqs": sorted(interrupts.parse(vf["irqs"]))}
        assert told == facts[address], address
    assert vfs[sriov.RUNS]["used_by"]["guest"] == igb.call(guests.uuid_of, "runs")
    assert vfs[sriov.HELD]["used_by"]["process"] == "l2fwd"
    assert vfs[sriov.STOPPED]["used_by"]["name"] == "stopped"
    for device in host.PFS:
        without_netdev = functions(found, device)
        assert list(without_netdev) == igb.call(sriov.functions, device)
        assert {vf["mac"] for vf in without_netdev.values()} == {None}
        used = {address for address, vf in without_netdev.items() if vf["used"]}
        assert used == {VF2} & without_netdev.keys()


def test_whoever_may_nothing_is_told_what_he_may_not_know_and_of_no_free_function(igb: Node) -> None:
    done = igb.call(program.command_of_nobody, "sriov", "-f", "json")
    vfs = functions(json.loads(done["out"]))
    assert kinds(vfs) == dict.fromkeys(sriov.VFS, "unknown") | {sriov.HOSTS: "host"}
    assert "CAP_SYS_PTRACE" in vfs[sriov.HELD]["used_by"]["message"]
    settings = igb.call(sriov.settings)
    assert [vf["mac"] for vf in vfs.values()] == [settings[str(vf["index"])]["mac"] for vf in vfs.values()]


def test_the_pool_of_the_network_counts_what_is_used_and_free(igb: Node) -> None:
    pools = document(igb, "sriov", "pools")["pools"]
    (pool,) = (pool for pool in pools if pool["physical_network"] == "sriov-a")
    counted = {key: pool[key] for key in ("vendor", "product", "numa_node", "dev_type", "total", "used", "free")}
    numbers = {"total": len(sriov.VFS), "used": len(TAKEN), "free": len(sriov.VFS) - len(TAKEN)}
    assert counted == {"vendor": "8086", "product": "10ca", "numa_node": 0, "dev_type": "type-VF", **numbers}


def test_a_mac_leads_to_the_function_and_its_guest(igb: Node) -> None:
    told = igb.call(program.command, "explain", MAC)
    assert told["status"] == 0, told
    assert sriov.RUNS in told["out"]
    assert igb.call(guests.uuid_of, "runs") in told["out"]


def test_only_free_functions_are_set_and_what_the_driver_refuses_is_told(igb: Node) -> None:
    before = igb.call(sriov.settings)
    rehearsed = document(igb, "sriov", "apply", "--dry-run")["steps"]
    assert igb.call(sriov.settings) == before
    would = {step["vf"] for step in rehearsed if step["verdict"] == "would_set"}
    assert would == set(range(len(sriov.VFS))) - set(TAKEN)
    done = document(igb, "sriov", "apply")
    after = igb.call(sriov.settings)
    for index in range(len(sriov.VFS)):
        of_free = OF_FREE if index == FREE else {}
        wanted = {} if index in TAKEN else {"spoofchk": False, "max_tx_rate": 100, **of_free}
        assert after[str(index)] == before[str(index)] | wanted, index
    steps = {(step["vf"], step["setting"]): step["verdict"] for step in done["steps"]}
    assert {steps[index, "spoofchk"] for index in TAKEN} == {"refused"}
    assert steps[FREE, "link_state"] == "unsupported", "igb of Linux 6.1 has no ndo_set_vf_link_state"
    assert (steps[FREE, "vlan"], steps[FREE, "trust"], done["exit"]) == ("set", "set", 0)


def test_an_interrupt_that_drifts_stays_while_a_hold_lasts_and_goes_back_after_it(igb: Node) -> None:
    igb.call(program.audit)
    igb.call(interrupts.wait_allowed, {sriov.RUNS: "1"})
    held = document(igb, "hold", "--reason", "a change in the network")
    assert (held["exit"], held["holds"][0]["scope"]) == (0, "host")
    moved = igb.call(interrupts.numbers_of, sriov.RUNS)[0]
    igb.call(interrupts.move, moved, "2")
    report = igb.call(program.audit)
    assert (report["exit"], report["summary"]["held"], report["summary"]["set"]) == (0, 1, 0)
    assert igb.call(interrupts.row, moved)[0] == "2"
    (deferred,) = document(igb, "deferred")["deferred"]
    assert (str(deferred["irq"]), deferred["from"], deferred["to"]) == (moved, "2", "1")
    assert igb.call(program.command, "unhold")["status"] == 0
    assert igb.call(interrupts.row, moved)[0] == "1"


def test_the_agent_puts_back_what_drifts_on_a_free_function_and_nothing_on_one_in_use(igb: Node) -> None:
    igb.call(sriov.allow_agent)
    igb.call(sriov.set_function, FREE, "spoofchk", "on")
    before = igb.call(sriov.settings)
    igb.call(program.configure, declared(len(sriov.VFS), "watch"))
    igb.call(program.start_agent)
    igb.call(sriov.wait_set, FREE, {"spoofchk": False})
    igb.call(sriov.set_function, FREE, "trust", "off")
    igb.call(sriov.wait_set, FREE, {"trust": True})
    after = igb.call(sriov.settings)
    assert {index: after[str(index)] for index in TAKEN} == {index: before[str(index)] for index in TAKEN}
    status = igb.call(program.status)["sriov"]
    assert status["apply"] == "watch"
    assert {row["setting"] for row in status["drifts"] if row["verdict"] == "refused"} == set(WISHES)
    assert igb.call(program.log).count("link_state from auto to enable: unsupported") == 1, "once a setting"


def test_a_count_that_the_kernel_does_not_end_holds_up_nobody_and_is_made_once_the_holder_has_gone(igb: Node) -> None:
    igb.call(guests.destroy, "runs")
    igb.call(interrupts.wait_gone, [sriov.RUNS])
    wish = declared(2)
    pid = igb.call(sriov.begin, wish, "sriov", "apply", "--force", "-f", "json")
    igb.call(sriov.wait_blocked)
    igb.call(program.wake_agent)
    assert igb.call(program.audit)["exit"] == 0
    done = igb.call(sriov.wait_ended, pid)
    (step,) = (step for step in json.loads(done["out"])["steps"] if step["setting"] == "numvfs")
    assert (done["status"], step["verdict"]) == (1, "failed")
    assert "process l2fwd" in step["message"]
    igb.call(program.wake_agent)
    assert igb.call(program.audit)["exit"] == 0
    vfs = functions(document(igb, "sriov"))
    assert not {sriov.RUNS, sriov.HOSTS, sriov.HELD} & vfs.keys(), "what the kernel has removed already"
    assert vfs[sriov.FREE]["trust"] is True, "netlink tells it all the time"
    again = igb.call(sriov.wait_ended, igb.call(sriov.begin, wish, "sriov", "apply", "--force", deadline=HANG))
    assert again["status"] == 1
    assert "has not answered that one yet" in again["out"]
    igb.call(sriov.let_go)
    igb.call(sriov.wait_unblocked)
    igb.call(sriov.wait_functions, list(sriov.VFS))
    igb.call(sriov.wait_set, FREE, {"spoofchk": False, "max_tx_rate": 100, **OF_FREE})
