"""What is told about the books: that a provider's list differs from them."""

from collections.abc import Callable

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from tenpo.books.models import Reconciliation
from tenpo.core.models import OutboxMessage
from tenpo.ledger.models import Account, title_of
from tenpo.notify.kinds import Audience, Facts, Kind, Notice, Words, path_to
from tenpo.people.models import User


def _say_differs(facts: Facts) -> Words:
    new = facts.number("new")
    title = ngettext(
        "%(provider)s and the books differ in %(n)s place", "%(provider)s and the books differ in %(n)s places", new
    )
    return Words(
        title=title % {"provider": title_of(Account.Kind.PROVIDER, facts["provider"]), "n": new},
        text=_("Look at what each side says, and note how it was cleared."),
        act=_("See the differences"),
        path=path_to("books:reconciliation-detail", facts["reconciliation_id"]),
    )


RECONCILIATION_DIFFERS = Kind(
    "admin.reconciliation_differs", gettext_lazy("A provider's list differs from the books"), Audience.ADMIN,
    _say_differs, email_is_optional=False, icon="scale",
)  # fmt: skip

KINDS = (RECONCILIATION_DIFFERS,)


def on_reconciliation_differs(message: OutboxMessage) -> list[Notice]:
    """Every admin."""
    run = Reconciliation.objects.get(pk=message.subject_id)
    facts = {"reconciliation_id": str(run.pk), "provider": run.provider, "new": message.payload["new"]}
    admins = User.objects.admins().active().values_list("pk", flat=True)
    return [Notice(RECONCILIATION_DIFFERS, admin, facts) for admin in admins]


TELLS: dict[str, Callable[[OutboxMessage], list[Notice]]] = {"reconciliation.differs": on_reconciliation_differs}
