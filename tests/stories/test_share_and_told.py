"""Stories 1, 5 and 7 by API: what the company pays, what people are told, how the business does."""

from django.core import mail

from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.tests.make import make_session
from tests.work import work

CARD = {"provider": "sandbox", "source": "4242424242424242"}


def test_a_new_version_holds_from_now_on(api):
    admin, member = api(make_admin()), api(make_member())
    session = make_session(price=8_000)
    first = admin.post("/share-policies", {"name": "Half", "percent": 50})
    assert member.get(f"/sessions/{session.pk}/quote")["company_share"] == 4_000

    second = admin.post("/share-policies", {"name": "More", "percent": 75, "cap": 5_000})

    quote = member.get(f"/sessions/{session.pk}/quote")
    assert (quote["company_share"], quote["share_policy_id"]) == (5_000, second["id"])
    assert second["supersedes_id"] == first["id"]
    assert admin.get(f"/share-policies/{first['id']}")["active_until"] == second["active_from"]
    assert member.refusal("POST", "/share-policies", {"name": "Mine", "percent": 100}) == (403, "not_allowed")
    assert admin.refusal("POST", "/share-policies", {"name": "Both", "percent": 5, "amount": 5})[0] in (409, 422)


def test_people_are_told_as_they_choose(api):
    user = make_member()
    member = api(user)
    member.post("/bookings", {"session_id": str(make_session().pk), **CARD})
    work()
    assert member.get("/notifications/unread-count")["unread"] == 1
    [told] = member.all("/notifications")
    assert (told["kind"], told["read_at"]) == ("booking.confirmed", None)
    assert [one for one in mail.outbox if user.email in one.to[0]]

    member.post("/notifications/reading")
    member.patch(
        "/notification-preferences", {"items": [{"kind": "booking.confirmed", "channel": "email", "is_on": False}]}
    )
    mail.outbox.clear()
    member.post("/bookings", {"session_id": str(make_session().pk), **CARD})
    work()

    assert member.get("/notifications/unread-count")["unread"] == 1
    assert [one for one in mail.outbox if user.email in one.to[0]] == []
    assert api(make_member()).all("/notifications") == []


def test_the_dashboard_is_for_admins(api):
    member = make_member()
    api(member).post("/bookings", {"session_id": str(make_session(make_coach()).pk), **CARD})

    numbers = api(make_admin()).get("/dashboard")

    assert numbers["people"]["value"] == 3
    assert api(member).refusal("GET", "/dashboard") == (403, "not_allowed")
