# SPDX-License-Identifier: Apache-2.0
"""The HELP text of each metric of the agent: what it is, in which unit, and when to worry."""

HELP = {
    "guests": (
        "Guests on this host: placed; left alone on purpose (shared_cpus, no_mask, not_heard, no_devices); or in error "
        "(xml_invalid, and each that begins with mask_). Worry when one is in error."
    ),
    "devices": (
        "Devices that are passed through to guests, by the remark on their place; none counts those without a remark. "
        "Worry about not_found, unreadable, claimed_twice, no_emulatorpin, no_housekeeping and no_online_cpu; "
        "remote_node costs the guest speed."
    ),
    "interrupts": (
        "Interrupts of guests' devices, by the verdict of the last pass. Worry about no_vector, offline and denied: "
        "these are not where they belong."
    ),
    "arrivals": (
        "Interrupts of guests' devices that arrived at a CPU: target, one where they belong, or outside, another "
        "one. Counted once a full pass, without those that nobody can move. What the hardware delivers to a vCPU "
        "itself does not arrive at the host. Worry when more than a few of a hundred are outside."
    ),
    "passes": (
        "Passes: full, over all guests; guest, over one guest with an answer of libvirt; birth, over one new "
        "interrupt. Worry when failed or libvirt_unreachable rise: the log says why."
    ),
    "looks": (
        "Looks at one guest without asking libvirt. The agent looks at a guest that settles many times a second for a "
        "while, which is normal. Worry when failed rises: the log says why."
    ),
    "pass_seconds": (
        "How many seconds a pass took that came to its end, by kind (full or guest). Worry when a full one takes "
        "seconds."
    ),
    "last_complete_audit_timestamp_seconds": (
        "When the last complete full pass began, in seconds since 1970; 0 before the first. Worry when that is longer "
        "ago than three times irqaffinity_audit_interval_seconds."
    ),
    "audit_interval_seconds": "Seconds from one full pass to the next, as [audit] interval says.",
    "writes": (
        "Moved interrupts, the host's own as well: set, the hardware uses the new CPUs; pending, it will from the next "
        "arrival on."
    ),
    "write_failures": (
        "Tries to move an interrupt, also one of the host's own, that failed: no_vector, its CPUs have no interrupt "
        "vector free; offline, none of its CPUs is online; denied, the kernel or the file system refused. Worry when "
        "it rises."
    ),
    "drift_repaired": (
        "Interrupts that another program or a person had moved away, and that the agent put back. One now and then "
        "does no harm. Worry when it rises again and again."
    ),
    "fights": (
        "Those of irqaffinity_drift_repaired_total that were moved away for at least the third time within an hour: "
        "another program moves the same interrupt again and again. Worry when it rises."
    ),
    "wake_to_placed_seconds": (
        "Seconds from the news of a guest or of a new interrupt until interrupts were moved for it. Worry when many "
        "take longer than a second: until then they arrive at CPUs of others."
    ),
    "births_throttled": (
        "New interrupts that waited for their place, because their guest made too many in a short time. Worry when it "
        "goes on rising: something in a guest makes and drops interrupts all the time."
    ),
    "vector_source": (
        "1 for the way in which the agent learns of new interrupts now: trace, the kernel reports them within a "
        "millisecond; or poll, the agent looks again and again after each event. Worry when a host that had trace has "
        "poll."
    ),
    "events_lost": (
        "Events that were lost because too many came at once: trace, events of the kernel's trace; uevents, times that "
        "uevents of the kernel were lost; notifications, extra specs of guests that are not here yet. After the "
        "first two the agent looks at every guest. Worry when it goes on rising."
    ),
    "isolation_mode": (
        "1 for what the agent does with the host's own interrupts on the CPUs of guests, as [isolation] mode says, "
        "else 0. All are 0 until the first full pass."
    ),
    "isolation_held_up": (
        "1 while the agent should move the host's own interrupts off the CPUs of guests and moves none, for example "
        "because too few housekeeping CPUs are online; else 0. Worry at 1: irqaffinity status says what is in the way."
    ),
    "kept_cpus": "CPUs that guests have to themselves, and that the host's own interrupts should stay off.",
    "housekeeping_cpus": (
        "CPUs that are online and do the host's work, as [isolation] housekeeping_cpus or [placement] dedicated_cpus "
        "say; 0 where neither does."
    ),
    "intruders": (
        "Interrupts that come to the CPUs of guests and are not these guests' own, by whether they can be moved; those "
        "that [isolation] leave names count as not movable with mode enforce. Worry when movable ones stay with that "
        "mode; irqaffinity top --by intruder shows which arrive."
    ),
    "intruder_arrivals": (
        "How often these intruders arrived on the CPUs of guests, by whether they can be moved. Worry when this rises "
        "fast: each arrival takes time from a vCPU."
    ),
    "host_interrupts": (
        "Interrupts of the host, and default_smp_affinity as one of them, that the last pass moved, gave back, or "
        "could not move, by verdict. Worry about no_vector, offline and denied."
    ),
    "vectors_free": (
        "Interrupt vectors that are free on the fullest CPU of each NUMA node, or fewer where the kernel does not show "
        "its own count; none stands for CPUs without a node. There is no value where CPUs have no such limit. Worry "
        "below 20: soon an interrupt finds no vector."
    ),
    "irqbalance_told": (
        "1 while irqbalance leaves the CPUs and the interrupts of guests alone, as the agent told it, else 0. There is "
        "no value if the agent tells it nothing. Worry at 0 while irqbalance runs."
    ),
    "sriov_drifts": (
        "Settings of virtual functions that are not what [sriov] pf declares, and stay so because the function is in "
        "use; 0 with [sriov] apply = off. Neutron sets functions in use, so this is "
        "no reason to worry by itself."
    ),
    "sriov_writes": (
        "Settings and numbers of virtual functions that the agent wrote: set; unsupported, the driver refused or "
        "ignored it; failed, the kernel did. Worry when failed rises: irqaffinity status says why."
    ),
    "holds": (
        "Holds that are in force: during one, interrupts that were placed are not moved. Worry when one lasts for days "
        "that nobody remembers: irqaffinity deferred says why it was made."
    ),
    "deferred": (
        "Interrupts, the host's own as well, that would be moved but for a hold. Worry when these are many: until the "
        "hold ends, they arrive on CPUs where they do not belong."
    ),
    "oldest_hold_timestamp_seconds": (
        "When the oldest of the holds in force was made, in seconds since 1970. There is no value without a hold. "
        "Worry when that is days ago, and nobody remembers why."
    ),
    "next_hold_end_timestamp_seconds": (
        "When the first of the holds in force ends by itself, in seconds since 1970: then what waited for it is moved. "
        "There is no value without a hold."
    ),
    "rival": (
        "1 while this other program, which moves interrupts too, runs on this host, else 0. Worry at 1, unless the "
        "program is set up to leave those of guests alone."
    ),
    "state_saved": (
        "1 while all that has to survive a restart is on disk; 0 while some of it is in memory alone. Worry at 0: when "
        "the agent ends, it forgets on which CPUs these interrupts were before it moved them."
    ),
    "notifications_wanted": (
        "1 while the agent listens to Nova's notifications or tries to, 0 where no guest needs them or they are off."
    ),
    "notifications": (
        "Messages that came from the broker: woke, the agent looked at the guest; foreign, from another host; ignored, "
        "it does not matter here; malformed, not a notification; unread, too large or compressed. An event that Nova "
        "does not have counts as other. Without a broker there is no value. Worry when malformed or unread rise."
    ),
    "clock_ahead": (
        "Messages with extra specs from a clock more than five minutes ahead of this host's. Worry when it rises: "
        "one of the two clocks is wrong, and irqaffinity status names the sender."
    ),
}
"""By name, without `irqaffinity_` before it and `_total` behind it."""
