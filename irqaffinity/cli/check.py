# SPDX-License-Identifier: Apache-2.0
"""`irqaffinity check`."""

import argparse
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from irqaffinity.agent.status_file import NoStatus, is_running, read_status
from irqaffinity.apply.writer import AffinityWriter
from irqaffinity.cli.check_balance import check_balance
from irqaffinity.cli.check_isolation import check_isolation
from irqaffinity.cli.check_profiles import check_profiles, check_serve
from irqaffinity.cli.check_sriov import check_sriov
from irqaffinity.cli.health import look_at_health, tell
from irqaffinity.cli.main import CommandError
from irqaffinity.cli.session import Session
from irqaffinity.conf.dependencies import find_old
from irqaffinity.conf.load import Settings
from irqaffinity.hypervisor.connection import LibvirtUnreachable
from irqaffinity.listen.tracing import Untraceable, probe, tracing_folder
from irqaffinity.model.finding import Finding
from irqaffinity.model.text import counted
from irqaffinity.observe.moment import read_moment
from irqaffinity.observe.procfs import read_boot_id, read_interrupt
from irqaffinity.observe.rivals import ADVICE, look_for_rivals, shows_processes
from irqaffinity.observe.root import HostUnreadable
from irqaffinity.observe.topology import read_facts, read_topology
from irqaffinity.plan.hold import in_force
from irqaffinity.report.holds import describe_holds, tell_hold
from irqaffinity.state.check import check_files
from irqaffinity.state.folder import StateError
from irqaffinity.state.peek import peek

_Answer = tuple[bool, str]


def run(arguments: argparse.Namespace) -> int:
    """Print one line for each thing that the agent needs; return 1 when one of them is not in order, else 0."""
    return tell(list(_check_all(arguments)))


def _check_all(arguments: argparse.Namespace) -> Iterator[Finding]:
    old = find_old()
    if old is not None:
        yield Finding("libraries", False, old)
    try:
        session = Session.read(arguments)
    except CommandError as error:
        yield Finding("configuration", False, str(error))
        return
    settings = session.settings
    yield from _check_configuration(settings)
    found = [_check(session, subject, check) for subject, check in _CHECKS.items()]
    yield from found
    has_state = all(finding.is_ok for finding in found if finding.subject == "state")
    yield from _check_holds(session)
    yield from check_isolation(session, has_state=has_state)
    yield from check_sriov(session)
    try:
        yield from check_balance(session) if has_state else ()
    except (HostUnreadable, StateError, OSError) as error:
        yield Finding("irqbalance", False, str(error))
    status = _read_status(session)
    if settings.notifications.enabled:
        from irqaffinity.cli.check_broker import check_broker_of  # noqa: PLC0415  kombu is not always needed

        yield from check_broker_of(session, arguments, status)
    if status is not None:
        yield look_at_health(settings.status_path)
        yield from _check_clocks(status)


def _check(session: Session, subject: str, check: Callable[[Session], _Answer]) -> Finding:
    try:
        return Finding(subject, *check(session))
    except (LibvirtUnreachable, HostUnreadable, StateError, OSError) as error:
        return Finding(subject, False, str(error))


def _check_configuration(settings: Settings) -> Iterator[Finding]:
    for name in settings.unknown:
        yield Finding("configuration", False, f"{name} is no option: mend or remove it")
    for note in settings.notes:
        yield Finding("configuration", True, note)
    yield from check_profiles(settings.policy)
    yield from check_serve(settings.policy)
    if not settings.unknown:
        files = ", ".join(settings.files) or "no file was found: what the environment does not set has its default"
        taken = [f"{path} (the broker, host and [pci] alone)" for path in settings.nova_files]
        yield Finding("configuration", True, ", ".join([files, *taken]))


def _read_status(session: Session) -> Mapping[str, Any] | None:
    try:
        return read_status(session.settings.status_path)
    except NoStatus:
        return None


