"""Money that goes back: what was asked for and decided over the weeks, and what waits today."""

from collections.abc import Iterator
from datetime import timedelta

from django.utils import timezone

from tenpo.checkout.actions.refunding import ask_for_refund, give_refund, grant_refund
from tenpo.checkout.actions.topping_up import top_up
from tenpo.demo import cast
from tenpo.demo.story import Story
from tenpo.orders.models import Line, Order
from tenpo.orders.policies import parts_left
from tenpo.payments.actions.refund_sending import send_waiting_refunds
from tenpo.payments.actions.refunds import reject_refund, update_refund_terms, withdraw_refund
from tenpo.payments.models import Refund
from tenpo.payments.providers.sandbox import REFUND_FAILS, REFUNDS_LATE
from tenpo.people.models import User
from tenpo.schedule.models import Session

# Up to here nobody has to look.
AUTOMATIC = 500
LATELY = timedelta(days=12)


def set_terms(story: Story) -> None:
    """What the business decided before anybody came."""
    update_refund_terms(by=story.admin, ask_days=14, automatic_amount=AUTOMATIC)


def refunds_of_the_weeks(story: Story, number: int) -> None:
    """What was asked for on the working day of that number, and what became of it."""
    admin = story.admin
    if number == 30:
        for line in _some(story, 1):
            grant_refund(_ask(line, "The room was double-booked; we had half the time."), to="method", by=admin)
    elif number == 37:
        for line, word in zip(_some(story, 2), ("All of it took place as it was announced.", ""), strict=False):
            refund = _ask(line, "I had expected something else.")
            if word:
                reject_refund(refund, word=word, by=admin)
            else:
                withdraw_refund(refund, by=line.order.buyer)
    elif number == 46:
        # A card that was closed since: somebody has to see to it.
        saver = story.member(cast.MEMBERS[6])
        paid = top_up(saver, amount=2_000, provider="sandbox", source=REFUND_FAILS, by=saver)
        give_refund(payment=paid, amount=1_500, to="method", word="You topped up twice.", by=admin)
    send_waiting_refunds()


def refunds_of_today(story: Story) -> None:
    """What waits for the admins, and what went back just now."""
    words = ("The coach came twenty minutes late.", "I was ill, and have a note from my doctor.")
    lines = _some(story, 4)
    for line, reason in zip(lines, words, strict=False):
        _ask(line, reason)
    for line in lines:
        half = parts_left(line).whole // 2
        grant_refund(_ask(line, "There was no heating.", half), to="wallet", word="Sorry about that.", by=story.admin)
        break
    ifeoma = story.member(cast.MEMBERS[2])
    paid = top_up(ifeoma, amount=3_000, provider="sandbox", source=REFUNDS_LATE, by=ifeoma)
    give_refund(payment=paid, amount=1_000, to="method", by=story.admin)


def _some(story: Story, count: int) -> Iterator[Line]:
    """Lines of as many buyers, whose sessions took place lately and were paid for at least in part by a card."""
    now = timezone.now()
    ended = Session.objects.filter(status=Session.Status.COMPLETED, ends_at__gt=now - LATELY, ends_at__lt=now)
    paid = Line.objects.filter(order__state=Order.State.PAID, refunded_percent=None, own_share__gt=0, own_back=0)
    lines = paid.filter(subject_id__in=ended.values("pk")).select_related("order__buyer").order_by("id")
    seen: set[object] = set(Refund.objects.values_list("user_id", flat=True))
    for line in lines:
        buyer: User = line.order.buyer
        if count and buyer.pk not in seen and buyer.disabled_at is None:
            seen.add(buyer.pk)
            count -= 1
            yield line


def _ask(line: Line, reason: str, amount: int | None = None) -> Refund:
    return ask_for_refund(
        line=line, amount=amount or parts_left(line).whole, to="method", reason=reason, by=line.order.buyer
    )
