"""Booking on other sites: who makes it, which sites may show it, and that nothing but a time is had from there."""

import re
from datetime import timedelta
from html import unescape

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.utils import timezone

from tenpo.audit.models import AuditLog
from tenpo.core.limits import EMBED_FORM_SECONDS, EMBEDS_KEPT, LIMITS
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member, signed_in
from tenpo.schedule.actions.embeds import change_embed, end_embed, make_embed, read_origin
from tenpo.schedule.find_queries import start_name
from tenpo.schedule.models import Embed, Intro, Service
from tenpo.schedule.tests.intro_make import make_intro_service, some_start
from tenpo.schedule.tests.make import make_session
from tenpo.schedule.tests.time_make import make_service, refuses

pytestmark = pytest.mark.django_db

SITE = "https://coach.example"
VERA = {"name": "Vera Voss", "email": "vera@example.com"}


def make_one(coach: User | None = None, service: Service | None = None, **terms: object) -> Embed:
    """An embed of a coach, made by them, or of the business."""
    values = {"name": "My site", "origins": [SITE], "theme": "dark", "accent_hue": 20, **terms}
    return make_embed(by=coach or make_admin(), coach=coach, service=service, **values)  # type: ignore[arg-type]


def path_of(embed: Embed, service: Service | None = None, hours: int = 0) -> str:
    parts = [
        str(embed.pk),
        *([str(service.pk)] if service else []),
        *([start_name(some_start(hours))] if hours else []),
    ]
    return f"/embed/{'/'.join(parts)}/"


def token_in(text: str) -> str:
    found = re.search(r'name="token" value="([^"]+)"', text)
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    ("typed", "origin"),
    [
        ("https://Example.com/", "https://example.com"),
        ("https://example.com:443", "https://example.com"),
        ("https://example.com:8443", "https://example.com:8443"),
        ("http://localhost:8000", "http://localhost:8000"),
    ],
)
def test_a_site_is_kept_as_browsers_name_it(typed, origin):
    assert read_origin(typed) == origin


@pytest.mark.parametrize(
    "typed",
    [
        "http://example.com", "example.com", "https://", "https://*.example.com", "https://example.com/page", "*",
        "javascript:alert(1)", "https://a.example; script-src *", "https://user@example.com", "https://example.com:x",
        "https://exa mple.com", "data:text/html,x", "https://example.com?x=1",
    ],
)  # fmt: skip
def test_what_is_no_site_is_refused(typed):
    with pytest.raises(ValidationError):
        read_origin(typed)


def test_a_coach_makes_their_own_and_nobody_elses():
    lena, tom = make_coach("Lena"), make_coach("Tom")
    service = make_intro_service(tom)

    embed = make_one(lena)

    assert (embed.coach, embed.origins) == (lena, [SITE])
    assert AuditLog.objects.get(action="embed.made").object_id == embed.pk
    for terms in ({"coach": tom}, {"coach": None}, {"coach": lena, "service": service}):
        with pytest.raises(PermissionDenied):
            make_embed(by=lena, name="X", origins=[SITE], **terms)
    with pytest.raises(PermissionDenied):
        make_embed(by=make_member(), name="X", origins=[SITE], coach=None)
    assert Embed.objects.count() == 1


@pytest.mark.parametrize("origins", [[], [f"https://{number}.example" for number in range(11)], ["nowhere"]])
def test_without_sites_it_is_not_made(origins):
    with pytest.raises(ValidationError) as refusal:
        make_one(origins=origins)

    assert "origins" in refusal.value.message_dict
    assert not Embed.objects.exists()


def test_nobody_has_more_than_so_many():
    lena = make_coach("Lena")
    first = make_one(lena)
    for number in range(EMBEDS_KEPT - 1):
        make_one(lena, name=f"{number}")

    with refuses("too_many"):
        make_one(lena)

    end_embed(first, by=lena)
    assert make_one(lena).ended_at is None


def test_it_is_changed_and_ended_by_whoever_may():
    lena, tom, admin = make_coach("Lena"), make_coach("Tom"), make_admin()
    embed = make_one(lena)

    changed = change_embed(embed, by=lena, version=0, origins=["https://other.example"], coach=lena)
    again = change_embed(embed, by=lena, origins=["https://other.example"])
    with refuses("changed_meanwhile"):
        change_embed(embed, by=lena, version=0, name="Late")
    with pytest.raises(PermissionDenied):
        end_embed(embed, by=tom)
    end_embed(embed, by=admin)
    end_embed(embed, by=admin)
    with refuses("ended"):
        change_embed(embed, by=lena, name="Late")

    assert (changed.version, again.version) == (1, 1)
    assert AuditLog.objects.filter(action="embed.ended").count() == 1


