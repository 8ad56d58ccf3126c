# SPDX-License-Identifier: Apache-2.0
"""Each word of a report: what it is called, what it says to a person, and its place in the operators' guide."""

import enum


class Term(enum.Enum):
    """A word of the report with its sentence. The value is the word that stands in JSON."""

    sentence: str
    __hash__ = object.__hash__  # each member is there once; the hash of enum.Enum is written in Python, and slow

    def __new__(cls, word: str, sentence: str) -> "Term":
        """Make the member whose value is `word`."""
        term = object.__new__(cls)
        term._value_ = word
        term.sentence = sentence
        return term

    @property
    def anchor(self) -> str:
        """The label of the word's paragraph in doc/operate.rst."""
        return f"{type(self).__name__.lower()}-{self.value.replace('_', '-')}"


class Verdict(Term):
    """What became of one interrupt."""

    OK = "ok", "is where it belongs"
    SET = "set", "was moved"
    WOULD_SET = "would_set", "would be moved"
    PENDING = "pending", "is set; the hardware follows at the interrupt's next arrival"
    MANAGED = "managed", "the kernel manages this interrupt itself and lets nobody move it"
    IMMOVABLE = (
        "immovable",
        "its interrupt controller, or the hardware that delivers it to the vCPU, lets nobody move it",
    )
    UNREAD = "unread", "its affinity could not be read, so it is left as it is until the next pass"
    THROTTLED = (
        "throttled",
        "waits for its place with others: its guest makes new interrupts too fast to place each at once",
    )
    HELD = "held", "would be moved, but a hold keeps it where it is"
    GONE = "gone", "vanished while it was looked at"
    NO_VECTOR = "no_vector", "the CPUs of the target have no free interrupt vector"
    OFFLINE = "offline", "the kernel knows no online CPU in the target"
    DENIED = "denied", "the kernel or the file system refused the write"


FAILED = frozenset({Verdict.NO_VECTOR, Verdict.OFFLINE, Verdict.DENIED})
"""Work that could not be done."""


class Status(Term):
    """What became of one guest."""

    PLACED = "placed", "its interrupts have a place"
    XML_INVALID = "xml_invalid", "its domain XML could not be read, so its interrupts keep what they have"
    SHARED_CPUS = "shared_cpus", "it has no dedicated CPUs"
    MASK_INVALID = "mask_invalid", "its mask is not well formed"
    MASK_OUT_OF_RANGE = "mask_out_of_range", "its mask names a vCPU that the guest does not have"
    MASK_EMPTY = "mask_empty", "its mask leaves no vCPU"
    MASK_NOT_DEDICATED = "mask_not_dedicated", "no vCPU of its mask is dedicated"
    NO_MASK = "no_mask", "it has no mask, and [placement] without_mask is skip"
    NOT_HEARD = "not_heard", "its extra specs are not known yet, and [placement] without_mask is wait"
    NO_DEVICES = "no_devices", "it has no passed-through device"

    @property
    def is_error(self) -> bool:
        """Whether somebody has to mend something before the guest can be placed."""
        return self in (
            Status.XML_INVALID,
            Status.MASK_INVALID,
            Status.MASK_OUT_OF_RANGE,
            Status.MASK_EMPTY,
            Status.MASK_NOT_DEDICATED,
        )

    @property
    def is_skipped(self) -> bool:
        """Whether the guest is left alone on purpose, so that its moved interrupts are given back."""
        return self is not Status.PLACED and not self.is_error


class GuestReason(Term):
    """What is worth knowing of a guest that was placed."""

    CPUS_OVERLAP = (
        "cpus_overlap",
        "another guest has some of its dedicated CPUs too; whoever placed the two made a mistake",
    )
    DEDICATED_MASK_INVALID = (
        "dedicated_mask_invalid",
        "its mask of dedicated vCPUs cannot be read, so the vCPUs that have a CPU to themselves count",
    )
    REALTIME_VCPUS = "realtime_vcpus", "realtime vCPUs of this guest serve its interrupts"


class LeftOutReason(Term):
    """Why an element of a domain is no device of the guest."""

    NOT_UNDERSTOOD = "not_understood", "the element is not understood"
    UNRESOLVED = "unresolved", "its source leads to no PCI device of this host"


class DeviceReason(Term):
    """Why a device has no target, or not the one that would be expected."""

    NOT_IN_DEVICE_SPEC = "not_in_device_spec", "[pci] device_spec does not include it"
    MDEV = "mdev", "a mediated device; its parent's interrupts serve several guests"
    NOT_FOUND = "not_found", "the domain names it, but the host has no such device"
    UNREADABLE = "unreadable", "its files cannot be read, so it is left as it is"
    NVME_DISK = "nvme_disk", "QEMU itself drives it as a disk of the guest, so it is never moved"
    CLAIMED_TWICE = "claimed_twice", "two guests claim it, so it is moved for neither"
    SHARED_PARENT = "shared_parent", "the device behind it serves others too"
    HOST_DRIVER = "host_driver", "a driver of the host serves it, and [placement] host_driver leaves it alone"
    NO_IRQS = "no_irqs", "it has no interrupt yet"
    SHARED_INTX = "shared_intx", "its interrupt line is shared with other devices"
    NO_EMULATORPIN = "no_emulatorpin", "[placement] serve is emulator, but its guest has no emulatorpin"
    NO_HOUSEKEEPING = (
        "no_housekeeping",
        "[placement] serve is housekeeping, but no online CPU is named as a housekeeping CPU",
    )
    NODE_STRICT = "node_strict", "no chosen CPU is as near to it as [placement] numa demands"
    NO_ONLINE_CPU = "no_online_cpu", "all chosen CPUs are offline"
    REMOTE_NODE = "remote_node", "no chosen CPU is on its NUMA node"
    NO_NODE = "no_node", "the host names no NUMA node with CPUs for it, so all chosen CPUs serve"


class IrqReason(Term):
    """What is worth knowing of one interrupt."""

    NEXT_CPU = "next_cpu", "its CPU had no free vector, so the next of the target serves"
    RELEASED = "released", "goes back to where it was before it was moved"
    BACKOFF = "backoff", "no vector was free the last time; it is tried again later"


class Cause(Term):
    """Why interrupts were moved."""

    START = "start", "the agent's first pass found them elsewhere"
    AUDIT = "audit", "a pass of the command line found them elsewhere"
    BIRTH = "birth", "they are new, or the kernel made them anew"
    DEVICE = "device", "the device was attached to the guest, or taken from it"
    PINS = "pins", "other CPUs of the guest serve them now"
    MASK = "mask", "the guest's mask has changed, or the place that it comes from"
    CONFIG = "config", "the configuration was read again and has changed"
    DRIFT = "drift", "something else had moved them away"
    FIGHT = "fight", "something else moves them away again and again"
    GONE = "gone", "the guest has ended"
    ISOLATION = "isolation", "the CPUs that are kept for guests have changed"
    HOLD = "hold", "a hold has ended, and what it had deferred is done"
    SRIOV = "sriov", "the virtual functions of a device have changed"
    RESET = "reset", "a person gave everything back (irqaffinity reset)"
    ERROR = "error", "they could not be moved: the verdict says why"
    RECOVERED = "recovered", "they could not be moved before, and now it works"
