"""What is counted against whom, beyond the one address that somebody tries: networks, sites, what was right."""

import pytest
from django.core import mail
from django.test import Client, RequestFactory

from tenpo.core.business import current_business, forget_business
from tenpo.core.errors import TooManyRequests
from tenpo.core.limits import LIMITS, Limit
from tenpo.core.models import Business, RateCount
from tenpo.core.networks import client_network, client_site, hit_from
from tenpo.people.actions.invites import create_invite_link
from tenpo.people.tests.make import PASSWORD, make_admin, make_member, sign_in, signed_in_by_password

pytestmark = [pytest.mark.django_db, pytest.mark.invariants, pytest.mark.usefixtures("one_window")]

LOGIN, LOGOUT, CODE = "/account/login/", "/account/logout/", "/account/login/code/"
RESET, SIGN_UP, CHANGE = "/account/password/reset/", "/account/signup/", "/account/password/change/"
CHANGE_BY_PROGRAM = "/_allauth/browser/v1/account/password/change"
NEW = "another horse battery"
SITES = sorted(name for name in LIMITS if name.endswith("-site"))


def at(address: str) -> Client:
    return Client(REMOTE_ADDR=address)


def lines(count: int) -> list[str]:
    """Addresses in so many networks of one site."""
    return [f"2001:db8:7:{number:x}::1" for number in range(count)]


@pytest.mark.parametrize(
    ("address", "network", "site"),
    [
        ("192.0.2.7", "192.0.2.7", ""),
        ("::ffff:192.0.2.7", "192.0.2.7", ""),
        ("2001:db8:7:1::1", "2001:db8:7:1::/64", "2001:db8:7::/48"),
        ("2001:db8:7:ffff:1:2:3:4", "2001:db8:7:ffff::/64", "2001:db8:7::/48"),
        ("2001:db8:8::1", "2001:db8:8::/64", "2001:db8:8::/48"),
        ("", "", ""),
    ],
)
def test_by_what_tries_are_counted(address, network, site):
    request = RequestFactory(REMOTE_ADDR=address).get("/")

    assert (client_network(request), client_site(request)) == (network, site)


@pytest.mark.parametrize("name", SITES)
def test_a_site_is_more_than_a_network_and_less_than_all(name):
    narrow, limit = name.removesuffix("-site"), LIMITS[name]

    assert LIMITS[narrow].count < limit.count
    for address in lines(limit.count):
        hit_from(RequestFactory(REMOTE_ADDR=address).get("/"), narrow, "anna@example.com")
    with pytest.raises(TooManyRequests):
        hit_from(RequestFactory(REMOTE_ADDR=lines(limit.count + 1)[-1]).get("/"), narrow, "anna@example.com")
    hit_from(RequestFactory(REMOTE_ADDR="2001:db8:8::1").get("/"), narrow, "anna@example.com")
    hit_from(RequestFactory(REMOTE_ADDR="192.0.2.7").get("/"), narrow, "anna@example.com")


@pytest.mark.parametrize("name", ["sign-in-account-site", "account-mail-site"])
def test_a_site_alone_cannot_use_up_what_all_may(name):
    everywhere = LIMITS[name.replace("-account-site", "-everywhere").replace("-mail-site", "-mail-everywhere")]

    assert LIMITS[name].seconds >= everywhere.seconds
    assert LIMITS[name].count < everywhere.count


def test_whoever_has_a_site_keeps_nobody_out():
    member = make_member()
    wrong = {"login": member.email, "password": "not my password"}
    limit = LIMITS["sign-in-account-site"].count

    pages = [at(address).post(LOGIN, wrong).content.decode() for address in lines(limit + 1)]

    assert "do not belong together" in pages[limit - 1]
    assert "very often" in pages[limit]
    assert at("192.0.2.7").post(LOGIN, {"login": member.email, "password": PASSWORD}).status_code == 302


def test_an_office_behind_one_address_signs_in(monkeypatch):
    for name in ("account-network", "sign-in-network"):
        monkeypatch.setitem(LIMITS, name, Limit(2, 300))

    for _ in range(4):
        assert Client().post(LOGIN, {"login": make_member().email, "password": PASSWORD}).status_code == 302
    # What is left is one right password of each.
    assert list(RateCount.objects.filter(count__gt=0).values_list("count", flat=True)) == [1] * 4
    wrong = [Client().post(LOGIN, {"login": make_member().email, "password": "wrong"}) for _ in range(3)]
    assert [answer.status_code for answer in wrong] == [200, 200, 429]


