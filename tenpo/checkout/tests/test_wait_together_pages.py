"""Waiting together on pages and by API."""

import pytest
from django.test import Client

from tenpo.checkout.tests.test_booking_api import Api
from tenpo.checkout.tests.test_wait_together import full_session, give_back, make_due, states, wait
from tenpo.payments.providers.sandbox import SUCCEEDS
from tenpo.people.actions.guests import add_guests
from tenpo.people.models import Participant, User
from tenpo.people.tests.make import make_member
from tenpo.schedule.models import Booking, Session

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]


def caller(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def line(session: Session) -> str:
    return f"/sessions/{session.pk}/waitlist/"


def text_of(client: Client, path: str, **typed: str) -> str:
    answer = client.get(path, typed, follow=True)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_the_page_waits_for_oneself_and_for_who_is_named():
    session, _booked = full_session(3)
    lena = make_member()
    [mia] = add_guests(["Mia"], by=lena)
    client = caller(lena)
    assert "?more" in text_of(client, f"/sessions/{session.pk}/")
    assert "Wait with others" in text_of(client, line(session), more="")

    answer = client.post(
        line(session), {"party": "on", "who": [str(lena.participant.pk), str(mia.pk)], "names": "Ben\nmia"}
    )

    family = list(Booking.objects.filter(booked_by=lena).order_by("id"))
    assert [one.participant.name for one in family] == [lena.name, "Mia", "Ben"]
    assert len({one.party for one in family}) == 1
    found = text_of(client, answer["Location"])
    assert "You are number 1 in line" in found
    assert "You wait for 3 places together." in found
    assert f"{lena.name}, Mia, Ben" in found
    for path in (f"/bookings/{family[1].pk}/", f"/sessions/{session.pk}/"):
        assert "Place 1 in line, for 3 together" in text_of(client, path)


def test_the_page_waits_alone_as_ever():
    session, _booked = full_session(1)
    lena = make_member()

    answer = caller(lena).post(line(session))

    assert Booking.objects.get(booked_by=lena).party is None
    assert "When a seat is free and it is your turn" in text_of(caller(lena), answer["Location"])


def test_who_finds_too_few_seats_is_led_to_the_line_with_whom_they_chose():
    session, booked = full_session(3)
    give_back(booked[0])
    lena = make_member()
    client = caller(lena)
    typed = {"party": "on", "who": [str(lena.participant.pk)], "names": "Mia"}

    refused = client.post(
        f"/sessions/{session.pk}/book/", {**typed, "provider": "sandbox", "test_card": SUCCEEDS, "agreed": 10_000}
    )

    assert refused.status_code == 409
    mia = Participant.objects.guests_of(lena).get()
    address = f"{line(session)}?party=on&amp;who={lena.participant.pk}&amp;who={mia.pk}"
    assert address in refused.content.decode()
    assert "Wait for 2 seats together" in refused.content.decode()
    assert text_of(client, address.replace("&amp;", "&")).count("checked") == 2


def test_who_need_not_wait_is_led_to_the_seats_with_whom_they_chose():
    session, booked = full_session(3)
    give_back(*booked[:2])
    lena = make_member()
    [mia] = add_guests(["Mia"], by=lena)
    who = [str(lena.participant.pk), str(mia.pk)]

    answer = caller(lena).post(line(session), {"party": "on", "who": who})

    assert answer["Location"] == f"/sessions/{session.pk}/book/?party=on&who={who[0]}&who={who[1]}"


def test_the_page_refuses_more_than_the_session_has_and_nobody():
    session, _booked = full_session(1)
    lena = make_member()
    client = caller(lena)

    refused = client.post(line(session), {"party": "on", "who": [str(lena.participant.pk)], "names": "Mia"})
    nobody = client.post(line(session), {"party": "on", "names": ""})

    assert (refused.status_code, nobody.status_code) == (422, 422)
    assert "Only one can come." in refused.content.decode()
    assert not Booking.objects.filter(booked_by=lena).exists()


def test_the_page_of_the_offer_counts_down_for_all_and_takes_all():
    session, booked = full_session(2)
    family = wait(session, 2)
    lena = family[0].booked_by
    client = caller(lena)
    give_back(*booked)
    assert "2 seats are free for you" in text_of(client, "/")
    assert "Take the seats" in text_of(client, f"/bookings/{family[1].pk}/")

    shown = text_of(client, f"/bookings/{family[1].pk}/pay/")
    assert "2 seats are yours if you want them." in shown
    assert "Book and pay €100" in shown
    answer = client.post(
        f"/bookings/{family[1].pk}/pay/", {"provider": "sandbox", "test_card": SUCCEEDS, "agreed": 10_000}
    )

    assert answer.status_code == 302
    assert states(family) == "confirmed"


def test_the_page_lets_one_leave_or_all():
    session, _booked = full_session(4)
    family = wait(session, 3)
    client = caller(family[0].booked_by)
    shown = text_of(client, f"/bookings/{family[2].pk}/cancel/")
    assert "All 3 leave the waitlist" in shown
    assert "Only Guest 2 leaves" in shown

    client.post(f"/bookings/{family[2].pk}/cancel/")
    assert states(family[:2]) == "waitlisted"
    client.post(f"/bookings/{family[1].pk}/cancel/", {"whole": "on"})

    assert states(family) == "cancelled"


def test_the_page_lets_an_offer_go_for_all():
    session, booked = full_session(2)
    family = wait(session, 2)
    give_back(*booked)
    client = caller(family[0].booked_by)
    assert "All 2 seats go to the next in line" in text_of(client, f"/bookings/{family[0].pk}/cancel/")

    client.post(f"/bookings/{family[0].pk}/cancel/")

    assert states(family) == "cancelled"


def test_the_roster_shows_parties_and_what_is_kept_for_them():
    session, booked = full_session(3)
    family, alone = wait(session, 3), wait(session, 1)
    make_due(family)
    give_back(*booked[:2])

    found = text_of(caller(session.coach), f"/teaching/{session.pk}/")

    assert f"1. {family[0].participant.name}, Guest 1, Guest 2" in found
    assert "3 seats together" in found
    assert f"2. {alone[0].participant.name}" in found
    assert "2 free seats are kept until there are enough for those who wait together." in found
    by_api = Api(session.coach).get(f"/sessions/{session.pk}").json()
    assert (by_api["seats_taken"], by_api["seats_kept"], by_api["seats_left"]) == (3, 2, 0)


def test_the_api_waits_takes_and_lets_go_together():
    session, booked = full_session(3)
    lena = make_member()
    api, path = Api(lena), f"/sessions/{session.pk}/group-waitlist"
    guests = [str(one.pk) for one in add_guests(["Mia", "Ben"], by=lena)]
    me = str(lena.participant.pk)

    answer = api.post(path, {"participant_ids": [me, *guests]}, key="k")
    again = api.post(path, {"participant_ids": [me, *guests]}, key="k")

    found = answer.json()
    assert (answer.status_code, again.json()) == (201, found)
    assert (found["places"], found["position"]) == (3, 1)
    assert {one["party_id"] for one in found["bookings"]} == {found["party_id"]}
    ids = [one["id"] for one in found["bookings"]]
    assert api.get(f"/bookings/{ids[1]}").json()["waitlist_position"] == 1
    assert {row["party_id"] for row in Api(session.coach).get(f"/sessions/{session.pk}/roster").json()} == {
        None, found["party_id"],
    }  # fmt: skip
    api.post(f"/bookings/{ids[2]}/cancellation")
    assert api.get(f"/bookings/{ids[1]}").json()["state"] == "waitlisted"
    give_back(*booked[:2])
    pays = {"provider": "sandbox", "source": SUCCEEDS, "agreed_amount": 10_000}
    assert api.post(f"/bookings/{ids[0]}/offer-acceptance", pays).json()["payment"]["amount"] == 10_000
    assert [api.get(f"/bookings/{one}").json()["state"] for one in ids] == ["confirmed", "confirmed", "cancelled"]


def test_the_api_lets_all_leave_and_refuses():
    session, booked = full_session(3)
    lena, path = make_member(), f"/sessions/{session.pk}/group-waitlist"
    api, me = Api(lena), str(lena.participant.pk)
    mia = str(add_guests(["Mia"], by=lena)[0].pk)
    others = [str(one.pk) for one in add_guests(["Max", "Tom", "Zoe"], by=lena)]
    found = api.post(path, {"participant_ids": [me, mia]}).json()

    api.post(f"/bookings/{found['bookings'][0]['id']}/cancellation", {"whole_party": True})

    assert set(Booking.objects.filter(booked_by=lena).values_list("state", flat=True)) == {"cancelled"}
    assert api.post(path, {"participant_ids": [me, *others]}).json()["code"] == "party_too_large"
    assert api.post(path, {"participant_ids": []}).status_code == 422
    assert api.post(path, {"participant_ids": [me, me]}).status_code == 422
    assert api.post(path, {"participant_ids": [str(make_member().participant.pk)]}).status_code == 404
    give_back(*booked[:2])
    assert api.post(path, {"participant_ids": [me, mia]}).json()["code"] == "not_full"
