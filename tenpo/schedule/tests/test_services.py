from functools import partial
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from tenpo.access.actions.accounts import disable_user
from tenpo.audit.models import AuditLog
from tenpo.core.models import OutboxMessage
from tenpo.orders.models import CancellationPolicy
from tenpo.orders.tests.make import make_cancellation_policy
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.actions import services as actions
from tenpo.schedule.actions.places import close_location, close_room
from tenpo.schedule.actions.services import (
    create_service,
    edit_service,
    offer_of,
    offer_service_again,
    withdraw_service,
)
from tenpo.schedule.models import Room, Service, ServiceCoach, ServicePrice
from tenpo.schedule.tests.time_make import make_location, refuses
from tests.at_once import at_once, outcomes, without_index

pytestmark = pytest.mark.django_db
PRICES = {1: 6_000, 2: 10_000}


def terms(*coaches: User, **changes: Any) -> Any:
    """What a service is, unless `changes` say otherwise."""
    known: dict[str, Any] = {
        "name": "Career coaching", "durations": [60, 90], "prices": PRICES, "capacity": 2, "coaches": coaches,
        "locations": [make_location()],
    }  # fmt: skip
    return known | changes


def make(*coaches: User, by: User | None = None, **changes: Any) -> Service:
    return create_service(by=by, **terms(*coaches, **changes))


def rename(service: Service, name: str) -> int:
    return edit_service(service, by=None, version=0, name=name).version


def events(service: Service) -> list[str]:
    return list(OutboxMessage.objects.filter(subject_id=service.pk).order_by("id").values_list("name", flat=True))


def test_a_coach_offers_what_they_alone_give():
    coach = make_coach()
    hall = Room.objects.get(location=make_location())
    questions = [
        {"label": " What is it about? ", "required": True},
        {"label": "How?", "kind": "choice", "options": ["A", "B", ""]},
    ]

    service = make(coach, by=coach, name=" Career coaching ", rooms=[hall], questions=questions, durations=[60, 90, 60])

    offer = offer_of(Service.objects.get(pk=service.pk))
    assert (service.name, service.durations, service.currency, service.version) == (
        "Career coaching",
        [60, 90],
        "EUR",
        0,
    )
    assert (offer.coaches, offer.rooms, offer.prices) == ((coach,), (hall,), PRICES)
    assert service.questions == [
        {"key": "q1", "label": "What is it about?", "kind": "text", "required": True, "options": []},
        {"key": "q2", "label": "How?", "kind": "choice", "required": False, "options": ["A", "B"]},
    ]
    said: Any = AuditLog.objects.get(action="service.created").after
    assert said["prices"] == {"1": 6_000, "2": 10_000}
    assert set(events(service)) == {"service.created"}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": ""}, "name"), ({"name": "x" * 81}, "name"), ({"description": "x" * 2_001}, "description"),
        ({"format": "dance"}, "format"), ({"durations": []}, "durations"), ({"durations": [4]}, "durations"),
        ({"durations": [721]}, "durations"), ({"durations": list(range(5, 14))}, "durations"),
        ({"prices": {}}, "prices"), ({"prices": {2: 1}}, "prices"), ({"prices": {1: -1}}, "prices"),
        ({"prices": {1: 1, 3: 1}}, "prices"), ({"prices": {1: 10**15}}, "prices"), ({"capacity": 0}, "capacity"),
        ({"capacity": 51}, "capacity"), ({"buffer_before": 241}, "buffer_before"),
        ({"buffer_after": -1}, "buffer_after"), ({"notice_minutes": 86_401}, "notice_minutes"),
        ({"window_days": 0}, "window_days"), ({"window_days": 366}, "window_days"),
        ({"step_minutes": 4}, "step_minutes"),
        ({"most_per_day": 0}, "most_per_day"), ({"most_per_week": 0}, "most_per_week"), ({"coaches": []}, "coaches"),
        ({"coaches_rule": "some"}, "coaches_rule"), ({"open_to": "cats"}, "open_to"),
        ({"join_link": "no link"}, "join_link"), ({"locations": []}, "locations"),
        ({"questions": [{"label": ""}]}, "questions"), ({"questions": [{"label": "x" * 121}]}, "questions"),
        ({"questions": [{"label": "a", "kind": "song"}]}, "questions"),
        ({"questions": [{"label": "a", "kind": "choice", "options": ["one"]}]}, "questions"),
        ({"questions": [{"label": "a", "kind": "choice", "options": ["one", "one"]}]}, "questions"),
        ({"questions": [{"label": "a", "options": ["one", "two"]}]}, "questions"),
        ({"questions": [{"label": "a", "kind": "choice", "options": [str(n) for n in range(21)]}]}, "questions"),
        ({"questions": [{"label": "a", "key": "k"}, {"label": "b", "key": "k"}]}, "questions"),
        ({"questions": [{"label": "a"}] * 11}, "questions"),
    ],
)  # fmt: skip
def test_what_no_service_is(wrong, field):
    admin, coach = make_admin(), make_coach()
    service = make(coach, by=admin, name="There")
    before = (AuditLog.objects.count(), OutboxMessage.objects.count())

    with pytest.raises(ValidationError) as refusal:
        create_service(by=admin, **terms(coach, **wrong))
    assert list(refusal.value.message_dict) == [field]
    with pytest.raises(ValidationError) as refusal:
        edit_service(service, by=admin, **wrong)
    assert list(refusal.value.message_dict) == [field]

    assert (AuditLog.objects.count(), OutboxMessage.objects.count()) == before
    assert (Service.objects.count(), ServicePrice.objects.count(), ServiceCoach.objects.count()) == (1, 2, 1)