def test_who_signs_in_between_frees_nothing(monkeypatch):
    monkeypatch.setitem(LIMITS, "sign-in-network", Limit(2, 300))
    guessed, own = make_member().email, {"login": make_member().email, "password": PASSWORD}
    texts = []
    for _ in range(3):
        texts.append(Client().post(LOGIN, {"login": guessed, "password": "wrong"}).content.decode())
        Client().post(LOGIN, own)

    assert ["very often" in text for text in texts] == [False, False, True]


def test_a_right_password_is_not_tried_without_end(monkeypatch):
    monkeypatch.setitem(LIMITS, "sign-in-right", Limit(2, 300))
    own = {"login": make_member().email, "password": PASSWORD}

    answers = [Client().post(LOGIN, own) for _ in range(3)]

    assert [answer.status_code for answer in answers[:2]] == [302, 302]
    assert "very often" in answers[2].content.decode()
    assert Client().post(LOGIN, {"login": make_member().email, "password": PASSWORD}).status_code == 302


def test_who_only_signs_out_is_not_counted(monkeypatch):
    monkeypatch.setitem(LIMITS, "account-network", Limit(1, 300))

    for _ in range(3):
        assert Client().post(LOGOUT).status_code == 302
    assert not RateCount.objects.exists()


def test_an_office_accepts_its_invites_on_one_morning(monkeypatch):
    for name in ("invite-open", "invite-accept"):
        monkeypatch.setitem(LIMITS, name, Limit(1, 300))
    admin = make_admin()

    for number in range(3):
        _, link = create_invite_link(by=admin)
        path = link[link.index("/invite/") :]
        assert Client().get(path).status_code == 200
        fields = {"name": "Lena", "email": f"lena{number}@example.com", "password": "four words put together"}
        assert Client().post(path, fields).status_code == 302

    assert [Client().get(f"/invite/guess{number}/").status_code for number in range(2)] == [404, 429]


@pytest.mark.parametrize("path", [CODE, RESET, SIGN_UP])
@pytest.mark.parametrize("is_known", [True, False], ids=["known", "unknown"])
def test_one_network_has_few_mails_sent_to_strangers(path, is_known):
    Business.objects.filter(pk=current_business().pk).update(allows_sign_up=True)
    forget_business()
    limit = LIMITS["account-mail-network"].count
    known = [make_member().email for _ in range(limit + 1)] if is_known else []
    addresses = known or [f"stranger{number}@example.com" for number in range(limit + 1)]

    def ask(email: str, client: Client) -> int:
        return client.post(path, {"email": email, "name": "Lena", "password1": PASSWORD}).status_code

    assert [ask(email, Client()) for email in addresses] == [302] * limit + [429]
    assert len(mail.outbox) == limit
    assert ask(addresses[-1], at("192.0.2.7")) == 302


def change(client: Client, old: str, new: str = NEW) -> int:
    return client.post(CHANGE, {"oldpassword": old, "password1": new, "password2": new}).status_code


def change_by_program(client: Client, old: str, new: str = NEW) -> int:
    body = {"current_password": old, "new_password": new}
    return client.post(CHANGE_BY_PROGRAM, body, "application/json").status_code


@pytest.mark.parametrize("ask", [change, change_by_program])
def test_the_old_password_is_guessed_no_more_often_than_any(ask):
    member = make_member()
    client = signed_in_by_password(member)
    limit = LIMITS["sign-in-account"].count

    answers = [ask(client, f"guess {number}") for number in range(limit + 1)]

    assert answers == [200 if ask is change else 400] * limit + [429]
    assert ask(client, PASSWORD) == 429
    # They are tries of the password like any other: nobody signs in from here meanwhile, or shows again who they are.
    assert "very often" in sign_in(Client(), member).content.decode()
    assert "very often" in client.post("/account/reauthenticate/", {"password": PASSWORD}).content.decode()
    assert sign_in(at("192.0.2.7"), member).status_code == 302


@pytest.mark.parametrize("ask", [change, change_by_program])
def test_who_looks_for_a_better_password_is_not_counted(ask):
    client = signed_in_by_password(make_member())

    for _ in range(LIMITS["sign-in-account"].count + 1):
        assert ask(client, PASSWORD, "short") in (200, 400)

    assert ask(client, PASSWORD) in (200, 302)
