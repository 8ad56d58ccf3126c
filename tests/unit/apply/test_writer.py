# SPDX-License-Identifier: Apache-2.0
"""The writer: what it writes, what it reads back, and which errno becomes which verdict."""

import errno

import pytest

from irqaffinity.apply.writer import AffinityWriter, DryRunWriter
from irqaffinity.model.action import Action
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import HOST, GuestId
from irqaffinity.model.irq import DEFAULT
from irqaffinity.model.pci import NO_DEVICE, PciAddress
from irqaffinity.model.verdict import IrqReason, Verdict
from tests.fakes.host import FakeHost

VF = "0000:81:00.2"
OWNER = GuestId("11111111-1111-1111-1111-111111111111")


@pytest.fixture
def vf(host: FakeHost) -> FakeHost:
    """A virtual function with the interrupts 40 and 41, which may arrive anywhere."""
    host.add_device(VF, 1)
    host.add_vectors(VF, [40, 41], "0-15", effective="0")
    return host


def move(number: int, target: str, *spares: str) -> Action:
    return Action(
        number,
        PciAddress.parse(VF),
        OWNER,
        CpuSet.parse("0-15"),
        CpuSet.parse("0"),
        CpuSet.parse(target),
        spares=tuple(map(CpuSet.parse, spares)),
        driver="vfio-pci",
    )


def test_a_write_is_read_back(vf: FakeHost) -> None:
    result = AffinityWriter(vf.root).place(move(40, "9-10"))
    assert (result.verdict, str(result.smp), str(result.effective)) == (Verdict.SET, "9-10", "9")
    assert vf.written == [(40, "9-10")]
    assert vf.smp(41) == "0-15"


def test_an_interrupt_that_has_not_fired_since_is_pending(vf: FakeHost) -> None:
    vf.quiet = {40}
    result = AffinityWriter(vf.root).place(move(40, "9-10"))
    assert (result.verdict, str(result.smp), str(result.effective)) == (Verdict.PENDING, "9-10", "0")


def test_a_value_that_did_not_stay_is_pending(vf: FakeHost) -> None:
    class Rival(FakeHost):
        def close(self, fd: int) -> None:
            super().close(fd)
            (self.proc / "irq/40/smp_affinity_list").write_text("3\n")

    vf.__class__ = Rival
    result = AffinityWriter(vf.root).place(move(40, "9-10"))
    assert (result.verdict, str(result.asked), str(result.smp)) == (Verdict.PENDING, "9-10", "3")
    assert "9-10 was written, and the file says 3" in (result.message or "")


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        (errno.ENOSPC, Verdict.NO_VECTOR),
        (errno.EINVAL, Verdict.IMMOVABLE),
        (errno.ERANGE, Verdict.OFFLINE),
        (errno.EOVERFLOW, Verdict.OFFLINE),
        (errno.EACCES, Verdict.DENIED),
        (errno.EROFS, Verdict.DENIED),
        (errno.EIO, Verdict.IMMOVABLE),
        (errno.EPERM, Verdict.IMMOVABLE),
        (errno.ENOENT, Verdict.GONE),
        (errno.ENODEV, Verdict.GONE),
    ],
)
def test_each_refused_write_has_its_verdict(vf: FakeHost, code: int, verdict: Verdict) -> None:
    vf.refuse(40, code)
    result = AffinityWriter(vf.root).place(move(40, "9"))
    assert (result.verdict, result.was_written) == (verdict, False)
    assert verdict.sentence in (result.message or "")
    assert (str(result.smp), vf.smp(40), vf.writes) == ("0-15", "0-15", 0)


@pytest.mark.parametrize(
    ("code", "verdict"),
    [(errno.EIO, Verdict.MANAGED), (errno.EPERM, Verdict.MANAGED), (errno.EINVAL, Verdict.IMMOVABLE)],
)
def test_who_cannot_move_it_is_told_by_the_name_of_its_action(vf: FakeHost, code: int, verdict: Verdict) -> None:
    vf.put(vf.sys / "kernel/irq/40/actions", "nvme0q1")
    vf.refuse(40, code)
    result = AffinityWriter(vf.root).place(move(40, "9"))
    assert (result.verdict, result.handler) == (verdict, "nvme0q1")


