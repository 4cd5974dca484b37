import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction

from tenpo.audit.models import AuditLog
from tenpo.checkout.tests.make import make_booking, told
from tenpo.checkout.tests.slot_make import book, working_coach
from tenpo.core.errors import RuleError
from tenpo.core.files import path_of
from tenpo.core.limits import FILE_BYTES_MAX, RESOURCES_KEPT
from tenpo.core.tokens import new_id
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member, signed_in
from tenpo.runtime.front import BODY_BYTES_MAX
from tenpo.schedule import jobs
from tenpo.schedule.actions import resources
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.actions.resources import add_file, add_link, change_resource, remove_resource
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.resource_models import SessionResource
from tenpo.schedule.tests.make import make_session
from tenpo.schedule.tests.time_make import make_service

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
PDF = b"%PDF-1.7 " + bytes(range(256)) * 4
LINK = "https://video.example.com/1"


@pytest.fixture(autouse=True)
def own_folder(settings, tmp_path):
    settings.DATA_DIR = tmp_path


def file_of(content: bytes = PDF, name: str = "slides.pdf") -> Any:
    return SimpleUploadedFile(name, content)


def keep(session: Session, content: bytes = PDF, name: str = "slides.pdf", **terms: Any) -> SessionResource:
    return add_file(session, file_of(content, name), by=session.coach, **({"kind": "slides", "name": ""} | terms))


def files(folder: Any) -> list[str]:
    return [str(path) for path in folder.rglob("*") if path.is_file()]


def names_for(user: User) -> list[str]:
    return list(SessionResource.objects.visible_to(user).order_by("id").values_list("name", flat=True))


def test_a_file_lies_under_a_name_of_ours_for_us_alone(tmp_path):
    session = make_session()

    kept = keep(session, name="../../etc/Slides.pdf")

    [path] = files(tmp_path)
    assert path == str(path_of(kept.file_key))
    assert "slides" not in path.lower()
    assert (kept.name, kept.size_bytes, kept.mime_type) == ("Slides.pdf", len(PDF), "application/pdf")
    assert Path(path).stat().st_mode & 0o077 == 0
    assert path_of(kept.file_key).read_bytes() == PDF
    assert AuditLog.objects.get(action="resource.added").after == {"name": "Slides.pdf", "is_public": False}


def test_who_has_a_place_that_was_booked_sees_it_and_what_is_public_everybody():
    session = make_session(capacity=3)
    member = make_member()
    booking = make_booking(session, member)
    gone = make_member()
    cancel_booking(make_booking(session, gone), by=gone)
    people = member, gone, make_member(), session.coach, make_coach(), make_admin()
    keep(session, name="private.pdf")
    add_link(session, LINK, kind="recording", name="film", is_public=True, by=session.coach)

    both, public = ["private.pdf", "film"], ["film"]
    assert [names_for(one) for one in people] == [both, public, public, both, public, both]
    for state in ("attended", "no_show", "held"):
        held_until = session.starts_at if state == "held" else None
        with transaction.atomic():
            Booking.objects.filter(pk=booking.pk).update(state=state, held_until=held_until)
            assert names_for(member) == (public if state == "held" else both)
            transaction.set_rollback(True)


@pytest.mark.parametrize(
    ("content", "name", "code"),
    [
        (b"", "empty.pdf", "empty"),
        (b"<svg onload=alert(1)>", "face.PNG", "not_a_picture"),
        (b"\x00" * (FILE_BYTES_MAX + 1), "large.mp4", "too_large"),
        (PNG, "face.png", ""),
        (b"RIFF\x00\x00\x00\x00WEBP", "face.webp", ""),
    ],
)
def test_what_is_refused_leaves_no_file(content, name, code, tmp_path):
    session = make_session()
    if not code:
        assert keep(session, content, name).mime_type == f"image/{name[-4:].strip('.')}"
        return

    with pytest.raises(RuleError) as refusal:
        keep(session, content, name)

    assert (refusal.value.code, files(tmp_path), SessionResource.objects.count()) == (code, [], 0)


def test_the_largest_file_gets_through_the_front():
    # With the rest of its form around it.
    assert FILE_BYTES_MAX + 100_000 < BODY_BYTES_MAX


