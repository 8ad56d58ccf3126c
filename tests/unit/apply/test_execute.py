# SPDX-License-Identifier: Apache-2.0
"""What becomes of an action, what is stored on the way, and what is learned of it."""

from collections.abc import Iterable

import pytest

from irqaffinity.apply.backoff import FIRST, Backoff
from irqaffinity.apply.execute import Execution, execute, learn, rehearse
from irqaffinity.apply.writer import DryRunWriter
from irqaffinity.model.action import Action, Result
from irqaffinity.model.guest import HOST
from irqaffinity.model.irq import DEFAULT, Interrupt, IrqId
from irqaffinity.model.record import Changes, Fixed, Record, State
from irqaffinity.model.verdict import IrqReason, Verdict
from irqaffinity.state.folder import StateError
from tests.fakes.snapshots import VF, VF2, cpus, guest_id, make_record

IRQ = IrqId(VF, 40)
TARGET = cpus("2-3")
NAME = "vfio-msix[0](0000:41:00.1)"


class Kernel:
    """A writer with an answer for each write; without one left it accepts."""

    def __init__(self, *answers: Result) -> None:
        self.asked: list[Action] = []
        self._answers = list(answers)

    def place(self, action: Action) -> Result:
        self.asked.append(action)
        if self._answers:
            return self._answers.pop(0)._replace(action=action)
        return Result(action, Verdict.SET, action.target, action.target, action.target, was_written=True)


class Run:
    """Executions for one guest, whose clock is moved by the test, and what they stored."""

    def __init__(self, record: Record | None = None) -> None:
        self.now = 1000.0
        self.backoff = Backoff(lambda: self.now)
        self.state = State({} if record is None else {VF: {40: record}})
        self.saved: list[Changes] = []
        self.is_full = False
        self.kernel = Kernel()

    def save(self, changes: Changes) -> None:
        if self.is_full:
            raise StateError("No space left on device")
        self.saved.append(changes)

    def execute(self, *actions: Action, answers: Iterable[Result] = ()) -> Execution:
        self.kernel = Kernel(*answers)
        return execute(actions, self.state, self.save, self.kernel, self.backoff)


def act(current: str | None = "0-15", target: str = "2-3", number: int = 40, **fields: object) -> Action:
    smp = None if current is None else cpus(current)
    return Action(number, VF, guest_id(1), smp, None, cpus(target))._replace(**fields)  # type: ignore[arg-type]


def answer(verdict: Verdict, **fields: object) -> Result:
    return Result(act(), verdict, TARGET, cpus("0-15"), None)._replace(**fields)  # type: ignore[arg-type]


def reborn(smp: str | None, effective: str | None = "5") -> Result:
    """A refusal that may have met another life of the interrupt, which has `smp`."""
    seen = Interrupt(40, None if smp is None else cpus(smp), None if effective is None else cpus(effective))
    return answer(Verdict.MANAGED, reborn=seen, handler=NAME)


@pytest.fixture
def run() -> Run:
    return Run(make_record())


def test_what_is_elsewhere_is_written(run: Run) -> None:
    done = run.execute(act())
    assert run.kernel.asked == [act()]
    assert done == Execution((Result(act(), Verdict.SET, TARGET, TARGET, TARGET, was_written=True),), Changes(), None)


@pytest.mark.parametrize(
    ("action", "verdict"),
    [
        (act("2-3"), Verdict.OK),
        (act("2-3", effective=cpus("2")), Verdict.OK),
        (act("2-3", effective=cpus("7")), Verdict.PENDING),
        (act(None), Verdict.UNREAD),
        (act(foregone=Verdict.MANAGED), Verdict.MANAGED),
        (act("2-3", foregone=Verdict.IMMOVABLE), Verdict.IMMOVABLE),
        (act(None, foregone=Verdict.OFFLINE), Verdict.OFFLINE),
    ],
)
def test_what_is_in_place_unread_or_known_to_be_refused_is_not_written(
    run: Run, action: Action, verdict: Verdict
) -> None:
    (result,) = run.execute(action).results
    assert run.kernel.asked == []
    assert (result.verdict, result.asked, result.smp, result.effective) == (
        verdict,
        TARGET,
        action.current,
        action.effective,
    )
    assert (result.reason, result.message) == (None, None if verdict is Verdict.OK else verdict.sentence)


