"""The components do what they promise: by mouse, by key, on a phone, in both themes."""

import re

import pytest
from playwright.sync_api import expect

from tenpo.people.tests.make import make_admin, make_member


@pytest.mark.parametrize("size", ["desktop", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_component_is_accessible(open_page, assert_calm, size, theme):
    page = open_page("/design", make_admin(), size=size, theme=theme)

    assert_calm(page)


def test_members_do_not_see_the_design_page(open_page):
    page = open_page("/design", make_member())

    expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing here for you")


def test_the_palette_opens_by_key_and_closes(open_page):
    page = open_page("/design", make_admin("Maya Berg"))

    page.keyboard.press("/")

    palette = page.locator("#palette")
    expect(palette).to_be_visible()
    expect(palette.locator("input")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(palette.locator("#palette-found a").first).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(palette.locator("input")).to_be_focused()
    page.keyboard.press("Escape")
    expect(palette).to_be_hidden()
    page.keyboard.press("Control+k")
    expect(palette).to_be_visible()


def test_a_slash_in_a_field_is_a_slash(open_page):
    page = open_page("/design", make_admin())

    page.locator("#id_name").first.press("/")

    expect(page.locator("#palette")).to_be_hidden()
    expect(page.locator("#id_name").first).to_have_value("/")


def test_a_dialog_opens_holds_the_focus_and_gives_it_back(open_page):
    page = open_page("/design", make_admin())
    opener = page.get_by_role("button", name="Open a dialog")

    opener.press("Enter")

    dialog = page.locator("#dialog-sample")
    expect(dialog).to_be_visible()
    expect(dialog).to_have_accessible_name("Invite somebody")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()
    opener.click()
    page.mouse.click(5, 5)
    expect(dialog).to_be_hidden()


def test_what_cannot_be_undone_is_asked_with_its_effect(open_page):
    page = open_page("/design", make_admin())
    page.get_by_role("button", name="Ask first").click()

    dialog = page.locator("#confirm")
    expect(dialog).to_contain_text("14 people will be told, €168 goes back as credit.")
    expect(dialog.get_by_role("button", name="Keep it as it is")).to_be_focused()
    page.keyboard.press("Enter")

    expect(dialog).to_be_hidden()
    expect(page).not_to_have_url(re.compile(r"\?"))


def test_a_menu_moves_by_arrows_and_closes_by_escape(open_page):
    page = open_page("/design", make_admin())
    summary = page.locator("summary", has_text="A menu")

    summary.press("ArrowDown")

    menu = summary.locator("..")
    expect(menu.get_by_role("button", name="Make a copy")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(menu.get_by_role("link", name="Export")).to_be_focused()
    page.keyboard.press("Escape")
    expect(menu).not_to_have_attribute("open", re.compile(""))
    expect(summary).to_be_focused()


def test_the_theme_is_chosen_and_kept(open_page):
    page = open_page("/design", make_admin("Maya Berg"))
    page.locator(".rail-foot summary").click()

    page.locator(".rail").get_by_role("button", name="Dark", exact=True).click()

    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.evaluate("getComputedStyle(document.body).color") != page.evaluate(
        "(document.documentElement.dataset.theme = 'light', getComputedStyle(document.body).color)"
    )


def test_values_of_a_chart_are_read_by_key(open_page):
    page = open_page("/design", make_admin())
    point = page.get_by_role("img", name="Nov: Company €2,040, People €580").first

    point.focus()

    expect(point.locator(".value")).to_have_css("opacity", "1")
    table = page.locator("#chart details", has_text="As a table").first
    table.locator("summary").click()
    expect(table.get_by_role("row", name="Nov €2,040 €580")).to_be_visible()


def test_the_first_tab_skips_to_the_content(open_page):
    page = open_page("/design", make_admin())

    page.keyboard.press("Tab")

    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


def test_on_a_phone_the_places_stand_at_the_thumb(open_page):
    page = open_page("/design", make_admin(), size="phone")

    bar = page.locator(".thumb-bar")
    expect(bar).to_be_visible()
    expect(page.locator(".rail")).to_be_hidden()
    boxes = [place.bounding_box() for place in bar.locator(".place").all()]
    assert boxes
    assert all(box and box["height"] >= 44 and box["width"] >= 44 for box in boxes)


def test_the_calendar_opens_a_session_by_key(open_page, assert_calm):
    page = open_page("/design", make_admin())
    event = page.locator(".calendar .ec-event", has_text="Lunch walk")

    expect(event).to_contain_text("12:00")
    event.get_by_role("link").press("Enter")

    expect(page).to_have_url(re.compile("#calendar$"))
    page.get_by_role("button", name="Month").press("Enter")
    expect(page.locator(".calendar .ec-month-view, .calendar .ec-day-grid").first).to_be_visible()
    assert_calm(page)