def test_so_many_and_no_more(tmp_path):
    session = make_session()
    for number in range(RESOURCES_KEPT):
        add_link(session, LINK, kind="other", name=f"{number}", by=session.coach)

    with pytest.raises(RuleError) as refusal:
        keep(session)
    with pytest.raises(RuleError):
        add_link(session, LINK, kind="other", name="x", by=session.coach)

    assert refusal.value.code == "too_many"

    assert (SessionResource.objects.count(), files(tmp_path)) == (RESOURCES_KEPT, [])


@pytest.mark.parametrize("link", ["javascript:alert(1)", "ftp://example.com/1", "no link", "https://" + "x" * 600])
def test_a_link_leads_to_the_web(link):
    session = make_session()

    with pytest.raises(ValidationError):
        add_link(session, link, kind="other", name="x", by=session.coach)

    assert SessionResource.objects.count() == 0


def test_only_who_runs_the_session_keeps_changes_and_takes_away():
    session = make_session()
    make_booking(session, member := make_member())
    kept = keep(session)

    for other in (member, make_coach()):
        for act in (
            lambda by: add_file(session, file_of(), kind="other", name="", by=by),
            lambda by: add_link(session, LINK, kind="other", name="x", by=by),
            lambda by: change_resource(kept, is_public=True, by=by),
            lambda by: remove_resource(kept, by=by),
        ):
            with pytest.raises(PermissionDenied):
                act(other)

    assert SessionResource.objects.get().is_public is False
    remove_resource(kept, by=make_admin())
    remove_resource(kept, by=session.coach)
    assert SessionResource.objects.count() == 0


def test_a_form_that_is_sent_twice_keeps_one(tmp_path):
    session, once = make_session(), new_id()

    first, second = keep(session, once=once), keep(session, once=once)

    assert (first.pk, len(files(tmp_path))) == (second.pk, 1)


def test_what_no_row_names_goes_after_a_day_and_the_rest_stays(tmp_path):
    session = make_session()
    gone, kept, new = keep(session), keep(session), keep(session)
    old = time.time() - timedelta(days=1, minutes=1).total_seconds()
    for one in (gone, kept):
        os.utime(path_of(one.file_key), (old, old))
    for one in (gone, new):
        remove_resource(one, by=session.coach)

    jobs.drop_unnamed_files(0)

    assert sorted(files(tmp_path)) == sorted(str(path_of(one.file_key)) for one in (kept, new))