def test_just_its_sites_may_frame_it_and_nothing_else_of_ours():
    lena = make_coach("Lena")
    service = make_intro_service(lena)
    embed = make_one(lena, origins=[SITE, "https://two.example"])
    client = Client()

    for path in (path_of(embed), path_of(embed, service), path_of(embed, service, 24)):
        page = client.get(path)
        assert page.status_code == 200
        assert f"frame-ancestors 'self' {SITE} https://two.example;" in f"{page['Content-Security-Policy']};"
        assert "X-Frame-Options" not in page
        assert "script-src 'nonce-" in page["Content-Security-Policy"]
        assert page.cookies.keys() == set()
    for path in ("/book/", f"/book/{service.pk}/", "/intro/asked/", "/account/login/", "/embed/v1.js"):
        page = client.get(path)
        assert page["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in page["Content-Security-Policy"]


def test_what_is_ended_or_was_never_there_is_shown_nowhere():
    lena = make_coach("Lena")
    embed = make_one(lena)
    end_embed(embed, by=lena)

    for path in (path_of(embed), "/embed/01920f3a-7c1e-7b3a-9d55-2f6f0c1b8a42/"):
        page = Client().get(path)
        assert page.status_code == 404
        assert page["X-Frame-Options"] == "DENY"


def test_it_shows_what_is_open_to_visitors_of_whom_it_is():
    lena, tom = make_coach("Lena"), make_coach("Tom")
    make_intro_service(lena, name="Lena talks")
    make_service(lena, name="Lena trains", open_to="visitors", price=4_500)
    make_service(lena, name="Lena alone")
    make_intro_service(tom, name="Tom talks")

    hers = Client().get(path_of(make_one(lena))).text
    everybodys = Client().get(path_of(make_one())).text

    assert "Lena talks" in hers
    assert "Lena trains" in hers
    assert "Lena alone" not in hers
    assert "Tom talks" not in hers
    assert "Tom talks" in everybodys
    assert "Lena alone" not in everybodys


def test_of_one_service_it_shows_no_other():
    lena = make_coach("Lena")
    talk = make_intro_service(lena)
    other = make_service(lena, name="Other", open_to="visitors")
    embed = make_one(lena, talk)

    assert "First talk" in Client().get(path_of(embed)).text
    assert Client().get(path_of(embed, other)).status_code == 404


def test_whoever_is_signed_in_is_nobody_there():
    lena = make_coach("Lena")
    service = make_intro_service(lena)
    embed = make_one(lena)

    seen, stranger = (client.get(path_of(embed, service)).text for client in (signed_in(lena), Client()))

    assert re.sub(r'nonce="[^"]*"', "", seen) == re.sub(r'nonce="[^"]*"', "", stranger)


def test_a_time_that_costs_something_leads_out_of_the_frame():
    lena = make_coach("Lena")
    service = make_intro_service(lena, name="Paid", price=4_500, format="virtual")
    embed = make_one(lena, service)

    page = Client().get(path_of(embed)).text

    assert f'href="/book/{service.pk}/' in page
    assert 'target="_blank" rel="noopener"' in page
    assert "You book on our own page" in page
    Service.objects.update(needs_approval=True)
    assert "You ask for it on our own page" in Client().get(path_of(embed)).text
    assert Client().get(path_of(embed, service, 24)).status_code == 404


def test_an_intro_is_asked_for_without_any_cookie():
    lena = make_coach("Lena")
    service = make_intro_service(lena)
    embed = make_one(lena)
    client = Client(enforce_csrf_checks=True)
    path = f"{path_of(embed, service, 24)}?host={SITE}&zone=Europe/Berlin"

    page = client.get(path)
    client.cookies.clear()
    sent = client.post(path, {**VERA, "token": token_in(page.text)})
    after = client.get(sent["Location"])

    assert sent.status_code == 302
    assert 'data-event="tenpo:booked"' in after.text
    assert "vera" not in after.text.lower()
    assert Intro.objects.get().state == "held"


def test_another_clock_is_chosen_in_the_frame_and_kept_without_any_cookie():
    lena = make_coach("Lena")
    make_intro_service(lena)
    embed = make_one(lena)
    around = f"host={SITE}&zone=Asia/Tokyo"

    page = Client().get(f"{path_of(embed)}?{around}")
    links = re.findall(r'<a href="([^"]+)" data-at', page.text)
    form = Client().get(unescape(links[0]))
    sent = Client().post(unescape(links[0]), {**VERA, "token": token_in(form.text)})

    assert Client().get(f"{path_of(embed)}?zone=Etc/GMT%2B4").status_code == 200
    assert "Times in Tokyo" in page.text
    assert '<option value="Asia/Tokyo" selected>' in page.text
    assert f'name="host" value="{SITE}"' in page.text
    assert not page.cookies
    assert "zone=Asia%2FTokyo" in links[0]
    assert "zone=Asia%2FTokyo" in sent["Location"]
    assert Intro.objects.get().time_zone == "Asia/Tokyo"


@pytest.mark.parametrize("how", ["none", "made up", "of another embed", "old"])
def test_without_a_token_of_this_embed_nothing_is_held(how):
    lena = make_coach("Lena")
    service = make_intro_service(lena)
    embed, other = make_one(lena), make_one(lena, name="Other")
    client, path = Client(), path_of(embed, service, 24)
    tokens = {
        "none": "",
        "made up": "20270101T0000Z:abc:def",
        "of another embed": token_in(client.get(path_of(other, service, 24)).text),
        "old": token_in(client.get(path).text),
    }
    later = timezone.now() + timedelta(seconds=EMBED_FORM_SECONDS + 1 if how == "old" else 0)

    with time_machine.travel(later, tick=False):
        answer = client.post(path, {**VERA, "token": tokens[how]})

    assert answer.status_code == 409
    assert "open for long" in answer.text
    assert not Intro.objects.exists()


def test_only_a_site_that_may_show_it_is_told_of_anything():
    lena = make_coach("Lena")
    embed = make_one(lena, make_intro_service(lena))

    told = Client().get(f"{path_of(embed)}?host={SITE}").text
    not_told = Client().get(f"{path_of(embed)}?host=https://evil.example").text

    assert f'data-host="{SITE}"' in told
    assert 'data-host=""' in not_told
    assert "evil.example" not in not_told.replace("host=https%3A%2F%2Fevil.example", "")


def test_what_is_gone_is_said_in_the_frame():
    lena = make_coach("Lena")
    service = make_intro_service(lena)
    embed = make_one(lena)
    page = Client().get(path_of(embed, service, 24)).text
    make_session(lena, starts_at=some_start(), minutes=30)

    answer = Client().post(path_of(embed, service, 24), {**VERA, "token": token_in(page)})

    assert answer.status_code == 409
    assert "Somebody was quicker" in answer.text
    assert "X-Frame-Options" not in answer


def test_looks_and_holds_from_there_are_counted(monkeypatch):
    monkeypatch.setitem(LIMITS, "visitor-look", LIMITS["visitor-look"].__class__(1, 300))
    lena = make_coach("Lena")
    embed = make_one(lena, make_intro_service(lena))

    assert [Client().get(path_of(embed)).status_code for _ in range(2)] == [200, 429]


def test_the_program_is_plain_and_may_be_kept():
    answer = Client().get("/embed/v1.js")

    assert answer["Content-Type"].startswith("text/javascript")
    assert answer["Cache-Control"] == "public, max-age=3600"
    assert answer["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer.cookies.keys() == set()
    for word in (b"eval", b"innerHTML", b"document.cookie", b'"*"', b"localStorage"):
        assert word not in answer.content


def test_pages_to_make_one():
    lena, tom = make_coach("Lena"), make_coach("Tom")
    service = make_intro_service(lena)
    form = {"name": "My site", "service": service.pk, "origins": SITE, "theme": "light", "accent_hue": ""}

    client = signed_in(lena)
    made = client.post("/teaching/embeds/new/", form, follow=True)
    embed = Embed.objects.get()
    wrong = client.post(f"/teaching/embeds/{embed.pk}/", {**form, "origins": "http://example.com", "version": 0})

    assert f"/embed/v1.js&quot; data-embed=&quot;{embed.pk}&quot;" in made.text
    assert "frame-src 'self'" in made["Content-Security-Policy"]
    assert (embed.coach, embed.accent_hue) == (lena, None)
    assert wrong.status_code == 422
    assert "Only sites that are encrypted" in wrong.text
    assert signed_in(tom).get(f"/teaching/embeds/{embed.pk}/").status_code == 404
    assert signed_in(make_member()).get("/teaching/embeds/").status_code == 404
    client.post(f"/teaching/embeds/{embed.pk}/end/")
    assert Client().get(path_of(embed)).status_code == 404
