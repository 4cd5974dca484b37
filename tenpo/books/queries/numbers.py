"""The business's chart of accounts: which number each kind of account has in an export."""

from tenpo.books.models import AccountNumber
from tenpo.ledger.models import Account

# The usual numbers, after the chart that many businesses in Germany keep (SKR 04). A kind of account without a line
# here fails a test.
USUAL = {
    Account.Kind.SPONSOR: "1200",
    Account.Kind.COMPANY: "1210",
    Account.Kind.DISPUTES: "1300",
    Account.Kind.OWED: "1340",
    Account.Kind.PROVIDER: "1460",
    Account.Kind.CREDIT: "3272",
    Account.Kind.GRANTED: "3273",
    Account.Kind.WALLET: "3274",
    Account.Kind.RESERVED: "3276",
    Account.Kind.EARNINGS: "3510",
    Account.Kind.PAYOUTS: "3520",
    Account.Kind.REFUNDS: "3530",
    Account.Kind.SALES: "4400",
    Account.Kind.GRANTS: "6600",
    Account.Kind.FEES: "6855",
}


def account_numbers() -> dict[str, str]:
    """Every kind of account and its number, as the business chose it or as usual. One statement."""
    chosen = dict(AccountNumber.objects.values_list("kind", "number"))
    return {kind.value: chosen.get(kind.value, USUAL[kind]) for kind in Account.Kind}
