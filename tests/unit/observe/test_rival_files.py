# SPDX-License-Identifier: Apache-2.0
"""TuneD's profiles and udevd's .link files that move interrupts, on made-up hosts."""

import os
from collections.abc import Callable

import pytest

from irqaffinity.observe.rival_files import find_link_files, find_tuned_setting
from irqaffinity.observe.root import HostRoot
from tests.fakes.host import FakeHost

PARTITIONING = """
[main]
summary=Optimize for CPU partitioning
include=network-latency
[variables]
include=/etc/tuned/cpu-partitioning-variables.conf
[irqbalance]
banned_cpus=${isolated_cores}
[scheduler]
isolated_cores=${isolated_cores}
"""
LINK = "[Match]\nDriver=mlx5_core\n[Link]\n{}\n"


def put(host: FakeHost, path: str, text: str) -> None:
    host.put(host.proc / f"1/root/{path}", text)


@pytest.fixture
def profile(host: FakeHost) -> Callable[..., str | None]:
    """Make profile `mine` the active one, with others by name, and return what it moves interrupts with."""

    def activate(text: str, active: str = "mine", **others: str) -> str | None:
        put(host, "etc/tuned/active_profile", active)
        put(host, "etc/tuned/mine/tuned.conf", text)
        for name, other in others.items():
            put(host, f"usr/lib/tuned/{name}/tuned.conf", other)
        return find_tuned_setting(host.root)

    return activate


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (PARTITIONING, "[scheduler] isolated_cores"),
        (f"{PARTITIONING}irq_process = false\n", None),
        (f"{PARTITIONING}irq_process=true\n", "[scheduler] isolated_cores"),
        (f"{PARTITIONING}enabled=0\n", None),
        ("[scheduler]\nsched_min_granularity_ns=3000000\n", None),
        ("[scheduler]\n#isolated_cores=2-7\n; isolated_cores=2-7\nisolated_cores= # none\n", None),
        ("[net]\nchannels=combined 4\n[irqbalance]\nbanned_cpus=2-7\n", None),
        ("[irq]\naffinity=0\n", "[irq] affinity"),
        ("[irq]\naffinity=\n", None),
        ("[irq]\nmode=set\n", None),
        ("[irq_special]\ntype=irq\ndevices=irq16\naffinity=2\n", "[irq_special] affinity"),
        ("[irq]\ntype=sysctl\naffinity=2\n", None),
        ("", None),
        ("isolated_cores=2\n[\n=\n[]\n", None),
    ],
)
def test_a_profile_moves_interrupts_by_these_plugins(
    profile: Callable[..., str | None], text: str, found: str | None
) -> None:
    assert profile(text) == (None if found is None else f"the profile mine: {found}")


def test_what_a_profile_includes_counts_and_its_own_options_go_before_it(profile: Callable[..., str | None]) -> None:
    included = {"one": "[irq]\naffinity=0\n", "two": "[main]\ninclude=one\n"}
    assert profile("[main]\ninclude = none, two\n", **included) == "the profile mine: [irq] affinity"
    assert profile("[main]\ninclude=two;none\n[irq]\nenabled=false\n", **included) is None
    assert profile("[main]\ninclude=two\n[irq]\nreplace=1\nmode=set\n", **included) is None
    assert profile("[main]\ninclude=two\n[irq]\nreplace=0\nmode=set\n", **included) is not None
    assert profile("[main]\ninclude=${other},../../one,/one,.\n", **included) is None


def test_a_profile_of_the_host_hides_a_shipped_one_and_may_include_it(
    host: FakeHost, profile: Callable[..., str | None]
) -> None:
    assert profile("", active="one", one="[irq]\naffinity=0\n") == "the profile one: [irq] affinity"
    put(host, "etc/tuned/one/tuned.conf", "[sysctl]\nvm.swappiness=10\n")
    assert find_tuned_setting(host.root) is None
    put(host, "etc/tuned/profiles/one/tuned.conf", "[main]\ninclude=one\n[irq]\nmode=set\naffinity=1\n")
    assert find_tuned_setting(host.root) == "the profile one: [irq] affinity"


def test_a_circle_of_profiles_ends(profile: Callable[..., str | None]) -> None:
    assert profile("[main]\ninclude=one,mine\n", one="[main]\ninclude=mine\n[irq]\naffinity=0\n") is not None


