# SPDX-License-Identifier: Apache-2.0
"""Names that differ in numbers alone."""

from irqaffinity.report.names import common_name, common_names, without_numbers


def test_a_star_stands_for_each_number_in_which_names_differ() -> None:
    assert common_name(["nvme0q1", "nvme0q12"]) == "nvme0q*"
    assert common_name(["nvme0q1", "nvme1q2"]) == "nvme*q*"
    assert common_name(["eth0-rx-3"]) == "eth0-rx-3"


def test_names_without_common_parts_stay_apart() -> None:
    assert common_names(["nvme0q1", "acpi", "nvme0q2", "acpi", "a#b", "a1b"]) == ["nvme0q*", "acpi", "a#b", "a1b"]
    assert without_numbers("mlx5_comp3@pci:0000:81:00.0") == ("mlx", "_comp", "@pci:", ":", ":", ".", "")