@pytest.mark.parametrize(
    "right",
    [
        {"durations": [5, 720]}, {"capacity": 50, "prices": {1: 0, 50: 1}}, {"buffer_before": 240, "step_minutes": 5},
        {"window_days": 365, "notice_minutes": 86_400}, {"locations": [], "join_link": "https://meet.example.com/a"},
        {"most_per_day": 1, "most_per_week": 1}, {"questions": [{"label": "x" * 120}] * 10},
    ],
)  # fmt: skip
def test_the_ends_of_what_a_service_can_be(right):
    coach = make_coach()

    assert make(coach, by=coach, **right).is_offered


def test_closed_places_and_the_rooms_of_others_are_not_offered():
    admin, coach = make_admin(), make_coach()
    studio, pitch = make_location(), make_location("Pitch")
    hall, field = (Room.objects.get(location=place) for place in (studio, pitch))
    with pytest.raises(ValidationError, match="Choose rooms of the places"):
        make(coach, by=admin, rooms=[field])
    close_room(hall, by=admin)
    with pytest.raises(ValidationError, match="rooms is closed"):
        make(coach, by=admin, rooms=[Room.objects.get(pk=hall.pk)])
    pitch = close_location(pitch, by=admin)

    with pytest.raises(ValidationError, match="places is closed"):
        make(coach, by=admin, locations=[studio, pitch])
    policy = make_cancellation_policy()
    CancellationPolicy.objects.filter(pk=policy.pk).update(retired_at=policy.created_at)
    with pytest.raises(ValidationError, match="retired"):
        make(coach, by=admin, cancellation_policy=policy)


def test_only_active_coaches_give_a_service():
    admin, coach, gone = make_admin(), make_coach(), make_coach()
    disable_user(gone, by=admin)

    for wrong in (make_member(), gone):
        with pytest.raises(ValidationError) as refusal:
            make(coach, wrong, by=admin)
        assert list(refusal.value.message_dict) == ["coaches"]


def test_an_edit_keeps_what_it_does_not_name_and_counts_the_version():
    coach, other, admin = make_coach(), make_coach(), make_admin()
    service = make(coach, by=admin, questions=[{"label": "First"}, {"label": "Second"}])
    kept = {price.people: price.pk for price in service.prices.all()}

    edited = edit_service(
        service, by=admin, version=0, prices={1: 6_000, 2: 11_000}, coaches=[other, coach],
        questions=[{"key": "q2", "label": "Second"}, {"label": "Third"}],
    )  # fmt: skip

    assert (edited.version, edited.durations, [question["key"] for question in edited.questions]) == (
        1,
        [60, 90],
        ["q2", "q3"],
    )
    assert offer_of(edited).coaches == (other, coach)
    assert {price.people: price.pk for price in edited.prices.all()} == kept
    said: Any = AuditLog.objects.get(action="service.changed")
    assert set(said.before) == {"prices", "coaches", "questions"} == set(said.after)
    told: Any = OutboxMessage.objects.filter(name="service.changed", subject_id=service.pk).first()
    assert told.payload["coaches"] == sorted([str(coach.pk), str(other.pk)])


def test_what_is_equal_is_no_change():
    coach = make_coach()
    service = make(coach, by=coach, questions=[{"label": "First"}])
    before = (AuditLog.objects.count(), OutboxMessage.objects.count())

    same = edit_service(
        service, by=coach, **terms(coach, cancellation_policy=None, questions=[{"key": "q1", "label": "First"}])
    )

    assert (same.version, AuditLog.objects.count(), OutboxMessage.objects.count()) == (0, *before)


def test_the_policy_of_a_service_is_chosen_and_left_to_the_business_again():
    coach, policy = make_coach(), make_cancellation_policy()
    service = make(coach, by=coach)

    edit_service(service, by=coach, cancellation_policy=policy)
    assert Service.objects.get(pk=service.pk).cancellation_policy == policy
    edit_service(service, by=coach, cancellation_policy=None)

    assert Service.objects.get(pk=service.pk).cancellation_policy is None


def test_an_older_version_is_refused():
    coach = make_coach()
    service = make(coach, by=coach)
    edit_service(service, by=coach, version=0, name="New")

    with refuses("changed_meanwhile"):
        edit_service(service, by=coach, version=0, name="Newer")

    assert Service.objects.get(pk=service.pk).name == "New"


