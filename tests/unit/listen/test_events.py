# SPDX-License-Identifier: Apache-2.0
"""Every name that Nova gives an instance notification, and what is made of it."""

import pytest

from irqaffinity.listen.events import EVENTS, asks_for_a_look, split_event

VERSIONED = """
    create.start create.end create.error delete.start delete.end evacuate exists interface_attach.start
    interface_attach.end interface_attach.error interface_detach.start interface_detach.end live_migration_abort.start
    live_migration_abort.end live_migration_force_complete.start live_migration_force_complete.end
    live_migration_post.start live_migration_post.end live_migration_post_dest.start live_migration_post_dest.end
    live_migration_pre.start live_migration_pre.end live_migration_rollback.start live_migration_rollback.end
    live_migration_rollback_dest.start live_migration_rollback_dest.end lock pause.start pause.end power_off.start
    power_off.end power_on.start power_on.end reboot.start reboot.end reboot.error rebuild.start rebuild.end
    rebuild.error rebuild_scheduled rescue.start rescue.end resize.start resize.end resize.error resize_confirm.start
    resize_confirm.end resize_finish.start resize_finish.end resize_prep.start resize_prep.end resize_revert.start
    resize_revert.end restore.start restore.end resume.start resume.end share_attach.start share_attach.end
    share_attach.error share_detach.start share_detach.end share_detach.error shelve.start shelve.end
    shelve_offload.start shelve_offload.end shutdown.start shutdown.end snapshot.start snapshot.end soft_delete.start
    soft_delete.end suspend.start suspend.end trigger_crash_dump.start trigger_crash_dump.end unlock unpause.start
    unpause.end unrescue.start unrescue.end unshelve.start unshelve.end update volume_attach.start volume_attach.end
    volume_attach.error volume_detach.start volume_detach.end volume_swap.start volume_swap.end volume_swap.error
"""
"""The samples of Nova 34.0 (nova/notifications/objects/instance.py), without `instance.`."""

LEGACY = """
    create.end create.error create_ip.end create_ip.start create.start delete.end delete_ip.end delete_ip.start
    delete.start evacuate exists finish_resize.end finish_resize.start live.migration.abort.start
    live.migration.abort.end live.migration.force.complete.start live.migration.force.complete.end
    live_migration.post.dest.end live_migration.post.dest.start live_migration._post.end live_migration._post.start
    live_migration.pre.end live_migration.pre.start live_migration.rollback.dest.end live_migration.rollback.dest.start
    live_migration._rollback.end live_migration._rollback.start pause.end pause.start power_off.end power_off.start
    power_on.end power_on.start reboot.end reboot.error reboot.start rebuild.end rebuild.error rebuild.scheduled
    rebuild.start rescue.end rescue.start resize.confirm.end resize.confirm.start resize.end resize.error
    resize.prep.end resize.prep.start resize.revert.end resize.revert.start resize.start restore.end restore.start
    resume.end resume.start shelve.end shelve_offload.end shelve_offload.start shelve.start shutdown.end shutdown.start
    snapshot.end snapshot.start soft_delete.end soft_delete.start suspend.end suspend.start trigger_crash_dump.end
    trigger_crash_dump.start unpause.end unpause.start unrescue.end unrescue.start unshelve.start unshelve.end update
    volume.attach volume.detach
"""
"""What Nova 34.0 lets through (nova/rpc.py), without `compute.instance.`."""

WAKING = """
    create delete interface_attach interface_detach live_migration_abort live_migration_force_complete
    live_migration_post live_migration_post_dest live_migration_rollback live_migration_rollback_dest power_off power_on
    reboot rebuild rescue resize resize_confirm resize_finish resize_revert restore resume shelve shelve_offload
    shutdown snapshot soft_delete suspend trigger_crash_dump unpause unrescue unshelve
"""


@pytest.mark.parametrize("name", sorted({*VERSIONED.split(), *LEGACY.split()}))
def test_each_name_is_known_and_wakes_or_not(name: str) -> None:
    event, phase = split_event(name)
    assert event in EVENTS
    assert asks_for_a_look(event, phase) is (event in WAKING.split() and name.endswith((".end", ".error")))


def test_a_legacy_name_counts_as_its_versioned_one() -> None:
    """But for the addresses that nova-network gave, which no versioned notification tells of."""
    versioned = {split_event(name) for name in VERSIONED.split()}
    legacy = {split_event(name) for name in LEGACY.split()}
    assert {event for event, _ in legacy} - {event for event, _ in versioned} == {"create_ip", "delete_ip"}
    assert {event for event, _ in versioned | legacy} == EVENTS
    assert split_event("finish_resize.end") == ("resize_finish", "end")


@pytest.mark.parametrize(
    ("name", "looks"), [("volume_grow.end", False), ("share_move.end", False), ("teleport.end", True), ("end", True)]
)
def test_names_of_a_newer_nova_are_not_known_and_better_looked_after(name: str, looks: bool) -> None:
    event, phase = split_event(name)
    assert event not in EVENTS
    assert asks_for_a_look(event, phase) is looks