def test_several_active_profiles_count_together(profile: Callable[..., str | None]) -> None:
    assert profile("[sysctl]\n", active="mine one", one=PARTITIONING) == (
        "the profile mine one: [scheduler] isolated_cores"
    )
    assert profile("[scheduler]\nirq_process=no\n", active="one mine", one=PARTITIONING) is None


def test_without_an_active_profile_nothing_is_moved(host: FakeHost, profile: Callable[..., str | None]) -> None:
    assert find_tuned_setting(host.root) is None
    assert profile("[irq]\naffinity=0\n", active="") is None
    assert profile("[irq]\naffinity=0\n", active="gone") is None


def test_the_link_files_with_a_policy_are_named(host: FakeHost) -> None:
    assert find_link_files(host.root) == ()
    put(host, "usr/lib/systemd/network/99-default.link", LINK.format("NamePolicy=keep"))
    put(host, "etc/systemd/network/10-a.link", LINK.format("IRQAffinityPolicy = spread"))
    put(host, "etc/systemd/network/10-a.network", LINK.format("IRQAffinityPolicy=spread"))
    put(host, "run/systemd/network/20-b.link", LINK.format("#IRQAffinityPolicy=spread"))
    put(host, "run/systemd/network/21-c.link", LINK.format("IRQAffinityPolicy="))
    put(host, "run/systemd/network/22-d.link", "[Match]\nIRQAffinityPolicy=single\n")
    put(host, "usr/lib/systemd/network/99-default.link.d/irq.conf", "[Link]\nIRQAffinityPolicy=single")
    put(host, "usr/lib/systemd/network/99-default.link.d/irq.conf~", "[Link]\nIRQAffinityPolicy=single")
    assert find_link_files(host.root) == (
        "/etc/systemd/network/10-a.link",
        "/usr/lib/systemd/network/99-default.link.d/irq.conf",
    )


def test_a_file_hides_the_one_of_its_name_in_a_later_folder(host: FakeHost) -> None:
    put(host, "usr/lib/systemd/network/10-a.link", LINK.format("IRQAffinityPolicy=spread"))
    assert find_link_files(host.root) == ("/usr/lib/systemd/network/10-a.link",)
    mask = host.proc / "1/root/etc/systemd/network/10-a.link"
    mask.parent.mkdir(parents=True)
    mask.symlink_to("/dev/null")
    assert find_link_files(host.root) == ()
    mask.unlink()
    put(host, "run/systemd/network/10-a.link", LINK.format(""))
    assert find_link_files(host.root) == ()


def test_what_is_no_usual_file_is_not_read(host: FakeHost, profile: Callable[..., str | None]) -> None:
    put(host, "etc/systemd/network/10-a.link", LINK.format("IRQAffinityPolicy=spread") + "#" * 70000)
    os.mkfifo(host.proc / "1/root/etc/systemd/network/20-b.link")  # to open it would wait for ever
    assert find_link_files(host.root) == ()
    (host.proc / "1/root/etc/tuned/two").mkdir(parents=True)
    os.mkfifo(host.proc / "1/root/etc/tuned/two/tuned.conf")
    assert profile("[main]\ninclude=two\n") is None


def test_on_the_host_itself_the_root_folder_needs_no_right_to_trace_its_first_process(host: FakeHost) -> None:
    """The agent's unit has no capability, so /proc/1/root is closed to it."""
    seen = []

    class Calls:
        def stat(self, path: str) -> os.stat_result:
            seen.append(path)
            raise PermissionError

        def listdir(self, path: str) -> list[str]:
            seen.append(path)
            return []

    calls = Calls()
    assert find_tuned_setting(HostRoot(calls=calls)) is None  # type: ignore[arg-type]
    assert find_link_files(HostRoot(calls=calls)) == ()  # type: ignore[arg-type]
    assert "/etc/tuned/active_profile" in seen
    assert "/etc/systemd/network" in seen
    seen.clear()
    assert find_link_files(HostRoot(proc="/host/proc", calls=calls)) == ()  # type: ignore[arg-type]
    assert all(path.startswith("/host/proc/1/root/") for path in seen)