def test_a_target_that_went_offline_is_no_fault_of_the_interrupt(vf: FakeHost) -> None:
    vf.put(vf.sys / "devices/system/cpu/online", "0-8,11-15")
    vf.refuse(40, errno.EINVAL)
    writer = AffinityWriter(vf.root)
    assert writer.place(move(40, "9-10")).verdict is Verdict.OFFLINE
    assert writer.place(move(40, "9-11")).verdict is Verdict.IMMOVABLE


def test_a_move_that_is_under_way_is_tried_again_later(vf: FakeHost) -> None:
    vf.refuse(40, errno.EBUSY)
    result = AffinityWriter(vf.root).place(move(40, "9"))
    assert (result.verdict, result.was_written, str(result.smp)) == (Verdict.PENDING, False, "0-15")
    assert "tried again" in (result.message or "")


def test_no_interrupt_ever_loses_all_its_cpus(vf: FakeHost) -> None:
    result = AffinityWriter(vf.root).place(move(40, ""))
    assert (result.verdict, vf.writes, vf.smp(40)) == (Verdict.OFFLINE, 0, "0-15")


def test_a_refusal_that_another_life_may_have_caused_shows_the_interrupt_as_it_is_now(vf: FakeHost) -> None:
    vf.refuse(40, errno.EIO)
    vf.on_open_for_write = lambda number: vf.put(vf.proc / f"irq/{number}/smp_affinity_list", "4-7")
    reborn = AffinityWriter(vf.root).place(move(40, "9")).reborn
    assert reborn is not None
    assert str(reborn.smp) == "4-7"
    vf.refuse(40, errno.EPERM)
    assert AffinityWriter(vf.root).place(move(40, "9")).reborn is None


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        (errno.EACCES, Verdict.DENIED),
        (errno.EROFS, Verdict.DENIED),
        (errno.EPERM, Verdict.DENIED),
        (errno.ENOENT, Verdict.GONE),
    ],
)
def test_a_file_that_does_not_open_is_never_the_kernels_own(vf: FakeHost, code: int, verdict: Verdict) -> None:
    vf.refuse_open(40, code)
    assert AffinityWriter(vf.root).place(move(40, "9")).verdict is verdict


def test_a_number_that_changed_hands_before_the_open_is_not_written(vf: FakeHost) -> None:
    """The listing said 40 is the VF's; meanwhile the kernel gave it to the host's disk."""
    (vf.device_folder(VF) / "msi_irqs/40").unlink()
    assert AffinityWriter(vf.root).place(move(40, "9")).verdict is Verdict.GONE
    assert (vf.smp(40), vf.writes) == ("0-15", 0)


def test_a_number_that_is_freed_after_the_open_is_gone(vf: FakeHost) -> None:
    """The check still sees it; the descriptor then answers EIO, and the number is not there to open again."""
    vf.on_open_for_write = lambda number: (vf.proc / f"irq/{number}").rename(vf.proc / "irq/freed")  # type: ignore[func-returns-value]
    assert AffinityWriter(vf.root).place(move(40, "9")).verdict is Verdict.GONE
    assert vf.writes == 0


def test_an_interrupt_that_vanishes_after_the_write_is_gone(vf: FakeHost) -> None:
    class Ending(FakeHost):
        def write(self, fd: int, data: bytes) -> int:
            length = super().write(fd, data)
            self.remove_interrupt(40)
            return length

    vf.__class__ = Ending
    assert AffinityWriter(vf.root).place(move(40, "9")).verdict is Verdict.GONE


def test_a_number_that_another_device_took_over_at_the_write_is_gone_and_not_the_kernels_own(vf: FakeHost) -> None:
    def reuse(_cpus: str) -> bool:
        (vf.device_folder(VF) / "msi_irqs/40").unlink(missing_ok=True)
        return True

    vf.refuse(40, errno.EPERM, when=reuse)
    assert AffinityWriter(vf.root).place(move(40, "9")).verdict is Verdict.GONE


