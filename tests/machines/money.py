"""What the money machine begins with: who there is, its clock, what is compared, whom and what a step means.

What is done stands beside it, by its noun: `wallets`, `sales`, `creators`, `sponsors`, `auto_top_ups`, `payouts`,
`refunds`, and `disputes`, which is all of it. A new rule is one method there (what is done to both) and one in the
model (what must come of it), which lists it. Seats, waitlists and shares of the company are the booking machine's.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tenpo.core.business import forget_business
from tenpo.core.models import Business as BusinessRow
from tenpo.core.tests.make import make_account_to_pay_to
from tenpo.core.tokens import new_id
from tenpo.orders.models import SplitRule
from tenpo.orders.tests.make import make_cancellation_policy, make_share_policy
from tenpo.payments.actions.refunds import update_refund_terms
from tenpo.payments.providers.sandbox import KEPT_DECLINED, REFUND_FAILS, REFUNDS_LATE, TAKEN_BACK
from tenpo.people.models import Role, User
from tenpo.schedule.models import Service, ServiceCoach, ServicePrice
from tests.machines import money_nouns as nouns
from tests.machines.booking import CARDS as BOOKING_CARDS
from tests.machines.booking import WINDOWS
from tests.machines.booking_nouns import HOLD
from tests.machines.booking_rows import newest
from tests.machines.machine import START, Machine, make_people
from tests.machines.money_nouns import ADMINS, COACHES, EVERYBODY, MEMBERS
from tests.machines.money_rows import Rows, expected_of
from tests.machines.payout_model import CODES, RULES, Business

CARDS = {
    **BOOKING_CARDS,
    "back late": REFUNDS_LATE,
    "not back": REFUND_FAILS,
    "blocked": KEPT_DECLINED,
    "taken back": TAKEN_BACK,
}
# Sessions of one run: every step reads all of them.
MANY = 10

members = st.sampled_from(MEMBERS)
anybody = st.sampled_from(EVERYBODY)
coaches = st.sampled_from(COACHES)
# Mostly an admin, now and then somebody who is none.
admins = st.sampled_from([*ADMINS * 4, MEMBERS[0], COACHES[0]])
# Mostly who may, now and then anybody.
somebody = st.sampled_from([*[None] * 18, *EVERYBODY])
cards = st.sampled_from(
    ["succeeds", "succeeds", "succeeds", "declined", "asks", "late", "silent", "back late", "not back", "taken back"]
)
# Counted from the newest, so that small numbers are what matters most.
which = st.integers(0, 5)
prices = st.sampled_from([0, 1, 999, 3_000, 10_001])
shares = st.sampled_from([(15, 85, 0), (15, 15, 70), (33, 33, 34), (0, 100, 0), (100, 0, 0), (10, 10, 10)])


class BusinessMachine(Machine):
    runs, runs_until_found = 36, 66
    seed = 3
    steps_of_a_run = 12
    rows: Rows  # read anew after each step

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[str, int] = {}
        self.people = make_people(
            *(None for _ in MEMBERS), *(Role.ADMIN for _ in ADMINS), *(Role.COACH for _ in COACHES)
        )
        make_account_to_pay_to()
        BusinessRow.objects.update(
            top_up_least=nouns.TOP_UP_LEAST, top_up_most=nouns.TOP_UP_MOST, wallet_most=nouns.WALLET_MOST,
            hold_minutes=HOLD // timedelta(minutes=1),
        )  # fmt: skip
        forget_business()
        self.windows = {windows: make_cancellation_policy(*windows) for windows in WINDOWS}
        make_share_policy(percent=nouns.COMPANY_PERCENT, coach=self.people[nouns.SPONSORED])
        update_refund_terms(by=None, ask_days=nouns.ASK_DAYS)
        self.split_rules: list[SplitRule] = []
        self.services = make_services(self.people[COACHES[0]])
        self.service_numbers: dict[str | None, int | None] = {None: None}
        self.service_numbers |= {str(service.pk): number for number, service in enumerate(self.services)}
        self.model = Business(START, nouns.Terms(minimum=100, fee=0, second=None))

    @classmethod
    def outcomes(cls) -> set[str]:
        return {*RULES, *CODES}

    def found(self) -> dict[str, Any]:
        self.rows = Rows(self.seen)
        return self.rows.found(self.people, self.service_numbers)

    def expected(self) -> dict[str, Any]:
        return expected_of(self.model)

    def do(self, predicted: partial[Any], done: Callable[[], Any]) -> None:
        """One step of several that a rule takes: the next one finds what this one left."""
        self.both(predicted, done)
        self.they_agree()

    # Time

    @rule(by=st.sampled_from([timedelta(minutes=2), timedelta(minutes=16), timedelta(hours=5), timedelta(hours=50)]))
    def wait(self, by: timedelta) -> None:
        self._move_to(self.clock.now + by)

    def _move_to(self, at: datetime) -> None:
        self.clock.move_to(at)
        self.model.now = at

    # Who and what is meant

    def _pick(self, kind: str, which: int, wanted: Callable[[Any], bool]) -> tuple[Any, Any]:
        """Mostly one that is wanted, if there is any; else one of all: as the model knows it, and its row."""
        things = getattr(self.model, kind)
        number = newest([wanted(thing) or which == 5 for thing in things], which)
        return things[number], self.rows.row(kind, number)

    def _session(self, which: int) -> tuple[nouns.Session, Any]:
        return self._pick("sessions", which, lambda session: session.status == "planned")


def make_services(coach: User) -> list[Service]:
    """What sessions may be of, with few statements, as every run begins with them."""
    services = [Service(id=new_id(), name=f"Service {n}", durations=[60], currency="EUR") for n in nouns.SERVICES]
    Service.objects.bulk_create(services)
    ServiceCoach.objects.bulk_create(ServiceCoach(service=service, coach=coach) for service in services)
    ServicePrice.objects.bulk_create(ServicePrice(service=service, people=1, amount=1) for service in services)
    return services
