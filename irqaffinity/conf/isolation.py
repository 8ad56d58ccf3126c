# SPDX-License-Identifier: Apache-2.0
"""What is done with the host's own interrupts on the CPUs that are dedicated to guests."""

from oslo_config import cfg

from irqaffinity.conf.types import Count, CpuList, FolderPath, NameGlobs
from irqaffinity.plan.policy import IsolationMode

GROUP = "isolation"
OPTS = [
    cfg.StrOpt(
        "mode",
        default=IsolationMode.REPORT.value,
        choices=[
            (IsolationMode.OFF.value, "do not look at the host's own interrupts"),
            (IsolationMode.REPORT.value, "show which of them are on the CPUs of guests, and move nothing"),
            (IsolationMode.ENFORCE.value, "move them off these CPUs, and give them back when the guest has ended"),
        ],
        help="What to do with the host's own interrupts on CPUs that are dedicated to guests.",
    ),
    cfg.Opt(
        "housekeeping_cpus",
        type=CpuList(),
        help="The CPUs that the host's own interrupts go to when no other CPU is left to them. By default these are "
        "the CPUs that are online and not in [placement] dedicated_cpus; with mode enforce one of the two options must "
        "be set. CPUs of isolcpus= and nohz_full= never count.",
        sample_default="0-1,32-33",
    ),
    cfg.Opt(
        "minimum",
        type=Count("CPUs", 1, 65536),
        default=2,
        help="How many housekeeping CPUs must be online and dedicated to no guest. With fewer, no interrupt of the "
        "host is moved off guests' CPUs; giving back goes on.",
    ),
    cfg.Opt(
        "leave",
        type=NameGlobs(),
        default=[],
        help="Interrupts of the host to leave where they are: patterns of names of their handlers, as in "
        "/proc/interrupts, or of drivers, with * and ?. Upper and lower case differ.",
        sample_default="nvme*,mlx5_core",
    ),
    cfg.BoolOpt(
        "irqbalance",
        default=True,
        help="With mode enforce: tell irqbalance, through its socket, to leave guests' CPUs and interrupts alone.",
    ),
    cfg.Opt(
        "irqbalance_sockets",
        type=FolderPath(),
        help="The folder of irqbalance's socket; by default /run/irqbalance where [host] proc is /proc, and none "
        "elsewhere. In a container it is where the host's folder is mounted. systemd makes the folder anew whenever it "
        "starts irqbalance; with RuntimeDirectoryPreserve=yes in that unit it stays the same, and so does the mount.",
        sample_default="/host/run/irqbalance",
    ),
]
