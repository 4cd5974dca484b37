"""Who gives a session with somebody, and who stands in while its coach is away."""

from django.utils import timezone

from tenpo.core.errors import RuleError
from tenpo.demo.story import Story
from tenpo.people.models import User
from tenpo.schedule.actions.sessions import edit_session
from tenpo.schedule.models import Session

JONAS, SOFIA, AMARA = 1, 2, 3


def given_together(story: Story) -> None:
    """Somebody is put beside the coach of a session that people have booked already."""
    jonas, amara = story.coaches[JONAS], story.coaches[AMARA]
    _put_beside(jonas, amara, "First steps in leading")
    _put_beside(amara, jonas, "Speak so that people listen")


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
