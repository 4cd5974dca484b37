"""A form by keyboard: Enter sends it, and who was refused lands at what is wrong."""

from playwright.sync_api import expect

from tenpo.people.tests.make import make_coach
from tenpo.schedule.models import Service


def test_enter_saves_a_long_form_and_a_refusal_leads_to_what_is_wrong(open_page, assert_calm):
    page = open_page("/teaching/services/new/", make_coach())
    name, link = page.get_by_label("Name", exact=True), page.locator("#id_join_link")
    rows = page.locator("[name^=amount_]").count()

    name.press("Enter")
    expect(name).to_be_focused()
    expect(name).to_have_attribute("aria-invalid", "true")
    assert_calm(page)
    name.fill("Coaching")
    page.locator("#id_amount_0").fill("90")
    link.fill("no link")
    name.press("Enter")
    expect(link).to_be_focused()
    expect(link).to_be_in_viewport()
    assert page.locator("[name^=amount_]").count() == rows
    link.fill("https://meet.example.com/a")
    link.press("Enter")
    expect(page.get_by_role("heading", name="Coaching")).to_be_visible()

    assert Service.objects.get().name == "Coaching"
