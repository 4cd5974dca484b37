"""What every machine stands on: a transaction that is undone, a clock that it moves, and what is compared when.

A machine does the same to Tenpo and to a plain model of the rules, and asks after each step whether both say the same.
"""

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from itertools import zip_longest
from typing import Any, ClassVar
from unittest.mock import patch

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants
from hypothesis.stateful import RuleBasedStateMachine, invariant, run_state_machine_as_test

from tenpo.core.business import forget_business
from tenpo.core.errors import RuleError
from tenpo.core.invariants import Finding
from tenpo.people.models import Role, RoleGrant, User
from tenpo.people.tests.make import make_members
from tests.healthy import faults_now
from tests.machines.clock import Clock

# The Friday before the clocks of Europe change.
START = datetime(2027, 3, 26, 12, tzinfo=UTC)
RUNS_IN_CI = 100
SEED_IN_CI = 1
STEPS = 30


class Refused(Exception):
    """What a model says of a step that Tenpo must refuse, with the code that it must give."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Machine(RuleBasedStateMachine):
    """One run: begins in an empty business at `START`, and leaves nothing behind."""

    # How often each rule of the model was done (""), or refused with which code, in all runs of this process.
    reached: ClassVar[Counter[tuple[str, str]]]
    # Whose run has begun and is not undone yet.
    under_way: ClassVar[list["Machine"]] = []
    # Whose invariants are asked at the end of a run; "": all.
    app = ""
    # While all is well; and at most until a rule that is broken on purpose shows.
    runs = RUNS_IN_CI
    runs_until_found = 200
    # One that comes to whatever the model lists in few runs.
    seed = SEED_IN_CI
    steps_of_a_run = STEPS

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.reached = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0
        self.under_way.append(self)
        self._left = ExitStack()
        self._left.callback(forget_business)
        self._left.enter_context(rolled_back())
        forget_business()
        self.clock = Clock(START)
        self._left.callback(self.clock.stop)

    def found(self) -> dict[str, Any]:
        """How Tenpo is now, in words that can be compared: kinds of things with what is known of each."""
        raise NotImplementedError

    def expected(self) -> dict[str, Any]:
        """The same, as the model says."""
        raise NotImplementedError

    @classmethod
    def outcomes(cls) -> set[str]:
        """The model's rules, each of which must have been done in some run, and the refusals that must have come."""
        raise NotImplementedError

    @classmethod
    def never_reached(cls) -> set[str]:
        """What no run came to: rules that were never done, and refusals that never came."""
        return cls.outcomes() - cls._came()

    @classmethod
    def not_listed(cls) -> set[str]:
        """What came and is forgotten in `outcomes`, where it would not be missed."""
        return cls._came() - cls.outcomes()

    @classmethod
    def _came(cls) -> set[str]:
        return {code or rule for rule, code in cls.reached}

    def must_hold(self, finding: Finding) -> bool:
        """Whether an invariant that is broken at the end of a run is a fault; a machine may break some on purpose."""
        return True

    def both(self, predicted: partial[Any], done: Callable[[], Any]) -> None:
        """Take one step in the model and in Tenpo: both do it, or both refuse it for the same reason."""
        expected, found = self.predict(predicted), code_of(done)
        assert found == expected, f"Tenpo says {found!r}, the model {expected!r}"

    def predict(self, step: partial[Any]) -> str:
        """Take a step in the model; returns the code of its refusal, and counts it."""
        code = code_of(step)
        self.reached[step.func.__name__, code] += 1
        return code

    @invariant()
    def they_agree(self) -> None:
        # What the database checks at the commit counts for each step; the steps after it may defer again.
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
        if wrong := differences(self.found(), self.expected()):
            raise AssertionError("\n".join(wrong))
        self.steps += 1

    def teardown(self) -> None:
        try:
            if sys.exception() is None:
                faults = [finding for finding in faults_now(about_time=False, app=self.app) if self.must_hold(finding)]
                assert not faults, faults
        finally:
            self.undo()

    def undo(self) -> None:
        """Leave nothing behind, whatever of it fails; the second time there is nothing left."""
        if self in self.under_way:
            self.under_way.remove(self)
        self._left.close()


@contextmanager
def rolled_back() -> Iterator[None]:
    """A transaction that leaves nothing behind, and a connection that can be used, also when it broke meanwhile."""
    with transaction.atomic():
        try:
            yield
        finally:
            transaction.set_rollback(True)


@contextmanager
def nothing_left_behind() -> Iterator[None]:
    """However a test within ends, none of its machines keeps its transaction open or its clock still."""
    with ExitStack() as undone:
        try:
            yield
        finally:
            for machine in Machine.under_way:
                undone.callback(machine.undo)


def make_people(*roles: Role | None) -> list[User]:
    """Somebody for each of `roles`, in their order; None: a member. Few statements, as every run begins with them."""
    made = [user.pk for user in make_members(len(roles))]
    RoleGrant.objects.bulk_create(
        RoleGrant(user_id=pk, role=role) for pk, role in zip(made, roles, strict=True) if role is not None
    )
    people = User.objects.with_roles().select_related("participant").in_bulk(made)
    return [people[pk] for pk in made]


def differences(found: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """Where the two are not the same, each in one line."""
    return [
        f"{kind}[{index}]: Tenpo says {ours!r}, the model {theirs!r}"
        for kind in expected
        for index, (ours, theirs) in enumerate(zip_longest(found[kind], expected[kind]))
        if ours != theirs
    ]


def code_of(step: Callable[[], Any]) -> str:
    """What a step is refused with; "" when it is not."""
    try:
        step()
    except (Refused, RuleError) as refusal:
        return refusal.code
    except PermissionDenied:
        return "forbidden"
    except ValidationError:
        return "invalid"
    return ""


def run(machine: type[Machine], *, first: Iterable[Callable[[], object]] = ()) -> None:
    """The same runs every time, so that a change that breaks nothing never fails; others every time in `make soak`.

    Done `first` is what chance comes to too seldom: it counts as reached.
    The first run that finds something ends it here; making its steps few, which takes minutes, is for `make soak`.
    """
    if runs := int(os.environ.get("SOAK_RUNS", "0")):
        _run(machine, max_examples=runs)
        return
    try:
        machine.reached.clear()
        for story in first:
            story()
        _run(seed(machine.seed)(machine), **_quickly(machine.runs))
    except Exception as found:
        found.add_note(f"As few steps as will do: make soak SOAK_SEED={machine.seed}")
        raise
    assert not (missed := machine.never_reached()), f"No run reached {sorted(missed)}"
    assert not (forgotten := machine.not_listed()), f"The model does not list {sorted(forgotten)}"


def finds_a_difference(machine: type[Machine]) -> bool:
    """Whether the machine notices within its runs that something is wrong. The first difference will do."""
    try:
        _run(seed(SEED_IN_CI)(machine), **_quickly(machine.runs_until_found))
    except AssertionError:
        return True
    return False


def _quickly(runs: int) -> dict[str, Any]:
    """As soon as something is found, say so."""
    return {"max_examples": runs, "phases": [Phase.generate]}


@contextmanager
def alike_everywhere() -> Iterator[None]:
    """Let a seed mean the same runs wherever it is used.

    Hypothesis also draws the constants of whatever modules are loaded, which depends on the tests that ran here before.
    """
    with patch.object(providers, "_get_local_constants", Constants), patch.object(providers, "CONSTANTS_CACHE", {}):
        yield


@alike_everywhere()
def _run(machine: type[Machine], **options: Any) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            stateful_step_count=machine.steps_of_a_run,
            deadline=None,
            database=None,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
            **options,
        ),
    )
