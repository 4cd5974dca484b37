from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from tenpo.core.money import Money
from tenpo.core.words import say_money, say_when
from tenpo.orders.models import Order
from tenpo.payments.models import Payment
from tenpo.people.models import Role, User
from tenpo.schedule.models import Session
from tenpo.web.context import places_of
from tenpo.web.queries.search import MAX_LENGTH, find


@dataclass(frozen=True)
class Hit:
    """One thing found: what it is called, a word more, and where it opens."""

    title: str
    note: str
    url: str
    icon: str


@login_required
@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """Find a person, a session, a payment, a page; the palette asks for the list alone."""
    user = request.user
    assert user.is_authenticated
    text = request.GET.get("q", "").replace("\0", "").strip()[:MAX_LENGTH]
    found = find(text, by=user)
    groups = [
        (_("Pages"), _pages(text, user)),
        (_("People"), [_person(person) for person in found.people]),
        (_("Sessions"), [_session(session) for session in found.sessions]),
        (_("Orders"), [_order(order) for order in found.orders]),
        (_("Payments"), [_payment(payment, user) for payment in found.payments]),
    ]
    context: dict[str, Any] = {"q": text, "groups": [(label, hits) for label, hits in groups if hits]}
    is_fragment = request.headers.get("HX-Request") == "true" and request.headers.get("HX-Boosted") != "true"
    return render(request, "web/search.html#found" if is_fragment else "web/search.html", context)


def _pages(text: str, user: User) -> list[Hit]:
    wanted = text.casefold()
    places = [place for place in places_of(user) if wanted and wanted in str(place.label).casefold()]
    return [Hit(str(place.label), "", reverse(place.route), place.icon) for place in places]


def _person(person: User) -> Hit:
    role = Role(next(iter(sorted(person.roles)))).label if person.roles else _("Member")
    return Hit(str(person), str(role), reverse("web:person", args=[person.pk]), "user")


def _session(session: Session) -> Hit:
    note = f"{say_when(session.starts_at)}, {session.coach_names}"
    if session.status == Session.Status.CANCELLED:
        note = _("Cancelled: %(when)s") % {"when": note}
    return Hit(session.title, note, reverse("schedule:session-detail", args=[session.pk]), "calendar")


def _order(order: Order) -> Hit:
    what = ", ".join(dict.fromkeys(line.description for line in order.lines.all()))
    return Hit(order.number, f"{order.buyer}, {what}", reverse("checkout:receipt", args=[order.pk]), "receipt")


def _payment(payment: Payment, by: User) -> Hit:
    amount = say_money(Money(payment.amount, payment.currency))
    if by.is_admin:
        url = reverse("checkout:payment-detail", args=[payment.pk])
    elif payment.order_id:
        url = reverse("checkout:receipt", args=[payment.order_id])
    else:
        url = reverse("checkout:my-money")
    return Hit(f"{amount}, {payment.said_description}", str(payment.payer), url, "banknote")
