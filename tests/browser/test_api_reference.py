"""The API's reference is readable: found by words, opened by key, calm at both sizes."""

import pytest
from playwright.sync_api import expect

from tenpo.people.tests.make import make_member


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_an_operation_is_found_and_opened(open_page, assert_calm, size):
    page = open_page("/me/keys/", make_member(), size=size)
    page.get_by_role("link", name="The API").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("API reference")

    page.get_by_role("searchbox", name="What are you looking for?").fill("book a seat")
    page.get_by_role("searchbox", name="What are you looking for?").press("Enter")

    expect(page.get_by_role("status")).to_contain_text(" of ")
    operation = page.locator("details.operation", has=page.locator("#create_booking"))
    if operation.get_attribute("open") is None:
        operation.locator("summary").press("Enter")
    expect(operation.get_by_text("Idempotency-Key: $(uuidgen)")).to_be_visible()
    expect(operation).to_contain_text("already_booked")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_role("searchbox", name="What are you looking for?").press("Enter")
    page.get_by_role("link", name="openapi.json").focus()
    assert asked == [], "what stands there is not asked for again: the answer would close what was opened"
    assert_calm(page)


def test_it_works_signed_out_and_without_scripts(open_page):
    page = open_page("/api/v1/docs?q=webhook", scripts=False)

    expect(page.get_by_text("receive_webhook · needs no key")).to_be_visible()
