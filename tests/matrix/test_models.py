"""Every model says who sees its rows; here everybody asks for the rows of the same small business."""

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db.models import Model

from tenpo.schedule.models import Booking, BookingQuerySet
from tenpo.schedule.resource_models import PLACED
from tests.test_architecture import own_models
from tests.world import PEOPLE, World

# What a member and a coach see of a model: `all`, what is their `own` (some way of foreign keys leads to them), `none`.
# An admin sees all, but for what is each person's alone. A stranger sees nothing but whom they deal with.
SEEN = {
    #                                  somebody  admin
    "access.ApiClient":               ("own", "all"),
    "access.IdempotencyKey":          ("own", "own"),
    "audit.AuditLog":                 ("none", "all"),
    "books.AccountNumber":            ("none", "all"),
    "books.DayClose":                 ("none", "all"),
    "books.DayCloseLine":             ("none", "all"),
    "books.Difference":               ("none", "all"),
    "books.Reconciliation":           ("none", "all"),
    "core.Business":                  ("all", "all"),
    "core.CheckRun":                  ("none", "all"),
    "core.OutboxMessage":             ("none", "all"),
    "core.RateCount":                 ("none", "none"),
    "ledger.Account":                 ("own", "all"),
    "ledger.Transfer":                ("own", "all"),
    "notify.Delivery":                ("own", "all"),
    "notify.Notification":            ("own", "own"),
    "notify.NotificationPreference":  ("own", "own"),
    "orders.CancellationPolicy":      ("all", "all"),
    "orders.Line":                    ("own", "all"),
    "orders.Order":                   ("own", "all"),
    "orders.SharePolicy":             ("all", "all"),
    "orders.Split":                   ("own", "all"),
    "orders.SplitRule":               ("own", "all"),
    "orders.SponsorPayment":          ("own", "all"),
    "orders.SponsoredPerson":         ("own", "all"),
    "orders.Sponsorship":             ("own", "all"),
    "payments.AutoTopUp":             ("own", "all"),
    "payments.Dispute":              ("none", "all"),
    "payments.Grant":                 ("own", "all"),
    "payments.Payment":               ("own", "all"),
    "payments.Payout":                ("own", "all"),
    "payments.PayoutAccount":         ("own", "all"),
    "payments.PayoutBatch":           ("none", "all"),
    "payments.PayoutTerms":           ("none", "all"),
    "payments.Refund":                ("own", "all"),
    "payments.RefundTerms":           ("none", "all"),
    "payments.PaymentMethod":         ("own", "own"),
    "payments.ProviderCustomer":      ("none", "all"),
    "payments.ProviderEvent":         ("none", "all"),
    "payments.SandboxCard":           ("none", "all"),
    "payments.SandboxCharge":         ("none", "all"),
    "payments.SandboxRefund":         ("none", "all"),
    "payments.StripeAccount":         ("own", "all"),
    "people.CoachProfile":            ("all", "all"),
    "people.Import":                  ("own", "all"),
    "people.Invite":                  ("none", "all"),
    "people.Participant":             ("own", "all"),
    "people.RoleGrant":               ("coaches", "all"),
    "people.User":                    ("coaches", "all"),
    "people.Visit":                   ("none", "none"),
    "schedule.Availability":          ("own", "all"),
    "schedule.AvailabilityException": ("own", "all"),
    "schedule.Attendance":            ("own", "all"),
    "schedule.Booking":               ("own", "all"),
    "schedule.CalendarChannel":       ("none", "none"),
    "schedule.CalendarConnection":    ("own", "own"),
    "schedule.CalendarOverlap":       ("none", "none"),
    "schedule.CalendarFeed":          ("own", "own"),
    "schedule.CoachTime":             ("none", "none"),
    "schedule.CoachWeek":             ("none", "none"),
    "schedule.Embed":                 ("own", "all"),
    "schedule.Intro":                 ("own", "all"),
    "schedule.Location":              ("open", "all"),
    "schedule.Miss":                  ("own", "all"),
    "schedule.Room":                  ("open", "all"),
    "schedule.OutsideEvent":          ("own", "own"),
    "schedule.WrittenEvent":          ("own", "own"),
    "schedule.Series":                ("all", "all"),
    "schedule.Service":               ("open", "all"),
    "schedule.ServiceCoach":          ("open", "all"),
    "schedule.ServicePrice":          ("open", "all"),
    "schedule.Session":               ("offered", "all"),
    "schedule.TimeOff":               ("own", "all"),
    "schedule.Travel":                ("own", "all"),
    "schedule.WorkingTerms":          ("own", "all"),
    "schedule.SessionCoach":          ("offered", "all"),
    "schedule.SessionNote":           ("own", "none"),
    "schedule.SessionResource":       ("kept", "all"),
    "schedule.SessionReview":         ("opened", "opened"),
    "schedule.VideoRoom":             ("own", "all"),
    "schedule.VideoRoomEvent":        ("none", "all"),
}  # fmt: skip
OPEN = {"core.Business"}
MODELS = {model._meta.label: model for model in own_models()}


