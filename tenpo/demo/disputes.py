"""Money that banks take back: one time for good, and lately one of which nobody has decided."""

from tenpo.checkout.actions.disputing import ask_about_disputes
from tenpo.checkout.actions.settling import take_back_sandbox_charge
from tenpo.checkout.actions.topping_up import top_up
from tenpo.demo import cast
from tenpo.demo.story import Story
from tenpo.payments.models import SandboxCharge
from tenpo.payments.providers.sandbox import TAKEN_BACK

LOST_ON_DAY = 25


def disputes_of_the_weeks(story: Story, number: int) -> None:
    """What banks did on the working day of that number."""
    if number == LOST_ON_DAY:
        payer = story.member(cast.MEMBERS[13])
        top_up(payer, amount=4_000, provider="sandbox", source=TAKEN_BACK, by=payer)
    banks_take_back()


def banks_take_back() -> None:
    """Whatever their banks took back by now is told, and what they decided is asked for."""
    for charge in SandboxCharge.objects.filter(card=TAKEN_BACK).order_by("id"):
        take_back_sandbox_charge(charge.pk)
    ask_about_disputes()