@pytest.mark.parametrize("action", [act("2-3"), act(None), act(foregone=Verdict.OFFLINE), act()])
def test_what_is_given_back_says_so(run: Run, action: Action) -> None:
    (result,) = run.execute(action._replace(is_release=True)).results
    assert result.reason is IrqReason.RELEASED


def test_the_reason_of_the_writer_stays(run: Run) -> None:
    (result,) = run.execute(act(), answers=[answer(Verdict.SET, reason=IrqReason.NEXT_CPU)]).results
    assert result.reason is IrqReason.NEXT_CPU


def test_results_are_in_the_order_of_the_actions(run: Run) -> None:
    actions = [act(number=number) for number in (42, 40, 41)]
    assert [result.action for result in run.execute(*actions).results] == actions


def test_without_a_vector_it_is_left_alone_for_a_minute(run: Run) -> None:
    run.execute(act(), answers=[answer(Verdict.NO_VECTOR)])
    (held,) = run.execute(act()).results
    assert (run.kernel.asked, held.verdict, held.reason) == ([], Verdict.NO_VECTOR, IrqReason.BACKOFF)
    assert (held.asked, held.smp, held.message) == (TARGET, cpus("0-15"), IrqReason.BACKOFF.sentence)
    assert run.execute(act(target="4")).results[0].verdict is Verdict.SET
    run.execute(act(), answers=[answer(Verdict.NO_VECTOR)])
    run.now += FIRST
    assert run.execute(act()).results[0].verdict is Verdict.SET


def test_waits_that_are_held_still_double(run: Run) -> None:
    run.execute(act(), answers=[answer(Verdict.NO_VECTOR)])
    run.execute(act())
    run.now += FIRST
    run.execute(act(), answers=[answer(Verdict.NO_VECTOR)])
    run.now += FIRST
    assert run.execute(act()).results[0].reason is IrqReason.BACKOFF


def test_one_that_was_placed_waits_no_longer_and_another_one_does(run: Run) -> None:
    full = answer(Verdict.NO_VECTOR)
    run.execute(act(), act(number=41), answers=[full, full])
    run.execute(act("2-3"), act(number=41))
    assert run.backoff.holds(IRQ, TARGET) is None
    assert run.backoff.holds(IrqId(VF, 41), TARGET) is Verdict.NO_VECTOR


def test_what_is_fought_over_is_left_alone_and_says_so(run: Run) -> None:
    run.backoff.hold(IRQ, TARGET, 60.0)
    (held,) = run.execute(act()).results
    assert (held.verdict, held.reason, run.kernel.asked) == (Verdict.PENDING, IrqReason.BACKOFF, [])
    assert held.message == "another program moves it again and again, so it is put back once a minute"


def test_a_dry_run_only_tells(run: Run) -> None:
    done = rehearse([act(), act("2-3"), act(is_release=True)], DryRunWriter())
    assert [result.verdict for result in done.results] == [Verdict.WOULD_SET, Verdict.OK, Verdict.WOULD_SET]
    assert done == Execution(tuple(done.results), Changes(), None)


