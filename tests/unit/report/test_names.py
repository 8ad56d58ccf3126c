# SPDX-License-Identifier: Apache-2.0
"""Names that differ in numbers alone."""

from irqaffinity.report.names import MOST_RUNS, common_name, common_names, first_numbers, without_numbers


def test_a_star_stands_for_each_number_in_which_names_differ() -> None:
    assert common_name(["nvme0q1", "nvme0q12"]) == "nvme0q*"
    assert common_name(["nvme0q1", "nvme1q2"]) == "nvme*q*"
    assert common_name(["eth0-rx-3"]) == "eth0-rx-3"


def test_names_without_common_parts_stay_apart() -> None:
    assert common_names(["nvme0q1", "acpi", "nvme0q2", "acpi", "a#b", "a1b"]) == ["nvme0q*", "acpi", "a#b", "a1b"]
    assert without_numbers("mlx5_comp3@pci:0000:81:00.0") == ("mlx", "_comp", "@pci:", ":", ":", ".", "")


def test_of_many_runs_of_numbers_the_first_are_listed_and_the_rest_counted() -> None:
    few = [*range(40, 44), *range(50, 50 + 2 * (MOST_RUNS - 1), 2)]
    listed = "40-43,50,52,54,56,58,60,62,64,66,68,70"
    assert first_numbers(reversed(few)) == listed
    assert first_numbers([*few, 72]) == f"{listed} and 1 more"
    assert first_numbers([*few, *range(80, 90), 95]) == f"{listed} and 11 more"
    assert first_numbers([]) == ""
