"""How coaches from outside are paid, by hand and by a file for the bank; the last payouts still want something done."""

from tenpo.demo.story import Story
from tenpo.payments.actions.payout_accounts import add_payout_account
from tenpo.payments.actions.payout_sending import (
    make_payout_batch,
    mark_payout_done,
    mark_payout_sent,
    read_payout_batch,
    send_payout_batch,
)
from tenpo.payments.actions.payouts import approve_payout, ask_for_payout
from tenpo.payments.models import Payout, PayoutAccount
from tenpo.payments.queries import payable
from tenpo.people.models import User

WAYS = (("manual", "sepa"), ({"note": "With the invoice of the month"}, {"iban": "DE02120300000000202051"}))
MIN_PAYOUT = 2_000
# By the number of the working day: who is paid asks; the bank has the file a day later, and all of it arrives.
FIRST_DAY, ASKED_ON, LAST_ASKED_ON, APPROVED_ON = 20, (21, 36), 45, 50


def payouts_of_the_weeks(story: Story, number: int) -> None:
    """What is asked for, looked at and sent on the working day of that number."""
    if number == FIRST_DAY:
        for coach, method, details in zip(from_outside(story), *WAYS, strict=True):
            add_payout_account(coach, method=method, holder=coach.name, details=details, by=coach)
    elif number in ASKED_ON:
        for payout in _asked_for(story):
            approve_payout(payout, by=story.admin)
            if payout.account.method == PayoutAccount.Method.MANUAL:
                mark_payout_done(mark_payout_sent(payout, by=story.admin), by=story.admin)
    elif number - 1 in ASKED_ON:
        _pay_by_file(story)
    elif number == LAST_ASKED_ON:
        _asked_for(story)
    elif number == APPROVED_ON:
        # This one waits for its file, the other one for somebody to look at it.
        for payout in Payout.objects.filter(state=Payout.State.ASKED, method=PayoutAccount.Method.SEPA).order_by("id"):
            approve_payout(payout, by=story.admin)


def from_outside(story: Story) -> list[User]:
    """Coaches who earn a share; the others have a salary."""
    return [story.coaches[place] for place in (1, 3)]


def _asked_for(story: Story) -> list[Payout]:
    """What each of them asks for: all that is there, where it is worth it."""
    asked = []
    for coach in from_outside(story):
        there = payable(coach, Payout.Source.EARNINGS, "EUR").left
        if there >= MIN_PAYOUT:
            account = PayoutAccount.objects.get(owner=coach)
            asked.append(ask_for_payout(account, source=Payout.Source.EARNINGS, amount=there, by=coach))
    return asked


def _pay_by_file(story: Story) -> None:
    approved = Payout.objects.filter(state=Payout.State.APPROVED, method=PayoutAccount.Method.SEPA)
    if not approved.exists():
        return
    batch = make_payout_batch(PayoutAccount.Method.SEPA, by=story.admin)
    read_payout_batch(batch, by=story.admin)
    send_payout_batch(batch, by=story.admin)
    for payout in batch.payouts.order_by("id"):
        mark_payout_done(payout, by=story.admin)
