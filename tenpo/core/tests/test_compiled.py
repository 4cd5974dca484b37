import threading
from typing import Any

import pytest
from django.db import connection
from django.db.models import F

from tenpo.core.compiled import Compiled, CompiledFor, Param
from tenpo.people.models import Participant, User, granted_roles
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.models import Booking

pytestmark = pytest.mark.django_db

WITH_OWNER: Compiled[Participant] = Compiled(
    lambda: (
        Participant.objects.select_related("user")
        .annotate(called=F("user__name"), owners_roles=granted_roles("user"))
        .filter(user__email=Param("email"))[:1]
    )
)
NAMES = Compiled(lambda: User.objects.filter(name__in=[Param("one"), Param("other")]).values_list("name", "email"))
SEEN: CompiledFor[Any] = CompiledFor(lambda user: Booking.objects.visible_to(user).values("pk"))


def test_it_finds_what_the_queryset_would(django_assert_num_queries):
    maya, _other = make_coach("Maya Berg"), make_member("Lena Okafor")

    with django_assert_num_queries(1):
        found = WITH_OWNER.first(email=maya.email)
        assert found is not None
        roles = found.__dict__["owners_roles"]
        assert (found.user, found.__dict__["called"], roles) == (maya, "Maya Berg", ["coach"])
    assert WITH_OWNER.first(email="nobody@example.com") is None


def test_each_call_has_its_own_values():
    people = [make_member(name) for name in ("Ada", "Bo", "Cy")]

    assert sorted(NAMES(one="Ada", other="Cy")) == [("Ada", people[0].email), ("Cy", people[2].email)]
    assert NAMES(one="Bo", other="'; DROP TABLE people_user; --") == [("Bo", people[1].email)]
    with pytest.raises(KeyError):
        NAMES(one="Ada")


def test_django_writes_it_once():
    written = []

    def make() -> Any:
        written.append(1)
        return User.objects.filter(name=Param("name"))

    names = Compiled(make)
    for name in ("Ada", "Bo"):
        names(name=name)

    assert written == [1]


@pytest.mark.parametrize("make", [make_member, make_coach, make_admin])
def test_it_shows_somebody_what_they_may_see(make):
    user = make()
    sql, parameters = Booking.objects.visible_to(user).values("pk").query.sql_with_params()

    seen, values = SEEN.sql(user)

    assert (seen.replace("(%s)", "%s"), values) == (sql, parameters)


@pytest.mark.django_db(transaction=True)
def test_threads_ask_at_once_and_each_hears_its_own_answer():
    people = [make_member(f"Person {n}") for n in range(4)]
    heard: dict[str, set[str]] = {person.email: set() for person in people}
    start = threading.Barrier(len(people))

    def ask(person: User) -> None:
        start.wait()
        try:
            for _ in range(50):
                found = WITH_OWNER.first(email=person.email)
                heard[person.email].add(found.user.email if found else "")
        finally:
            connection.close()

    threads = [threading.Thread(target=ask, args=[person]) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert heard == {person.email: {person.email} for person in people}