def test_every_model_has_its_line():
    assert sorted(SEEN) == sorted(MODELS)


@pytest.mark.parametrize("label", sorted(SEEN))
def test_nobody_sees_rows_of_others(world, label):
    check(world, label)


@pytest.mark.control
def test_control_a_model_that_shows_everything_is_noticed(world, monkeypatch):
    monkeypatch.setattr(BookingQuerySet, "visible_to", lambda rows, user: rows.all())

    with pytest.raises(AssertionError):
        check(world, "schedule.Booking")


def check(world: World, label: str) -> None:
    """Hold what everybody sees of a model against its line."""
    rows: Any = MODELS[label]._default_manager.all()
    everything = set(rows.values_list("pk", flat=True))
    somebody, admin = SEEN[label]

    assert everything, "there must be something to see"
    assert label in OPEN or all(is_for_visitors(row) for row in rows.visible_to(AnonymousUser()))
    looks = {part: list(rows.visible_to(world.people[part])) for part in PEOPLE}
    for part, seen in looks.items():
        user = world.people[part]
        match admin if part == "admin" else somebody:
            case "all":
                assert {row.pk for row in seen} == everything
            case "none":
                assert seen == []
            case "own":
                assert [row.pk for row in seen if user.pk not in people_of(row)] == []
                assert len(seen) < len(everything)
            case "opened":
                opened = set(rows.opened().values_list("pk", flat=True))
                assert [row.pk for row in seen if row.author_id != user.pk and row.pk not in opened] == []
                assert len(seen) < len(everything)
            case "offered":
                check_offered(rows, seen, user)
            case "open":
                closed = [row for row in rows if is_closed(row)]
                assert closed
                assert [row for row in closed if row in seen and user.pk not in givers_of(row)] == []
                assert len(seen) >= len(everything) - len(closed)
            case "kept":
                placed = set(
                    Booking.objects.concerning(user).filter(state__in=PLACED).values_list("session", flat=True)
                )
                others = [row for row in seen if not row.is_public and row.session.coach_id != user.pk]
                assert [row.pk for row in others if row.session_id not in placed] == []
                assert len(seen) < len(everything)
            case "coaches":
                whose = [row if label == "people.User" else row.user for row in seen]
                assert [one for one in whose if one.pk != user.pk and not one.is_coach] == []
                assert len(seen) < len(everything)
    # Whoever has something of their own does see it.
    assert somebody == "none" or any(seen for part, seen in looks.items() if part != "admin")


def check_offered(rows: Any, seen: list[Any], user: Any) -> None:
    """What is offered to all is seen by all; what was booked as a slot by who gives it and whom it was booked for."""

    def session(row: Any) -> Any:
        return getattr(row, "session", row)

    mine = set(Booking.objects.concerning(user).values_list("session", flat=True))
    booked = [row for row in rows if session(row).is_private]
    assert booked
    others = [row for row in seen if row in booked and not session(row).is_given_by(user)]
    assert [row.pk for row in others if session(row).pk not in mine] == []
    assert {row.pk for row in seen} >= {row.pk for row in rows} - {row.pk for row in booked}


def is_for_visitors(row: Any) -> bool:
    """Whether it is a service that is open to visitors, or belongs to one."""
    return getattr(getattr(row, "service", row), "open_to", "") == "visitors"


def people_of(row: Model, depth: int = 3) -> set[object]:
    """The people to whom a row leads by its foreign keys."""
    if row._meta.label == "people.User":
        return {row.pk}
    if not depth:
        return set()
    keys = [field.name for field in row._meta.concrete_fields if field.is_relation]
    leads = [getattr(row, name) for name in keys]
    return {person for lead in leads if lead is not None for person in people_of(lead, depth - 1)}


def is_closed(row: Any) -> bool:
    """Whether a place, a room, or a service with what stands beside it, is not there for people any more."""
    if hasattr(row, "closed_at"):
        return row.closed_at is not None or (hasattr(row, "location") and is_closed(row.location))
    return not getattr(row, "service", row).is_offered


def givers_of(row: Any) -> set[object]:
    """Who gives a service, and so sees it when it is withdrawn."""
    service = row if row._meta.label == "schedule.Service" else getattr(row, "service", None)
    return {given.coach_id for given in service.given_by.all()} if service else set()
