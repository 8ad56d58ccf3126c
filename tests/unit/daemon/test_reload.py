# SPDX-License-Identifier: Apache-2.0
"""What is known of the configuration that was read last."""

from irqaffinity.daemon.reload import LastReload


def test_a_refused_configuration_keeps_the_time_of_the_one_in_use_and_an_accepted_one_ends_the_trouble() -> None:
    reload = LastReload()
    start = reload.time
    assert reload.error is None
    reload.failed(ValueError("a\nb"))
    assert (reload.time, reload.error) == (start, "a\\x0ab")
    reload.succeeded()
    assert reload.time > start
    assert reload.error is None
