"""A coach's week on the page: dragged, by keyboard, and as a list without a script."""

import pytest
from playwright.sync_api import Page, expect

from tenpo.people.tests.make import make_coach
from tenpo.schedule.availability_queries import hours_of
from tenpo.schedule.tests.time_make import make_hours
from tenpo.schedule.weekly_hours import Hours

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
NINE, NOON = 9 * 60, 12 * 60


def day(page: Page, number: int):
    return page.locator(".week-column").nth(number)


def save(page: Page) -> None:
    page.get_by_role("button", name="Save the week").click()
    expect(page.get_by_text("What is booked already stays")).to_be_visible()


def test_a_week_is_said_by_keyboard_and_heard(open_page, assert_calm):
    coach = make_coach()
    make_hours(coach, opens=NINE, closes=NOON, weekdays=range(1))
    page = open_page(f"/teaching/hours/{coach.pk}/", coach)
    heard = page.locator("[data-week-said]")

    day(page, 0).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(heard).to_have_text("Tuesday, 09:00–10:00: added")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+ArrowDown")
    expect(heard).to_have_text("Tuesday, 09:15–10:30")
    page.keyboard.press("ArrowRight")
    expect(heard).to_have_text("Wednesday, 09:15–10:30")
    day(page, 0).focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Delete")
    expect(heard).to_have_text("Monday, 09:00–12:00: removed")
    assert_calm(page)
    save(page)

    assert hours_of(coach) == [Hours(2, 9 * 60 + 15, 10 * 60 + 30)]


def test_a_week_is_dragged(open_page):
    coach = make_coach()
    make_hours(coach, opens=NINE, closes=NOON, weekdays=range(1))
    page = open_page(f"/teaching/hours/{coach.pk}/", coach)
    hour = day(page, 0).bounding_box()["height"] / 16
    block = day(page, 0).get_by_role("button").bounding_box()

    # The end of Monday's hours two hours down; then an hour and a half of Tuesday, from six o'clock on.
    page.mouse.move(block["x"] + 20, block["y"] + block["height"] - 3)
    page.mouse.down()
    page.mouse.move(block["x"] + 20, block["y"] + block["height"] - 3 + 2 * hour, steps=4)
    page.mouse.up()
    tuesday = day(page, 1).bounding_box()
    page.mouse.move(tuesday["x"] + 20, tuesday["y"] + 2)
    page.mouse.down()
    page.mouse.move(tuesday["x"] + 20, tuesday["y"] + 2 + hour / 2, steps=4)
    page.mouse.up()
    expect(day(page, 1)).to_have_accessible_name("Tuesday: 06:00–07:30")
    save(page)

    assert hours_of(coach) == [Hours(0, NINE, NOON + 120), Hours(1, 6 * 60, 7 * 60 + 30)]


def test_on_a_phone_the_week_is_a_list_by_day(open_page, assert_calm):
    coach = make_coach()
    page = open_page(f"/teaching/hours/{coach.pk}/", coach)
    page.set_viewport_size({"width": 390, "height": 844})

    page.get_by_role("button", name="Add hours on Friday").click()
    page.get_by_label("Friday: From").locator("visible=true").fill("10:00")
    page.get_by_label("Friday: Until").locator("visible=true").fill("13:00")
    expect(page.locator("[data-week-grid]")).to_be_hidden()
    assert_calm(page)
    save(page)

    assert hours_of(coach) == [Hours(4, 600, 780)]


def test_who_leaves_with_something_unsaved_is_asked(open_page, assert_calm):
    coach = make_coach()
    make_hours(coach, opens=NINE, closes=NOON, weekdays=range(1))
    page = open_page(f"/teaching/hours/{coach.pk}/", coach)
    unsaved = page.get_by_text("Not saved yet")
    asked = []

    def stay(dialog):
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    expect(unsaved).to_be_hidden()
    day(page, 0).focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(unsaved).to_be_visible()
    page.get_by_role("link", name="Teaching").first.click(no_wait_after=True)
    expect(unsaved).to_be_visible()
    assert_calm(page)
    assert asked == ["beforeunload"]
    # What is taken back is nothing to save, and what is saved is not asked about.
    day(page, 0).get_by_role("button").press("ArrowUp")
    expect(unsaved).to_be_hidden()
    day(page, 0).get_by_role("button").press("ArrowDown")
    save(page)
    expect(unsaved).to_be_hidden()
    page.get_by_role("link", name="Teaching").first.click()
    expect(page.get_by_role("heading", name="Teaching")).to_be_visible()

    assert asked == ["beforeunload"]
    assert hours_of(coach) == [Hours(0, NINE + 15, NOON + 15)]
