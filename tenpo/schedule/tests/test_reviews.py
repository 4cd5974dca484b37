from datetime import timedelta
from functools import partial

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction

from tenpo.audit.models import AuditLog
from tenpo.checkout.tests.make import told
from tenpo.core.errors import RuleError
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member, signed_in
from tenpo.schedule import jobs
from tenpo.schedule.actions import reviews
from tenpo.schedule.actions.attendance import mark_attendance
from tenpo.schedule.actions.reviews import write_review
from tenpo.schedule.models import Booking
from tenpo.schedule.queries import coach_rating
from tenpo.schedule.review_models import SessionReview
from tenpo.schedule.tests.meeting_make import make_attended, make_begun, review
from tests.at_once import at_once, meet_before, without_constraint

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
PARTICIPANT, COACH = SessionReview.Side


def sides(booking: Booking) -> tuple[User, User]:
    return booking.booked_by, booking.session.coach


def read_by(user: User) -> list[str]:
    return list(SessionReview.objects.visible_to(user).order_by("id").values_list("comment", flat=True))


def test_both_are_blind_until_both_wrote():
    booking = make_attended()
    member, coach = sides(booking)
    others = make_member(), make_admin(), make_coach()

    review(booking, by=member, comment="of the coach")
    assert [read_by(user) for user in (member, coach, *others)] == [["of the coach"], [], [], [], []]
    assert coach_rating(coach).count == 0
    review(booking, by=coach, comment="of the member")

    both, public = ["of the coach", "of the member"], ["of the coach"]
    assert [read_by(user) for user in (member, coach, *others)] == [both, both, public, both, public]
    assert (coach_rating(coach).average, coach_rating(coach).count, coach_rating(member).count) == (4.0, 1, 0)


@pytest.mark.parametrize(("ended_ago", "count"), [(7 * DAY - MINUTE, 0), (7 * DAY, 1)])
def test_or_until_a_week_has_passed(ended_ago, count):
    booking = make_attended()
    member, coach = sides(booking)
    review(booking, by=member)

    with time_machine.travel(booking.session.ends_at + ended_ago):
        jobs.open_reviews(0)
        jobs.open_reviews(0)
        assert [len(read_by(coach)), coach_rating(coach).count] == [count, count]
        assert told(coach).count("review.opened") == count


def test_what_nobody_can_read_yet_can_be_changed_and_then_no_more():
    booking = make_attended()
    member, coach = sides(booking)
    review(booking, by=member, rating=1, comment="Angry")

    changed = review(booking, by=member, rating=4, comment="Calm")
    again = review(booking, by=member, rating=4, comment="Calm")
    review(booking, by=coach)
    assert review(booking, by=member, rating=4, comment="Calm").pk == changed.pk
    with pytest.raises(RuleError) as refusal:
        review(booking, by=member, rating=1, comment="Angry again")

    kept = SessionReview.objects.get(side=PARTICIPANT)
    assert (refusal.value.code, kept.rating, kept.comment, again.pk) == ("is_open", 4, "Calm", changed.pk)
    said = list(
        AuditLog.objects.filter(action__startswith="review.").order_by("id").values("action", "before", "after")
    )
    assert [one["action"] for one in said] == ["review.written", "review.changed", "review.written"]
    # Before both can read it, nobody else can either.
    assert not any(one["before"] or one["after"] for one in said)


@pytest.mark.parametrize(
    ("ended_ago", "code"),
    [(-MINUTE, "too_early"), (timedelta(0), ""), (30 * DAY - MINUTE, ""), (30 * DAY + MINUTE, "too_late")],
)
def test_from_the_end_until_a_month_after_it(ended_ago, code):
    booking = make_attended()
    with time_machine.travel(booking.session.ends_at + ended_ago):
        if not code:
            assert review(booking, by=booking.booked_by).rating == 4
            return
        with pytest.raises(RuleError) as refusal:
            review(booking, by=booking.booked_by)

    assert (refusal.value.code, SessionReview.objects.count()) == (code, 0)


@pytest.mark.parametrize("state", ["confirmed", "no_show"])
def test_only_who_was_there(state):
    booking = make_begun(begun_ago=2 * 60 * MINUTE)
    mark_attendance(booking, state=Booking.State(state), by=booking.session.coach)

    codes = set()
    for by in sides(booking):
        with pytest.raises(RuleError) as refusal:
            review(booking, by=by)
        codes.add(refusal.value.code)

    assert (codes, SessionReview.objects.count()) == ({"not_attended"}, 0)