def test_one_that_was_born_again_has_its_new_original_stored_before_it_is_placed(run: Run) -> None:
    run.state = State({VF: {40: make_record(previous="9", next_cpu=True, spread_over=cpus("2-3"))}})
    order: list[object] = []
    run.save = order.append  # type: ignore[method-assign]
    kernel = Kernel(reborn("4-7"))
    kernel_place = kernel.place
    kernel.place = lambda action: order.append(action) or kernel_place(action)  # type: ignore[func-returns-value, method-assign]
    done = execute([act()], run.state, run.save, kernel, run.backoff)
    again = act("4-7", effective=cpus("5"))
    assert order == [act(), Changes({IRQ: make_record(original="4-7", spread_over=cpus("2-3"))}), again]
    assert [(result.verdict, result.action) for result in done.results] == [(Verdict.SET, again)]


def test_one_that_was_born_again_in_its_place_has_no_known_original_and_is_not_written(run: Run) -> None:
    (result,) = run.execute(act(), answers=[reborn("2-3", None)]).results
    assert (result.verdict, len(run.kernel.asked)) == (Verdict.OK, 1)
    assert run.saved == [Changes({IRQ: make_record(original=None)})]


def test_one_that_was_born_again_without_a_record_stays_without(run: Run) -> None:
    run.state = State({VF: {41: make_record()}, VF2: {40: make_record()}})
    run.execute(act(), answers=[reborn("4-7")])
    assert run.saved == [Changes({IRQ: None})]


def test_one_that_was_born_again_and_cannot_be_read_loses_its_record(run: Run) -> None:
    (result,) = run.execute(act(), answers=[reborn(None)]).results
    assert (result.verdict, run.saved) == (Verdict.UNREAD, [Changes({IRQ: None})])


def test_one_that_has_what_was_read_before_shows_no_sign_of_another_life(run: Run) -> None:
    (result,) = run.execute(act(), answers=[reborn("0-15")]).results
    assert (result.verdict, result.action.effective, run.saved) == (Verdict.SET, cpus("5"), [])


def test_a_second_refusal_is_one(run: Run) -> None:
    done = run.execute(act(), answers=[reborn("4-7"), reborn("8-9")])
    assert (len(run.kernel.asked), done.results[0].verdict) == (2, Verdict.MANAGED)
    assert done.learned == Changes({IRQ: None}, {IRQ: Fixed(NAME, Verdict.MANAGED)})


def test_what_an_earlier_life_had_is_not_given_back(run: Run) -> None:
    done = run.execute(act("2-3", "0-15", is_release=True), answers=[reborn("4-7")])
    (result,) = done.results
    assert (result.verdict, len(run.kernel.asked), run.saved) == (Verdict.GONE, 1, [])
    assert result.message == "was born again since it was moved, so there is nothing to give back"
    assert done.learned == Changes({IRQ: None})


def test_a_release_without_a_sign_of_another_life_is_tried_again(run: Run) -> None:
    (result,) = run.execute(act("2-3", "0-15", is_release=True), answers=[reborn("2-3")]).results
    assert (result.verdict, result.reason, len(run.kernel.asked)) == (Verdict.SET, IrqReason.RELEASED, 2)


def test_one_whose_new_original_cannot_be_stored_is_not_placed_and_stops_no_other(run: Run) -> None:
    run.is_full = True
    done = run.execute(act(), act(number=41), answers=[reborn("4-7")])
    first, second = done.results
    assert (first.verdict, second.verdict, len(run.kernel.asked)) == (Verdict.DENIED, Verdict.SET, 2)
    assert first.message == (
        "was born again, and its CPUs from before the move cannot be stored: No space left on device"
    )
    assert done.unsaved == "No space left on device"


@pytest.mark.parametrize("smp", ["4-7", "4", "4-8"])
def test_one_that_was_born_again_with_the_narrowed_default_has_no_known_original(run: Run, smp: str) -> None:
    default = make_record(original="0-15", written="4-7", previous="4-8", owner=HOST, driver=None)
    run.state = State({VF: {40: make_record(original="9")}, DEFAULT.device: {DEFAULT.number: default}})
    run.execute(act(), answers=[reborn(smp)])
    assert run.saved == [Changes({IRQ: make_record(original=None)})]


