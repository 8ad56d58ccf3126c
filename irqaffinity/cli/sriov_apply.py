# SPDX-License-Identifier: Apache-2.0
"""`irqaffinity sriov apply`."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone

from irqaffinity.cli.form import say_report
from irqaffinity.cli.main import CommandError
from irqaffinity.cli.output import complain
from irqaffinity.cli.screen import look_at_screen
from irqaffinity.cli.session import explained
from irqaffinity.cli.settings import open_settings
from irqaffinity.cli.sriov import choose_physical
from irqaffinity.conf.tasks import declared_task
from irqaffinity.model.declared import DeclaredPf, Made, Step
from irqaffinity.report.declared import describe_step, render_steps
from irqaffinity.report.outcome import EXIT_DONE, EXIT_FAILED
from irqaffinity.report.times import show_time
from irqaffinity.sriov.task import Task

SCHEMA = 1
_EXIT_WOULD = 2
_MISSING = {
    True: "nothing to do: [sriov] pf declares no number of virtual functions, and there is none to set",
    False: "nothing is declared: set [sriov] pf",
}


def run(arguments: argparse.Namespace) -> int:
    """Make the physical functions what is declared, or only say what would be done; return the exit status."""
    settings, time = open_settings(arguments), datetime.now(timezone.utc)
    task = declared_task(settings)
    with explained():
        if arguments.pf:
            task = replace(task, declared=_narrow(task, arguments.pf))
        if arguments.dry_run:
            steps = task.rehearse(force=arguments.force)
        else:
            steps = task.apply(force=arguments.force, tell=complain)
    document = {
        "schema": SCHEMA,
        "host": settings.host,
        "time": show_time(time),
        "dry_run": arguments.dry_run,
        "steps": [describe_step(step) for step in steps],
    }
    missing = _MISSING[bool(task.declared)]
    say_report(arguments, document, "steps", lambda: render_steps(steps, missing, look_at_screen(arguments)))
    return exit_status(steps)


def exit_status(steps: Sequence[Step]) -> int:
    """Return 1 where something was refused or failed, else 2 where something would be done, else 0.

    Who uses a function may have set it otherwise: such a drift is no failure.
    """
    if any(step.made is Made.FAILED or (step.made is Made.REFUSED and not step.is_drift) for step in steps):
        return EXIT_FAILED
    return _EXIT_WOULD if any(step.made is Made.WOULD_SET for step in steps) else EXIT_DONE


def _narrow(task: Task, names: Sequence[str]) -> list[DeclaredPf]:
    """Return what is declared of the devices with these names; raise CommandError where one has nothing declared."""
    found: list[DeclaredPf] = []
    for pf in choose_physical(task.look().pfs, names):
        chosen = [wish for wish in task.declared if wish.names(pf)]
        if not chosen:
            raise CommandError(
                f"[sriov] pf declares nothing of {pf.netdev or pf.address}: name another device, or add it"
            )
        found += chosen
    return found