def test_nobody_speaks_for_others():
    booking = make_attended()
    for side in SessionReview.Side:
        for other in (make_member(), make_admin(), make_coach()):
            with pytest.raises(PermissionDenied):
                write_review(booking, side=side, rating=5, comment="", by=other)
    for side, other in zip((COACH, PARTICIPANT), sides(booking), strict=True):
        with pytest.raises(PermissionDenied):
            write_review(booking, side=side, rating=5, comment="", by=other)


def test_a_coach_in_their_own_session_does_not_praise_themselves():
    coach = make_coach()
    booking = make_attended(coach=coach, member=coach)

    for side in SessionReview.Side:
        with pytest.raises(RuleError) as refusal:
            write_review(booking, side=side, rating=5, comment="", by=coach)
        assert refusal.value.code == "own_place"


@pytest.mark.parametrize(("rating", "comment"), [(0, ""), (6, ""), (5, "x" * 2_001), (5, "a\0b")])
def test_one_to_five_and_so_many_words(rating, comment):
    booking = make_attended()

    with pytest.raises(ValidationError):
        review(booking, by=booking.booked_by, rating=rating, comment=comment)

    assert SessionReview.objects.count() == 0


def test_the_database_refuses_a_second_one_and_six_stars():
    booking = make_attended()
    made = review(booking, by=booking.booked_by)
    row = {"session_id": made.session_id, "participant_id": made.participant_id, "author_id": made.author_id}

    for wrong in (
        {"side": "participant", "rating": 3, "subject_id": made.subject_id},
        {"side": "coach", "rating": 6, "subject_id": made.subject_id},
        {"side": "coach", "rating": 3, "subject_id": made.author_id},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            SessionReview.objects.create(**row, **wrong)


@pytest.mark.django_db(transaction=True)
def test_five_at_once_are_one():
    booking = make_attended()

    at_once([partial(review, booking, by=booking.booked_by, rating=n) for n in range(1, 6)])

    assert SessionReview.objects.count() == 1


@pytest.mark.control
@pytest.mark.django_db(transaction=True)
def test_control_without_its_guards_there_are_more(monkeypatch):
    booking = make_attended()
    monkeypatch.setattr(reviews, "lock_session", lambda pk: booking.session)
    meet_before(monkeypatch, reviews, "_save", 5)

    with without_constraint("schedule_sessionreview", "review_one_of_each_side"):
        at_once([partial(review, booking, by=booking.booked_by, rating=n) for n in range(1, 6)])
        count = SessionReview.objects.count()
        SessionReview.objects.all().delete()

    assert count == 5


def test_the_other_side_is_told_and_then_both():
    booking = make_attended()
    member, coach = sides(booking)

    review(booking, by=member)
    assert [told(member).count(kind) for kind in ("review.waits", "review.opened")] == [0, 0]
    assert [told(coach).count(kind) for kind in ("review.waits", "review.opened")] == [1, 0]
    review(booking, by=coach)
    jobs.open_reviews(0)

    assert [told(one).count("review.opened") for one in (member, coach)] == [1, 1]
    assert told(member).count("review.waits") == 0


def test_the_pages_of_both_sides():
    booking = make_attended()
    member, coach = sides(booking)
    address = f"/bookings/{booking.pk}/review/"
    one, other = signed_in(member), signed_in(coach)

    assert "Say how it was" in one.get(f"/bookings/{booking.pk}/").content.decode()
    assert address in other.get(f"/teaching/{booking.session_id}/").content.decode()
    assert one.post(address, {"rating": "5", "comment": "Calm and clear"})["Location"] == address
    assert "Calm and clear" not in other.get(address).content.decode()
    assert one.post(address, {"rating": "6"}).status_code == 422
    other.post(address, {"rating": "3", "comment": "On time"})

    mine = one.get(address).content.decode()
    assert ("On time" in mine, 'name="rating"' in mine) == (True, False)
    public = signed_in(make_member()).get(f"/coaches/{coach.pk}/reviews/").content.decode()
    assert "Calm and clear" in public
    assert "On time" not in public
    assert member.name not in public
    assert "1 review" in signed_in(make_member()).get(f"/sessions/{booking.session_id}/").content.decode()
    assert signed_in(make_admin()).get(address).status_code == 404


def test_by_api():
    booking = make_attended()
    member, coach = sides(booking)
    address = f"/api/v1/bookings/{booking.pk}/review"

    def put(who: User, **body: object) -> int:
        return signed_in(who).put(address, body, content_type="application/json").status_code

    assert [put(member, rating=4), put(coach, rating=2, comment="Late"), put(make_coach(), rating=1)] == [200, 200, 404]
    assert [one["rating"] for one in signed_in(member).get(f"{address}s").json()] == [4, 2]
    found = signed_in(make_member()).get(f"/api/v1/coaches/{coach.pk}/reviews").json()
    assert (found["average"], found["count"], [one["rating"] for one in found["items"]]) == (4.0, 1, [4])
