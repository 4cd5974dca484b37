"""Visitors' intros, as the source of peer learning shows them."""

import pytest

from tenpo.people.tests.make import make_coach
from tenpo.reporting.tests.read import view_rows
from tenpo.schedule.actions.intros import cancel_intro, mark_intro
from tenpo.schedule.tests.intro_make import ask, begin, make_intro, make_intro_service

pytestmark = pytest.mark.django_db


def shown() -> list[tuple[object, ...]]:
    names = ("student_teacher_id", "visitor_email", "visitor_name", "status", "duration_minutes")
    return [tuple(row[name] for name in names) for row in view_rows("peer_learning", "intro_sessions")]


def test_what_was_confirmed_is_shown_with_what_became_of_it():
    lena = make_coach("Lena")
    service = make_intro_service(lena)
    ask(service, hours=30)
    assert shown() == []

    intro = make_intro(service)
    assert shown() == [(lena.pk, "vera@example.com", "Vera Voss", "scheduled", 15)]

    mark_intro(begin(intro), state="no_show", by=lena)
    assert shown()[0][3] == "no_show"
    mark_intro(intro, state="attended", by=lena)
    assert shown()[0][3] == "completed"


def test_what_was_given_up_is_cancelled():
    cancel_intro(make_intro())

    assert shown()[0][3] == "cancelled"
