# SPDX-License-Identifier: Apache-2.0
"""Checks whether the domains have their extra specs, so that nobody needs notifications."""

from irqaffinity.cli.session import Session
from irqaffinity.hypervisor.connection import LibvirtUnreachable
from irqaffinity.observe.domain import Domain, DomainError, parse_domain


def has_masks(session: Session) -> bool | None:
    """Return whether each guest of Nova's has its extra specs, as Nova 32.0 and newer write them; None without one."""
    try:
        answers = [_has_specs(domain) for domain in session.hypervisor.active_domains()]
    except LibvirtUnreachable:
        return False
    return None if not set(answers) - {None} else False not in answers


def _has_specs(domain: Domain) -> bool | None:
    """Return whether a domain has its extra specs: None where it is not Nova's, False where it cannot be read."""
    try:
        guest = None if domain.xml is None else parse_domain(domain.xml)
    except DomainError:
        return False
    if guest is None:
        return False if domain.xml is None else None
    return guest.extra_specs is not None if guest.is_nova else None