def test_fewer_people_leave_no_price_for_more():
    coach = make_coach()
    service = make(coach, by=coach)

    with pytest.raises(ValidationError):
        edit_service(service, by=coach, capacity=1)
    edit_service(service, by=coach, capacity=1, prices={1: 6_000})

    assert [price.people for price in service.prices.all()] == [1]


def test_a_service_is_withdrawn_and_offered_again():
    coach = make_coach()
    service = make(coach, by=coach)

    withdraw_service(service, by=coach)
    assert not Service.objects.visible_to(make_member()).exists()
    assert Service.objects.visible_to(coach).get() == service
    withdraw_service(service, by=coach)
    again = offer_service_again(service, by=coach)
    offer_service_again(service, by=coach)

    assert (again.is_offered, again.version) == (True, 2)
    said = AuditLog.objects.filter(object_id=service.pk).order_by("id").values_list("action", flat=True)
    assert list(said) == ["service.created", "service.withdrawn", "service.offered"]


def test_what_cannot_be_given_any_more_is_not_offered_again():
    admin, coach = make_admin(), make_coach()
    service = make(coach, by=admin)
    withdraw_service(service, by=admin)
    close_location(make_location(), by=admin)

    with pytest.raises(ValidationError, match="places is closed"):
        offer_service_again(service, by=admin)
    edit_service(service, by=admin, locations=[make_location("Pitch")])
    make(coach, by=admin, locations=[make_location("Pitch")])
    with refuses("name_taken"):
        offer_service_again(service, by=admin)

    assert not Service.objects.get(pk=service.pk).is_offered


def test_two_services_on_offer_have_two_names():
    coach = make_coach()
    first = make(coach, by=coach)

    with refuses("name_taken"):
        make(coach, by=coach)
    with refuses("name_taken"):
        edit_service(make(coach, by=coach, name="Other"), by=coach, name=first.name)
    withdraw_service(first, by=coach)
    assert make(coach, by=coach).name == first.name


def test_who_may_not():
    coach, other, admin = make_coach(), make_coach(), make_admin()
    alone, shared = make(coach, by=admin), make(coach, other, by=admin, name="Together")
    before = AuditLog.objects.count()

    acts: list[tuple[User, Any]] = [
        (make_member(), lambda by: make(by, by=by)),
        (other, lambda by: make(coach, by=by)),
        (coach, lambda by: make(coach, other, by=by)),
        (coach, lambda by: edit_service(alone, by=by, coaches=[coach, other])),
        (coach, lambda by: edit_service(alone, by=by, coaches=[other])),
        *((who, lambda by: edit_service(alone, by=by, name="Mine")) for who in (other, make_member())),
        *((coach, act) for act in (
            lambda by: edit_service(shared, by=by, name="Mine"),
            lambda by: withdraw_service(shared, by=by),
            lambda by: offer_service_again(shared, by=by),
        )),
        (other, lambda by: withdraw_service(alone, by=by)),
    ]  # fmt: skip
    for who, act in acts:
        with pytest.raises(PermissionDenied):
            act(who)

    assert (AuditLog.objects.count(), Service.objects.filter(version=0).count()) == (before, 2)


@pytest.mark.django_db(transaction=True)
def test_of_many_who_saw_the_same_version_one_changes_it():
    coach = make_coach()
    service = make(coach, by=coach)

    results = at_once([partial(rename, service, f"Name {n}") for n in range(6)])

    assert outcomes(results) == {"1": 1, "changed_meanwhile": 5}


@pytest.mark.control
@pytest.mark.django_db(transaction=True)
def test_control_without_the_lock_changes_are_lost(monkeypatch):
    coach = make_coach()
    service = make(coach, by=coach)
    read_before = iter([Service.objects.get(pk=service.pk) for _ in range(2)])
    monkeypatch.setattr(actions, "_locked_service", lambda service, by: (next(read_before), offer_of(service)))

    edit_service(service, by=coach, version=0, name="First")
    edit_service(service, by=coach, version=0, name="Second")

    assert Service.objects.get(pk=service.pk).name == "Second"


@pytest.mark.django_db(transaction=True)
def test_of_many_who_offer_the_same_name_one_does():
    coaches = [make_coach() for _ in range(5)]
    make_location()

    results = at_once([partial(make, coach, by=coach) for coach in coaches])
    assert outcomes(results) == {"Career coaching": 1, "name_taken": 4}


@pytest.mark.control
@pytest.mark.django_db(transaction=True)
def test_control_without_the_index_there_are_several():
    coaches = [make_coach() for _ in range(5)]
    make_location()
    with without_index("service_name_is_one"):
        results = at_once([partial(make, coach, by=coach) for coach in coaches])
        for number, service in enumerate(Service.objects.all()):
            Service.objects.filter(pk=service.pk).update(name=f"Name {number}")

    assert outcomes(results)["Career coaching"] == 5
