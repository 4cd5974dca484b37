import pytest
from django.test import Client

from tenpo.payments.provider_models import PaymentMethod
from tenpo.payments.providers.sandbox import DECLINED, SUCCEEDS
from tenpo.people.tests.make import make_member

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]
API = "/api/v1/payment-methods"


def post(client: Client, path: str = API, key: str = "one", **body: str):
    return client.post(path, body, "application/json", headers={"Idempotency-Key": key})


def test_a_card_is_kept_once_for_one_key_chosen_and_removed(client):
    client.force_login(make_member())

    first = post(client, provider="sandbox", source=SUCCEEDS).json()
    again = post(client, provider="sandbox", source=SUCCEEDS).json()
    second = post(client, key="two", provider="sandbox", source=SUCCEEDS).json()
    chosen = post(client, f"{API}/{second['id']}/default", key="three").json()
    removed = client.delete(f"{API}/{first['id']}").json()

    assert first == again
    assert (first["state"], first["brand"], first["last4"], first["is_default"]) == ("ready", "visa", "4242", True)
    assert (chosen["is_default"], removed["state"]) == (True, "removed")
    assert [one["id"] for one in client.get(API).json()["items"]] == [second["id"]]
    assert client.get(f"{API}/{first['id']}").json()["state"] == "removed"


def test_refusals(client):
    client.force_login(make_member())

    assert post(client, provider="transfer").json()["code"] == "not_kept"
    declined = post(client, key="two", provider="sandbox", source=DECLINED).json()
    assert (declined["state"], declined["failure_code"]) == ("failed", "card_declined")
    assert post(client, f"{API}/{declined['id']}/default", key="three").json()["code"] == "not_ready"
    other = PaymentMethod.objects.create(user=make_member(), provider="sandbox")
    assert client.delete(f"{API}/{other.pk}").status_code == 404