def test_an_interrupt_that_became_the_kernels_own_is_not_even_opened(vf: FakeHost) -> None:
    (vf.proc / "irq/40/smp_affinity_list").chmod(0o444)
    opened: list[int] = []
    vf.on_open_for_write = opened.append
    vf.put(vf.sys / "kernel/irq/40/actions", "nvme0q1")
    result = AffinityWriter(vf.root).place(move(40, "9"))
    assert (result.verdict, result.handler) == (Verdict.MANAGED, "nvme0q1")
    assert opened == []


def test_a_spare_that_the_interrupt_has_already_is_not_written(vf: FakeHost) -> None:
    vf.refuse(40, errno.ENOSPC, when=lambda cpus: cpus == "9")
    action = move(40, "9", "10")._replace(current=CpuSet([10]), effective=CpuSet([10]))
    result = AffinityWriter(vf.root).place(action)
    assert (result.verdict, result.reason, str(result.asked)) == (Verdict.OK, IrqReason.NEXT_CPU, "10")
    assert vf.writes == 0


@pytest.mark.parametrize(
    ("code", "verdict"),
    [(errno.EINVAL, Verdict.IMMOVABLE), (errno.ENOENT, Verdict.GONE), (errno.EROFS, Verdict.DENIED)],
)
def test_what_is_wrong_with_a_spare_is_told(vf: FakeHost, code: int, verdict: Verdict) -> None:
    vf.refuse(40, code)
    vf.refuse(40, errno.ENOSPC, when=lambda cpus: cpus == "9")
    assert AffinityWriter(vf.root).place(move(40, "9", "10", "11")).verdict is verdict


def test_the_next_cpu_serves_when_the_first_has_no_free_vector(vf: FakeHost) -> None:
    vf.refuse(40, errno.ENOSPC, when=lambda cpus: cpus in ("9", "10"))
    result = AffinityWriter(vf.root).place(move(40, "9", "10", "11", "12"))
    assert (result.verdict, result.reason, str(result.asked)) == (Verdict.SET, IrqReason.NEXT_CPU, "11")
    assert vf.written == [(40, "11")]


def test_without_spares_a_full_cpu_is_final(vf: FakeHost) -> None:
    vf.refuse(40, errno.ENOSPC)
    assert AffinityWriter(vf.root).place(move(40, "9-10")).verdict is Verdict.NO_VECTOR


def test_no_spare_is_tried_after_another_error(vf: FakeHost) -> None:
    vf.refuse(40, errno.EINVAL, when=lambda cpus: cpus == "9")
    assert AffinityWriter(vf.root).place(move(40, "9", "10")).verdict is Verdict.IMMOVABLE
    assert vf.written == []


def test_an_intx_line_is_written_while_it_is_the_devices_alone(host: FakeHost) -> None:
    host.add_device(VF, 1, line=16)
    host.add_interrupt(16, "0-15", "0", action=f"vfio-intx({VF})")
    writer = AffinityWriter(host.root)
    assert writer.place(move(16, "9")).verdict is Verdict.SET
    host.put(host.sys / "kernel/irq/16/actions", f"vfio-intx({VF}),ehci_hcd:usb1")
    assert writer.place(move(16, "10")).verdict is Verdict.GONE
    assert host.written == [(16, "9")]


def test_a_probe_writes_nothing(vf: FakeHost) -> None:
    writer = AffinityWriter(vf.root)
    assert writer.probe(40) is None
    vf.refuse_open(41, errno.EROFS)
    refusal = writer.probe(41)
    assert refusal is not None
    assert refusal.errno == errno.EROFS
    assert (vf.writes, vf.smp(40)) == (0, "0-15")


