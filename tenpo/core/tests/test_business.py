from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from tenpo.core.business import current_business, forget_business
from tenpo.core.models import Business


@pytest.mark.django_db
def test_the_business_is_read_once_and_afresh_when_changed(django_assert_num_queries):
    current_business()
    with django_assert_num_queries(0):
        assert current_business().name == "Tenpo"

    Business.objects.update(name="Northwind")
    forget_business()

    assert current_business().name == "Northwind"


@pytest.mark.django_db(transaction=True)
def test_many_first_questions_make_one_business():
    def ask(_number: int) -> object:
        forget_business()
        try:
            return current_business().pk
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        found = set(pool.map(ask, range(20)))

    assert len(found) == 1
    assert Business.objects.count() == 1