def test_what_the_host_has_for_good_is_remembered_as_the_hosts() -> None:
    state = State({VF: {40: make_record(owner=HOST, action="nvme0q1")}})
    result = answer(Verdict.MANAGED, handler="nvme0q1", action=act(owner=HOST, handler="nvme0q1"))
    assert learn(state, [result]) == Changes({IRQ: None}, {IRQ: Fixed("nvme0q1", Verdict.MANAGED, is_hosts=True)})


def release(current: str, **fields: object) -> Action:
    return act(current, "0-15", is_release=True, **fields)


LEARNED: dict[str, tuple[Result, Changes]] = {
    "placed": (answer(Verdict.SET, was_written=True), Changes()),
    "in place": (answer(Verdict.OK), Changes()),
    "not moved at this moment": (answer(Verdict.PENDING), Changes()),
    "without vector": (answer(Verdict.NO_VECTOR), Changes()),
    "denied": (answer(Verdict.DENIED), Changes()),
    "gone": (answer(Verdict.GONE), Changes({IRQ: None})),
    "managed": (
        answer(Verdict.MANAGED, handler="nvme0q1"),
        Changes({IRQ: None}, {IRQ: Fixed("nvme0q1", Verdict.MANAGED)}),
    ),
    "immovable, of no name": (answer(Verdict.IMMOVABLE), Changes({IRQ: None}, {IRQ: Fixed("", Verdict.IMMOVABLE)})),
    "immovable as was known": (
        answer(Verdict.IMMOVABLE, action=act(foregone=Verdict.IMMOVABLE)),
        Changes({IRQ: None}),
    ),
    "on a spare CPU": (
        answer(Verdict.SET, asked=cpus("3"), reason=IrqReason.NEXT_CPU, was_written=True),
        Changes({IRQ: make_record(written="3", next_cpu=True)}),
    ),
    "given back": (
        answer(Verdict.SET, action=release("2-3"), asked=cpus("0-15"), smp=cpus("0-15"), was_written=True),
        Changes({IRQ: None}),
    ),
    "given back, and moved at once": (
        answer(Verdict.PENDING, action=release("2-3"), asked=cpus("0-15"), smp=cpus("7"), was_written=True),
        Changes({IRQ: None}),
    ),
    "home already": (answer(Verdict.OK, action=release("0-15"), asked=cpus("0-15")), Changes({IRQ: None})),
    "not given back": (
        answer(Verdict.PENDING, action=release("2-3"), asked=cpus("0-15"), smp=cpus("2-3")),
        Changes(),
    ),
    "given back, and gone": (
        answer(Verdict.GONE, action=release("2-3"), asked=cpus("0-15"), smp=None),
        Changes({IRQ: None}),
    ),
}


@pytest.mark.parametrize(("result", "changes"), LEARNED.values(), ids=LEARNED.keys())
def test_what_is_learned(result: Result, changes: Changes) -> None:
    assert learn(State({VF: {40: make_record()}}), [result]) == changes


@pytest.mark.parametrize("result", [result for result, _ in LEARNED.values()], ids=LEARNED.keys())
def test_of_an_interrupt_without_a_record_nothing_is_learned(result: Result) -> None:
    assert learn(State({VF: {41: make_record()}, VF2: {40: make_record()}}), [result]) == Changes()


def test_a_spare_cpu_that_the_record_has_is_learned_once() -> None:
    state = State({VF: {40: make_record(written="3", next_cpu=True)}})
    assert learn(state, [LEARNED["on a spare CPU"][0]]) == Changes()


def test_results_are_learned_from_together() -> None:
    state = State({VF: {40: make_record(), 41: make_record()}})
    other = act(number=41)
    learned = learn(state, [answer(Verdict.GONE), answer(Verdict.SET), answer(Verdict.GONE, action=other)])
    assert learned == Changes({IRQ: None, IrqId(VF, 41): None})