def test_the_database_refuses_what_is_neither_or_both():
    session = make_session()
    row = {"session": session, "kind": "other", "name": "x", "uploaded_by": session.coach}

    for wrong in ({}, {"link": LINK, "file_key": "a", "size_bytes": 1}, {"file_key": "a"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            SessionResource.objects.create(**row, **wrong)


def test_whoever_has_a_place_is_told_once_of_each_kind():
    session = make_session()
    member = make_member()
    make_booking(session, member)

    for name in ("one.pdf", "two.pdf"):
        keep(session, name=name)
    add_link(session, LINK, kind="recording", name="film", by=session.coach)

    assert told(member).count("resource.added") == 2
    assert "resource.added" not in told(make_member())


@pytest.mark.parametrize("address", ["/resources/{id}/", "/api/v1/resources/{id}/file"])
def test_it_is_given_as_a_file_and_never_shown(address):
    session = make_session()
    make_booking(session, member := make_member())
    kept = keep(session, b"<script>alert(1)</script>", name='evil".html\r\nX-Evil: 1')
    client, path = signed_in(member), address.format(id=kept.pk)

    answer: Any = client.get(path)

    assert b"".join(answer.streaming_content) == b"<script>alert(1)</script>"
    assert answer["Content-Disposition"].startswith("attachment; filename=")
    assert "X-Evil" not in answer
    assert (answer["Content-Type"], answer["X-Content-Type-Options"]) == ("application/octet-stream", "nosniff")
    assert "sandbox" in answer["Content-Security-Policy"]
    assert "no-store" in answer["Cache-Control"]
    assert signed_in(make_member()).get(path).status_code == 404
    link = add_link(session, LINK, kind="other", name="x", by=session.coach)
    assert client.get(address.format(id=link.pk)).status_code == 404
    path_of(kept.file_key).unlink()
    assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    ("wanted", "status", "part"),
    [
        ("bytes=0-8", 206, PDF[:9]),
        ("bytes=9-", 206, PDF[9:]),
        ("bytes=-10", 206, PDF[-10:]),
        ("bytes=5000-6000", 416, b""),
        ("lines=1-2", 200, PDF),
    ],
)
def test_a_part_of_it_where_a_part_is_asked_for(wanted, status, part):
    session = make_session()
    kept = keep(session)

    answer: Any = signed_in(session.coach).get(f"/resources/{kept.pk}/", headers={"Range": wanted})

    assert (answer.status_code, b"".join(answer.streaming_content)) == (status, part)
    assert answer["Accept-Ranges"] == "bytes"
    assert answer["Content-Type"] == "application/octet-stream"
    assert status == 416 or answer["Content-Disposition"].startswith("attachment")


def test_the_page():
    session = make_session()
    make_booking(session, member := make_member())
    client = signed_in(session.coach)
    address = f"/teaching/{session.pk}/resources/"
    assert address in client.get(f"/teaching/{session.pk}/").content.decode()

    sent = client.post(address, {"kind": "slides", "file": file_of(), "name": ""})
    assert sent["Location"] == address
    assert client.post(address, {"kind": "recording", "link": LINK, "name": "Film"})["Location"] == address
    for wrong in (
        {"kind": "slides"},
        {"kind": "slides", "link": LINK},
        {"kind": "slides", "link": LINK, "name": "x", "file": file_of()},
    ):
        assert client.post(address, wrong).status_code == 422

    kept, link = SessionResource.objects.order_by("id")
    for page in (f"/sessions/{session.pk}/", f"/bookings/{Booking.objects.get().pk}/"):
        shown = signed_in(member).get(page).content.decode()
        assert f"/resources/{kept.pk}/" in shown
        assert LINK in shown
    stranger = signed_in(make_member())
    assert "slides.pdf" not in stranger.get(f"/sessions/{session.pk}/").content.decode()
    client.post(f"/resources/{kept.pk}/act/", {"act": "public"})
    assert "slides.pdf" in stranger.get(f"/sessions/{session.pk}/").content.decode()
    client.post(f"/resources/{kept.pk}/act/", {"act": "private"})
    client.post(f"/resources/{link.pk}/act/", {"act": "remove"})
    assert client.post(f"/resources/{kept.pk}/act/", {"act": "dance"}).status_code == 404
    assert [(one.pk, one.is_public) for one in SessionResource.objects.all()] == [(kept.pk, False)]


def test_by_api():
    session = make_session()
    client = signed_in(session.coach)
    address = f"/api/v1/sessions/{session.pk}"

    made = client.post(f"{address}/files", {"file": file_of(PNG, "face.png"), "kind": "other"}).json()
    body = {"kind": "recording", "name": "Film", "link": LINK, "duration_seconds": 90}
    assert client.post(f"{address}/resources", body, content_type="application/json").status_code == 201
    one = f"/api/v1/resources/{made['id']}"
    assert client.patch(one, {"is_public": True}, content_type="application/json").json()["is_public"] is True

    listed = client.get(f"{address}/resources").json()
    assert [(row["name"], row["is_file"], row["mime_type"], row["duration_seconds"]) for row in listed] == [
        ("face.png", True, "image/png", None),
        ("Film", False, "", 90),
    ]
    assert client.delete(one).status_code == 204
    assert client.delete(one).status_code == 404


def test_of_what_was_booked_as_a_slot_nothing_is_public():
    coach, member, stranger = working_coach(), make_member(), make_member()
    booking = book(make_service(coach), member)
    resource = keep(booking.session, name="Knee", is_public=True)

    seen = [names_for(user) for user in (coach, member, stranger)]
    answer = signed_in(stranger).get(f"/api/v1/resources/{resource.pk}/file")

    assert (seen, answer.status_code) == ([["Knee"], ["Knee"], []], 404)


def test_one_person_keeps_so_much_and_no_more(monkeypatch, tmp_path):
    monkeypatch.setattr(resources, "RESOURCE_BYTES_KEPT", 2 * len(PDF))
    coach = make_coach()
    for _number in range(2):
        keep(make_session(coach))
    before = files(tmp_path)

    with pytest.raises(RuleError) as refusal:
        keep(make_session(coach))

    assert (refusal.value.code, files(tmp_path)) == ("too_much", before)
    assert keep(make_session()).size_bytes == len(PDF)
