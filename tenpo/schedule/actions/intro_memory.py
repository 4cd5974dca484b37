"""What is kept of visitors, and for how long."""

from datetime import timedelta

from django.db import transaction
from django.db.models import Q

from tenpo.audit.actions import record
from tenpo.core import clock
from tenpo.core.limits import INTRO_KEPT_DAYS, INTRO_UNANSWERED_DAYS
from tenpo.people.models import Participant
from tenpo.schedule.models import Intro


def forget_visitors(limit: int = 500) -> int:
    """Let go name, address, answers and link of intros that are over for long, or were never confirmed; how many."""
    now = clock.now()
    is_old = Q(session__ends_at__lt=now - timedelta(days=INTRO_KEPT_DAYS))
    was_given_up = Q(state=Intro.State.CANCELLED, cancelled_at__lt=now - timedelta(days=INTRO_KEPT_DAYS))
    unanswered = Q(ending=Intro.Ending.EXPIRED, cancelled_at__lt=now - timedelta(days=INTRO_UNANSWERED_DAYS))
    due = Intro.objects.filter(is_old | was_given_up | unanswered, forgotten_at=None)
    intros = list(due.order_by("created_at", "id")[:limit])
    for intro in intros:
        _forget(intro)
    return len(intros)


@transaction.atomic
def _forget(intro: Intro) -> None:
    intro = Intro.objects.select_for_update(no_key=True).get(pk=intro.pk)
    if intro.forgotten_at is not None:
        return
    intro.email, intro.answers, intro.link, intro.token_hash = "", [], None, None
    intro.forgotten_at = clock.now()
    intro.save(update_fields=["email", "answers", "link", "token_hash", "forgotten_at"])
    Participant.objects.filter(pk=intro.participant_id, user=None).update(name="")
    record("intro.forgotten", by=None, on=intro)
