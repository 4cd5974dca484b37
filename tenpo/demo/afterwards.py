"""What stays of a session: how it was for both sides, what its coach noted, and what they gave out."""

from datetime import timedelta
from functools import cache
from random import Random

from django.core.files.uploadedfile import SimpleUploadedFile

from tenpo.core.pdf import Document, pdf_of
from tenpo.demo import cast
from tenpo.demo.story import COMES, Story
from tenpo.schedule.actions.check_in import CHECK_IN_OPENS, check_in
from tenpo.schedule.actions.notes import write_note
from tenpo.schedule.actions.resources import add_file, add_link
from tenpo.schedule.actions.reviews import write_review
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.review_models import SessionReview

# How many of those who came say something, and how many of them their coach answers.
WRITES, ANSWERS = 0.15, 0.6
SAID = (
    (5, "Half an hour that I still notice in the evening."),
    (5, "Calm, clear, and no slides for once."),
    (4, "Good exercises. I would have liked a little more time to ask."),
    (5, ""),
    (4, "I use the breathing before every call now."),
    (3, "Useful, but the room was too warm to think."),
    (5, "Exactly what I needed before my first review talk."),
    (4, ""),
    (2, "Too much at once for me. The second half was better."),
)
ANSWERED = ((5, "On time, curious, a pleasure."), (5, ""), (4, "Brought good questions."), (4, ""))
NOTED = (
    "Asked twice about the evening exercise. Begin with it next time.",
    "Shoulder after surgery: no overhead stretches until spring.",
    "Leads a team of six since March; wants to practise saying no.",
)


def say_and_keep(story: Story, number: int) -> None:
    """What people say and coaches keep, on the working day of that number, of the sessions of the day before."""
    chance = Random(number)  # noqa: S311 (a demo)
    now = story.clock.real(story.clock.now())
    over = Session.objects.filter(ends_at__range=(now - timedelta(days=4), now), reviews=None, resources=None)
    for session in over.select_related("coach").order_by("ends_at", "id"):
        came = list(session.bookings.filter(state=Booking.State.ATTENDED).select_related("booked_by").order_by("id"))
        for booking in came:
            if booking.booked_by_id != session.coach_id and chance.random() < WRITES:
                _say(booking, chance)
        if came and chance.random() < 0.2:
            write_note(session, about=chance.choice(came).participant, text=chance.choice(NOTED), by=session.coach)
        if came and chance.random() < 0.25:
            _keep(session, chance)


def open_doors(story: Story, number: int) -> None:
    """Whoever is early, or there already, is checked in; the clockwork closes what is open when a session is over."""
    chance = Random(number)  # noqa: S311 (a demo)
    now = story.clock.real(story.clock.now())
    on = Session.objects.filter(status=Session.Status.PLANNED, ends_at__gt=now)
    for session in on.filter(starts_at__lt=now + CHECK_IN_OPENS).select_related("coach").order_by("starts_at", "id"):
        for booking in session.bookings.filter(state=Booking.State.CONFIRMED).order_by("id"):
            if chance.random() < COMES:
                check_in(booking, by=session.coach)


def _say(booking: Booking, chance: Random) -> None:
    rating, comment = chance.choice(SAID)
    side = SessionReview.Side
    write_review(booking, side=side.PARTICIPANT, rating=rating, comment=comment, by=booking.booked_by)
    if chance.random() < ANSWERS:
        rating, comment = chance.choice(ANSWERED)
        write_review(booking, side=side.COACH, rating=rating, comment=comment, by=booking.session.coach)


@cache
def _paper() -> bytes:
    exercises = [("Breathe", "Four counts in, six out"), ("Walk", "After lunch"), ("Write", "One line a day")]
    return pdf_of(Document("Exercises for at home", cast.COMPANY, "", [], ["What", "How"], exercises))


def _keep(session: Session, chance: Random) -> None:
    file = SimpleUploadedFile("exercises.pdf", _paper())
    add_file(session, file, kind="document", name="Exercises for at home", by=session.coach)
    if chance.random() < 0.5:
        link = f"https://video.northlight.example/{session.pk.hex[:8]}"
        add_link(session, link, kind="recording", name="Recording", duration_seconds=1_740, by=session.coach)
