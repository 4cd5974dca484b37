"""Who gives a session with somebody, and who stands in while its coach is away."""

from django.utils import timezone

from tenpo.core.errors import RuleError
from tenpo.demo.offers import ELENA, JONAS, SOFIA
from tenpo.demo.story import Story
from tenpo.people.models import User
from tenpo.schedule.actions.sessions import edit_session
from tenpo.schedule.actions.standing_in import hand_over
from tenpo.schedule.models import Session, TimeOff
from tenpo.schedule.stand_in_queries import to_hand_over


def given_together(story: Story) -> None:
    """Somebody is put beside the coach of a session that people have booked already."""
    jonas, elena = story.coaches[JONAS], story.coaches[ELENA]
    _put_beside(jonas, elena, "First steps in leading")
    _put_beside(elena, jonas, "Speak so that people listen")


def stood_in(story: Story) -> None:
    """Somebody who goes away hands over the first of what falls into it; what is left waits for a word of theirs."""
    sofia = story.coaches[SOFIA]
    off = TimeOff.objects.filter(coach=sofia, stand_in__isnull=False).order_by("starts_at")[0]
    for session in to_hand_over(off):
        if hand_over(off, by=sofia, only=[session.pk]).given:
            return


def _put_beside(lead: User, other: User, title: str) -> None:
    coming = Session.objects.upcoming(timezone.now()).filter(coach=lead, title=title).order_by("starts_at")
    for session in coming[1:]:
        try:
            edit_session(session, by=lead, beside=[other])
        except RuleError as refusal:
            if refusal.code != "coach_taken":
                raise
        else:
            return
