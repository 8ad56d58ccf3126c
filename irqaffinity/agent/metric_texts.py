# SPDX-License-Identifier: Apache-2.0
"""What each metric of the agent says of itself: what it is, in which unit, and when to worry."""

HELP = {
    "guests": (
        "Guests on this host: placed; left alone on purpose (shared_cpus, no_mask, not_heard, no_devices); or to be "
        "mended (xml_invalid, and each that begins with mask_). Worry when one is to be mended."
    ),
    "devices": (
        "Devices that are passed through to guests, by what is to be said of their place: none where nothing is. "
        "Worry about not_found, unreadable, claimed_twice and no_online_cpu; remote_node costs the guest speed."
    ),
    "interrupts": (
        "Interrupts of guests' devices, by what became of them when they were looked at last. Worry about no_vector, "
        "offline and denied: these are not where they belong."
    ),
    "arrivals": (
        "Interrupts of guests' devices that arrived at a CPU: target, one where they belong, or outside, another "
        "one. Counted once a full pass, without those that nobody can move. What the hardware delivers to a vCPU "
        "itself does not arrive at the host. Worry when more than a few of a hundred are outside."
    ),
    "passes": (
        "Passes: full, over all guests; guest, over one of which libvirt was asked; birth, over one new interrupt. "
        "Worry when failed or libvirt_unreachable rise: the log tells why."
    ),
    "looks": (
        "Looks at one guest without asking libvirt; one that settles has them many times a second for a while, and "
        "that is normal. Worry when failed rises: the log tells why."
    ),
    "pass_seconds": (
        "How long a pass took in seconds, by kind (full or guest), if it came to its end. Worry when a full one "
        "takes seconds."
    ),
    "last_complete_audit_timestamp_seconds": (
        "When the last full pass began that came to its end, in seconds since 1970; 0 before the first. Worry when "
        "that is longer ago than three times irqaffinity_audit_interval_seconds."
    ),
    "audit_interval_seconds": "Seconds from one full pass to the next, as [audit] interval says.",
    "writes": "Interrupts that were moved: set, the hardware follows; or pending, it will at the next arrival.",
    "write_failures": (
        "Tries to move an interrupt that failed: no_vector, its CPUs have no interrupt vector free; offline, none of "
        "its CPUs is online; denied, the kernel or the file system refused. Worry when it rises."
    ),
    "drift_repaired": (
        "Interrupts that somebody else had moved away, and that were put back. One now and then does no harm. Worry "
        "when it rises again and again."
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
        "New interrupts that waited for their place, because their guest made more than are each placed at once. "
        "Worry when it goes on rising: something in a guest makes and drops interrupts all the time."
    ),
    "vector_source": (
        "1 for the way in which the agent learns of new interrupts now: trace, the kernel tells within a "
        "millisecond; or poll, it looks again and again after each event. Worry when a host that had trace has poll."
    ),
    "events_lost": (
        "News that was lost because too much came at once: trace, events of the kernel's trace; uevents, times that "
        "uevents of the kernel were lost; notifications, extra specs of guests that are not here yet. After the "
        "first two every guest is looked at. Worry when it goes on rising."
    ),
    "rival": (
        "1 while a program runs on this host that moves interrupts too, else 0. Worry at 1, unless it is set up to "
        "leave those of guests alone."
    ),
    "state_saved": (
        "1 while all that has to survive a restart is on disk; 0 while some of it is in memory alone. Worry at 0: "
        "what interrupts had before they were moved is forgotten with the process."
    ),
    "notifications_wanted": (
        "1 while Nova's notifications are listened to or tried for, 0 where no guest needs them or they are off."
    ),
    "notifications": (
        "Messages that came from the broker: woke, the guest was looked at; foreign, of another host; ignored, of "
        "nothing that matters here; malformed, no notification; unread, too large or compressed. An event that is "
        "none of Nova's counts as other. Without a broker there is no value. Worry when malformed or unread rise."
    ),
    "clock_ahead": (
        "Messages with extra specs from a clock more than five minutes ahead of this host's. Worry when it rises: "
        "one of the two clocks is wrong, and irqaffinity status names the sender."
    ),
}
"""By name, without `irqaffinity_` before it and `_total` behind it."""
