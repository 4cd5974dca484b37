"""What is on coaches' desks today: times that were booked, asked for and moved, and what staff booked for somebody."""

from datetime import timedelta

from django.utils import timezone

from tenpo.checkout.actions.placing import Terms, place_in_session, place_in_slot
from tenpo.checkout.actions.requests import approve_request, decline_request
from tenpo.checkout.actions.slots import book_slot
from tenpo.core.errors import RuleError
from tenpo.demo.story import Story
from tenpo.payments.providers.sandbox import SUCCEEDS
from tenpo.people.models import User
from tenpo.schedule.actions.moving import move_slot
from tenpo.schedule.models import Booking, Service, Session
from tenpo.schedule.queries import placeable_participants
from tenpo.schedule.slot_queries import Slot, SlotSearch, find_slots

AHEAD = timedelta(days=20)
CALM, ASKED, CAREER, FOCUS, CASE, TALK, PAIR = (
    "Calm, alone or for two", "An hour after a hard week", "Career coaching", "Focus, online", "A case of yours",
    "A first talk", "A new role, from both sides",
)  # fmt: skip
# Who books what, with the place of the start among those that are free then.
BOOKED = (
    (3, CALM, 2), (4, CALM, 9), (5, CALM, 15), (6, CALM, 24), (7, CAREER, 3), (8, CAREER, 11), (9, FOCUS, 4),
    (10, FOCUS, 12), (11, CASE, 5), (12, CASE, 14), (13, CASE, 30), (19, TALK, 8),
    (20, PAIR, 3), (21, PAIR, 7),
)  # fmt: skip
REQUESTED = ((14, ASKED, 1), (15, ASKED, 6), (16, ASKED, 13))
WORDS = (
    "My team was halved last week, and I am meant to tell the rest that all is well.",
    "I sleep four hours a night since the move.",
    "Nothing special. I would like to sit somewhere quiet and talk.",
)


def desk_of_today(story: Story) -> None:
    """Times booked, asked for, kept and moved, so that a week is full and something waits for an answer."""
    booked = [_book(story.members[who], name, place) for who, name, place in BOOKED]
    requests = [
        _book(story.members[who], name, place, answer=word)
        for (who, name, place), word in zip(REQUESTED, WORDS, strict=True)
    ]
    maya = story.coaches[0]
    for number, answer in ((17, True), (18, False)):
        request = _book(story.members[number], ASKED, 20 + number, answer=WORDS[2])
        if request and answer:
            approve_request(request, by=maya)
        elif request:
            decline_request(request, word="That evening my choir sings. Would Tuesday suit you?", by=maya)
    assert any(requests)
    assert any(booked)
    _keep_for_clients(story, maya)
    _move(booked[1], by=story.members[BOOKED[1][0]])
    _move(booked[2], by=maya)


def _starts(service: Service, member: User, *, by_host: bool = False) -> list[Slot]:
    now = timezone.now()
    search = SlotSearch(
        since=now + timedelta(hours=2), until=now + AHEAD, minutes=service.durations[0],
        participant=member.participant.pk, by_host=by_host,
    )  # fmt: skip
    return find_slots(service, search)


def _book(member: User, name: str, place: int, *, answer: str = "") -> Booking | None:
    """One of the free starts of a service, by card where it is not only asked for."""
    service = Service.objects.get(name=name)
    found = _starts(service, member)
    if not found:
        return None
    answers = {
        one["key"]: answer or (one["options"][0] if one["options"] else "The next step") for one in service.questions
    }
    slot = found[place * 3 % len(found)]
    try:
        return book_slot(
            service, starts_at=slot.starts_at, minutes=slot.minutes, participant=member.participant, by=member,
            answers=answers, provider="sandbox", source=SUCCEEDS,
        )  # fmt: skip
    except RuleError:
        return None


def _keep_for_clients(story: Story, maya: User) -> None:
    """A coach keeps a time and a seat for people she knows; an admin books one in somebody's name, who has paid."""
    leads = {user.pk for _role, user in story.leads()}
    known = placeable_participants(maya).exclude(user__in=leads).select_related("user").order_by("name", "id")
    clients = [person for person in known if person.user and person.user.pk != maya.pk][:4]
    service = Service.objects.get(name=CALM)
    for number, person in enumerate(clients[:2]):
        assert person.user is not None
        found = _starts(service, person.user, by_host=True)
        if found:
            slot = found[(7 + 11 * number) % len(found)]
            place_in_slot(
                service, starts_at=slot.starts_at, minutes=slot.minutes, participant=person, by=maya,
                terms=Terms(hours=72),
            )  # fmt: skip
    coming = Session.objects.open_to_all().upcoming(timezone.now() + timedelta(days=2)).filter(coach=maya)
    ways = [(maya, Terms(hours=24)), (story.admin, Terms(is_offer=False, provider="payroll", is_paid=True))]
    for person, (by, terms) in zip(clients[2:], ways, strict=False):
        for session in coming.order_by("starts_at", "id"):
            try:
                place_in_session(session, participant=person, by=by, terms=terms)
            except RuleError:
                continue
            break


def _move(booking: Booking | None, *, by: User) -> None:
    """To the first other start that is free."""
    if booking is None or booking.state != Booking.State.CONFIRMED:
        return
    service = booking.session.service
    assert service is not None
    for slot in _starts(service, booking.booked_by)[5:]:
        if slot.coaches[0] != booking.session.coach_id:
            continue
        try:
            move_slot(booking, starts_at=slot.starts_at, by=by)
        except RuleError:
            continue
        return
