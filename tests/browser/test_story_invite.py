"""Story 2: an admin invites people, one by one or from a file; they accept, decline, or come too late."""

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone
from playwright.sync_api import Page, expect

from tenpo.people.models import Invite, User
from tenpo.people.tests.make import make_admin, make_invite, make_member
from tests.work import work

GOOD_PASSWORD = "seven otters in a rowing boat"


def accept(page: Page, *, name: str, email: str = "") -> None:
    page.get_by_label("Your name").fill(name)
    if email:
        page.get_by_label("Your e-mail").fill(email)
    page.get_by_label("A password").fill(GOOD_PASSWORD)
    page.get_by_role("button", name="Accept and sign in").press("Enter")


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_invited_by_mail_accepted_and_signed_in(open_page, assert_calm, size):
    page = open_page("/invites/", make_admin("Nora Lind"), size=size)
    assert_calm(page)
    page.get_by_role("link", name="Invite somebody").first.click()
    page.wait_for_url("**/new/**")
    assert_calm(page)
    page.get_by_label("E-mail").fill("maya@example.com")
    page.get_by_label("Role").select_option("coach")
    page.get_by_role("button", name="Invite").press("Enter")
    expect(page.get_by_text("We are writing to maya@example.com.")).to_be_visible()
    row = page.locator(".row", has_text="maya@example.com")
    expect(row).to_contain_text("Open")
    assert_calm(page)
    work()

    [message] = mail.outbox
    link = re.search(r"/invite/[^/\s]+/", str(message.body))
    assert link
    guest = open_page(link[0], size=size)
    expect(guest.get_by_role("heading", level=1)).to_contain_text("You are invited to")
    assert_calm(guest)
    accept(guest, name="Maya Berg")

    expect(guest.get_by_role("heading", level=1)).to_have_text("Today")
    maya = User.objects.get(email="maya@example.com")
    assert (maya.name, maya.is_coach) == ("Maya Berg", True)
    page.reload()
    expect(page.locator(".row", has_text="maya@example.com")).to_contain_text("Accepted")
    late = open_page(link[0])
    expect(late.get_by_role("heading", level=1)).to_have_text("This link does not work")


def test_a_bare_link_is_shown_once_and_handed_over(open_page, assert_calm):
    page = open_page("/invites/new/", make_admin())
    page.get_by_role("button", name="Invite").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Here is the link")
    assert_calm(page)
    link = page.locator(".code-once code").inner_text()

    guest = open_page(f"/invite/{link.rstrip('/').rsplit('/', 1)[1]}/")
    accept(guest, name="Ada Brook", email="ada@example.com")

    expect(guest.get_by_role("heading", level=1)).to_be_visible()
    assert User.objects.get(email="ada@example.com").name == "Ada Brook"


def test_an_invite_is_declined(open_page, assert_calm):
    invite, token = make_invite("bo@example.com")
    page = open_page(f"/invite/{token}/")

    page.get_by_role("button", name="No, thank you").press("Enter")
    page.locator("#confirm").get_by_role("button", name="Decline").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("You declined")
    assert_calm(page)
    invite.refresh_from_db()
    assert invite.state() == Invite.State.DECLINED
    assert not User.objects.filter(email="bo@example.com").exists()
    page.goto(f"/invite/{token}/")
    expect(page.get_by_role("heading", level=1)).to_have_text("This link does not work")


def test_a_weak_password_is_said_beside_its_field(open_page, assert_calm):
    _, token = make_invite("cy@example.com")
    page = open_page(f"/invite/{token}/")
    page.get_by_label("Your name").fill("Cy")
    page.get_by_label("A password").fill("password")

    page.get_by_role("button", name="Accept and sign in").click()

    expect(page.locator(".errors").first).to_be_visible()
    expect(page.get_by_label("Your name")).to_have_value("Cy")
    assert_calm(page)
    assert not User.objects.filter(email="cy@example.com").exists()


def test_wrong_expired_revoked_and_declined_links_all_look_the_same(open_page, assert_calm):
    admin = make_admin()
    tokens = {"wrong": "x" * 43}
    changes: dict[str, dict[str, object]] = {
        "expired": {"expires_at": timezone.now() - timedelta(minutes=1)},
        "revoked": {"revoked_at": timezone.now()},
        "declined": {"declined_at": timezone.now()},
    }
    for name, change in changes.items():
        invite, tokens[name] = make_invite(by=admin)
        Invite.objects.filter(pk=invite.pk).update(**change)
    page = open_page("/account/login/")

    said = set()
    for token in tokens.values():
        answer = page.goto(f"/invite/{token}/")
        assert answer
        assert answer.status == 404
        said.add(page.locator("main").inner_text())

    assert len(said) == 1
    assert_calm(page)


def test_an_invite_is_sent_again_and_revoked(open_page):
    invite, token = make_invite("dee@example.com")
    page = open_page("/invites/", make_admin())
    row = page.locator(".row", has_text="dee@example.com")

    row.locator("summary").click()
    row.get_by_role("button", name="Send again").click()
    expect(page.get_by_text("We are writing to dee@example.com again.")).to_be_visible()
    row.locator("summary").click()
    row.get_by_role("button", name="Revoke").click()

    expect(row).to_contain_text("Revoked")
    invite.refresh_from_db()
    assert invite.revoked_at is not None
    page.goto(f"/invite/{token}/")
    expect(page.get_by_role("heading", level=1)).to_have_text("This link does not work")


def test_many_are_invited_from_a_file_after_a_look(open_page, assert_calm):
    make_member("Already Here")
    known = User.objects.get(name="Already Here").email
    file = f"email,name,role\nmaya@example.com,Maya Berg,coach\nnot an address,,\n{known},,\nada@example.com,Ada,\n"
    page = open_page("/imports/", make_admin())
    assert_calm(page)

    page.locator("input[type=file]").set_input_files(
        {"name": "people.csv", "mimeType": "text/csv", "buffer": file.encode()}
    )
    page.get_by_role("button", name="Look it over").click()

    expect(page.locator("#progress")).to_contain_text("2 people will be invited, 2 rows are skipped")
    expect(page.get_by_role("row", name=re.compile("not an address"))).to_contain_text("Skipped")
    assert_calm(page)
    assert not Invite.objects.exists()
    page.get_by_role("button", name="Invite 2 people").click()
    yes = page.locator("#confirm").get_by_role("button", name="Invite them")
    expect(yes).not_to_have_class(re.compile("danger"))
    yes.click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    work()

    # The page asks by itself how far it is.
    expect(page.locator("#progress")).to_contain_text("2 people were invited")
    assert sorted(Invite.objects.values_list("email", flat=True)) == ["ada@example.com", "maya@example.com"]
    assert sorted(one.to[0].split("<")[-1].strip(">") for one in mail.outbox) == ["ada@example.com", "maya@example.com"]


def test_a_member_invites_nobody(open_page):
    page = open_page("/invites/", make_member())

    expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing here for you")