def _check_clocks(status: Mapping[str, Any]) -> Iterator[Finding]:
    """Give a finding for each publisher of masks whose clock the running agent saw ahead; older agents do not look."""
    for clock in status.get("clocks_ahead", ()) if is_running(status) else ():
        who, seconds = clock["publisher"], clock["seconds"]
        text = f"the clock of {who} was {seconds} s ahead of this host's at {clock['seen']}: correct the wrong one"
        yield Finding("clock", False, text)


def _check_host(session: Session) -> _Answer:
    topology = read_topology(session.root)
    posted = ", posted interrupts" if read_facts(session.root).posted_interrupts else ""
    return True, f"CPUs {topology.online} online, {counted(len(topology.nodes), 'NUMA node')}{posted}"


def _check_libvirt(session: Session) -> _Answer:
    version, domains = session.hypervisor.version(), list(session.hypervisor.active_domains())
    return True, f"{session.hypervisor.shown_uri}, libvirt {version}, {counted(len(domains), 'active guest')}"


def _check_rights(session: Session) -> _Answer:
    """Open the affinity of an interrupt that is not the kernel's own, and write nothing."""
    root = session.root
    numbers = sorted(int(name) for name in root.list_if_there(f"{root.proc}/irq") if name.isdecimal())
    seen = (read_interrupt(root, number) for number in numbers)
    number = next((interrupt.number for interrupt in seen if interrupt is not None and interrupt.writable), None)
    if number is None:
        return False, f"{root.proc}/irq has no interrupt that can be moved: name the host's with --proc"
    refusal = AffinityWriter(root).probe(number)
    if refusal is None:
        return True, f"{root.affinity_file(number)} can be written"
    return False, f"{root.affinity_file(number)}: {refusal.strerror}; run as root, with /proc writable"


def _check_state(session: Session) -> _Answer:
    folder = session.folder
    if not os.path.lexists(folder.path):
        parent = os.path.dirname(os.path.abspath(folder.path))
        if os.access(parent, os.W_OK):
            return True, f"{folder.path} will be made by the first audit"
        return False, f"{parent} cannot be written: make {folder.path} with mode 0700, or use --state"
    check_files(folder)
    peek(folder, read_boot_id(session.root))
    with folder.opened() as inside:
        can_write = os.access(".", os.W_OK, dir_fd=inside)
    return can_write, folder.path if can_write else f"{folder.path} cannot be written: mend its file system"


def _check_holds(session: Session) -> Iterator[Finding]:
    """Give a finding for each hold that keeps interrupts from being moved; that is nothing to mend."""
    for hold in describe_holds(in_force(session.store.peek(logs=False).holds, *read_moment(session.root))):
        yield Finding("hold", True, tell_hold(hold))


def _check_rivals(session: Session) -> _Answer:
    if not shows_processes(session.root):
        return True, f"not looked for: {session.root.proc} shows no processes; look for {', '.join(ADVICE)} on the host"
    found = look_for_rivals(session.root)
    if not found:
        return True, "no other program that moves interrupts was found"
    is_told = session.settings.policy.isolation.tells_irqbalance
    rivals = [rival for rival in found if rival.name != "irqbalance" or not is_told]
    if not rivals:
        return True, "irqbalance runs; the line irqbalance says what it was told"
    return False, "; ".join(f"{rival.found}: {rival.advice}" for rival in rivals)


def _check_vectors(session: Session) -> _Answer:
    source = session.settings.vectors_source
    if source == "poll":
        return True, "poll, as [vectors] source says"
    try:
        probe(tracing_folder(session.settings.sys))
    except Untraceable as error:
        return source == "auto", f"poll: {error}"
    return True, "trace: the kernel tells of each new interrupt"


_CHECKS: Mapping[str, Callable[[Session], _Answer]] = {
    "host": _check_host,
    "libvirt": _check_libvirt,
    "rights": _check_rights,
    "state": _check_state,
    "vectors": _check_vectors,
    "rivals": _check_rivals,
}