def test_a_dry_run_only_tells(vf: FakeHost) -> None:
    before = vf.opens
    result = DryRunWriter().place(move(40, "9"))
    assert (result.verdict, str(result.asked), str(result.smp)) == (Verdict.WOULD_SET, "9", "0-15")
    assert (vf.opens, vf.writes) == (before, 0)


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENOMEM, errno.ETIMEDOUT])
def test_what_this_process_lacks_at_the_moment_is_no_refusal(vf: FakeHost, code: int) -> None:
    vf.refuse_open(40, code)
    result = AffinityWriter(vf.root).place(move(40, "9"))
    assert (result.verdict, result.was_written) == (Verdict.PENDING, False)


def test_an_interrupt_is_not_called_immovable_while_nobody_can_tell_which_cpus_are_online(vf: FakeHost) -> None:
    vf.refuse(40, errno.EINVAL)
    (vf.sys / "devices/system/cpu/online").unlink()
    assert AffinityWriter(vf.root).place(move(40, "9")).verdict is Verdict.OFFLINE


def test_a_device_that_changed_its_driver_before_the_open_is_not_written(vf: FakeHost) -> None:
    link = vf.device_folder(VF) / "driver"
    link.unlink()
    vf.link(link, vf.sys / "bus/pci/drivers/iavf")
    result = AffinityWriter(vf.root).place(move(40, "9"))
    assert (result.verdict, vf.writes) == (Verdict.GONE, 0)


DISK = "0000:03:00.0"
LINE = "0000:04:00.0"


@pytest.fixture
def own(host: FakeHost) -> FakeHost:
    """A disk with the interrupt 36, a device with the shared line 19, and the clock: all the host's own."""
    host.add_device(DISK, 0, "nvme")
    host.put(host.device_folder(DISK) / "msi_irqs/36", "msix")
    host.add_interrupt(36, "0-15", "0", action="nvme0q0")
    host.add_device(LINE, 0, "ahci", line=19)
    host.add_interrupt(19, "0-15", "0", action="ahci,i801_smbus")
    host.add_interrupt(8, "0-15", "0", action="rtc0")
    return host


def keep_off(number: int, handler: str | None, device: str | None = None, driver: str | None = None) -> Action:
    address = NO_DEVICE if device is None else PciAddress.parse(device)
    current, effective, target = (CpuSet.parse(text) for text in ("0-15", "0", "0-1"))
    return Action(number, address, HOST, current, effective, target, driver=driver, handler=handler)


HOSTS_OWN = {
    "a disk's": keep_off(36, "nvme0q0", DISK, "nvme"),
    "a shared line": keep_off(19, "ahci,i801_smbus", LINE, "ahci"),
    "without a device": keep_off(8, "rtc0"),
}


@pytest.mark.parametrize("action", HOSTS_OWN.values(), ids=HOSTS_OWN)
def test_an_interrupt_of_the_host_is_moved_while_it_has_the_same_handler(own: FakeHost, action: Action) -> None:
    writer = AffinityWriter(own.root)
    assert writer.place(action).verdict is Verdict.SET
    assert own.written == [(action.number, "0-1")]
    own.put(own.sys / f"kernel/irq/{action.number}/actions", "eth0-rx-0")
    result = writer.place(action)
    assert (result.verdict, result.message, own.writes) == (Verdict.GONE, "it has another handler now", 1)


def test_an_interrupt_of_the_host_without_a_handler_is_told_from_one_that_got_one(own: FakeHost) -> None:
    own.add_interrupt(9, "0-15")
    assert AffinityWriter(own.root).place(keep_off(9, None)).verdict is Verdict.SET
    own.put(own.sys / "kernel/irq/9/actions", "acpi")
    assert AffinityWriter(own.root).place(keep_off(9, None)).verdict is Verdict.GONE


@pytest.mark.parametrize("name", ["a disk's", "a shared line"])
def test_an_interrupt_of_the_host_whose_device_changed_is_not_written(own: FakeHost, name: str) -> None:
    action, writer = HOSTS_OWN[name], AffinityWriter(own.root)
    folder = own.device_folder(str(action.device))
    (folder / "driver").unlink()
    own.link(folder / "driver", own.driver_folder("vfio-pci"))
    assert writer.place(action).message == "its device has another driver now"
    own.put(folder / "irq", "0")
    (folder / "msi_irqs/36").unlink(missing_ok=True)
    result = writer.place(action)
    assert (result.verdict, result.message, own.writes) == (
        Verdict.GONE,
        "its device no longer lists this number",
        0,
    )


@pytest.mark.parametrize("action", HOSTS_OWN.values(), ids=HOSTS_OWN)
@pytest.mark.parametrize("code", [errno.EIO, errno.EPERM])
def test_an_interrupt_that_the_kernel_keeps_is_remembered_by_its_handler(
    own: FakeHost, action: Action, code: int
) -> None:
    own.refuse(action.number, code)
    result = AffinityWriter(own.root).place(action)
    assert (result.verdict, result.handler) == (Verdict.MANAGED, action.handler)


def default_to(target: str) -> Action:
    return Action(DEFAULT.number, DEFAULT.device, HOST, CpuSet.parse("0-15"), None, CpuSet.parse(target))


def test_the_default_affinity_is_written_as_a_mask_and_read_back(own: FakeHost) -> None:
    result = AffinityWriter(own.root).place(default_to("0-1"))
    assert (result.verdict, str(result.smp), result.effective) == (Verdict.SET, "0-1", None)
    assert own.written == [(DEFAULT.number, "00000003")]


def test_the_mask_of_a_large_host_comes_in_groups_of_32_bits(own: FakeHost) -> None:
    own.put(own.proc / "irq/default_smp_affinity", "ffffffff,ffffffff,ffffffff")
    result = AffinityWriter(own.root).place(default_to("0,33-34,64"))
    assert (result.verdict, str(result.smp)) == (Verdict.SET, "0,33-34,64")
    assert own.written == [(DEFAULT.number, "00000001,00000006,00000001")]


@pytest.mark.parametrize(
    ("code", "target", "verdict"),
    [
        (errno.EINVAL, "40", Verdict.OFFLINE),
        (errno.EINVAL, "0", Verdict.DENIED),
        (errno.EOVERFLOW, "0", Verdict.OFFLINE),
        (errno.EACCES, "0", Verdict.DENIED),
        (errno.EPERM, "0", Verdict.DENIED),
        (errno.EIO, "0", Verdict.DENIED),
        (errno.ENOMEM, "0", Verdict.PENDING),
    ],
)
def test_a_refused_default_affinity_has_a_verdict_that_can_pass(
    own: FakeHost, code: int, target: str, verdict: Verdict
) -> None:
    own.refuse(DEFAULT.number, code)
    result = AffinityWriter(own.root).place(default_to(target))
    assert (result.verdict, result.handler, result.reborn, own.writes) == (verdict, None, None, 0)


def test_a_default_affinity_that_may_not_be_written_is_not_opened(own: FakeHost) -> None:
    (own.proc / "irq/default_smp_affinity").chmod(0o444)
    assert AffinityWriter(own.root).place(default_to("0")).verdict is Verdict.DENIED
    assert own.writes == 0


def test_a_default_affinity_that_cannot_be_read_back_is_pending(own: FakeHost) -> None:
    class Lost(FakeHost):
        def close(self, fd: int) -> None:
            is_write = fd in self._open_for_write
            super().close(fd)
            if is_write:
                (self.proc / "irq/default_smp_affinity").unlink()

    own.__class__ = Lost
    result = AffinityWriter(own.root).place(default_to("0-1"))
    assert (result.verdict, result.smp, result.was_written) == (Verdict.PENDING, None, True)
    assert result.message == "0-1 was written, and the file cannot be read"


def test_the_host_is_never_left_without_a_cpu(own: FakeHost) -> None:
    for action in (default_to(""), keep_off(8, "rtc0")._replace(target=CpuSet())):
        assert AffinityWriter(own.root).place(action).verdict is Verdict.OFFLINE
    assert own.writes == 0
