from django.urls import path

from tenpo.books.views import days, explorer, journal, reconciliation

app_name = "books"
urlpatterns = [
    path("money/ledger/", explorer.trial_balance, name="trial-balance"),
    path("money/ledger/accounts/", explorer.account_list, name="account-list"),
    path("money/ledger/accounts/<uuid:account_id>/", explorer.account_detail, name="account-detail"),
    path("money/ledger/transfers/", explorer.transfer_list, name="transfer-list"),
    path("money/ledger/transfers/<uuid:transfer_id>/", explorer.transfer_detail, name="transfer-detail"),
    path("money/ledger/days/", days.day_list, name="day-list"),
    path("money/ledger/days/<uuid:close_id>/", days.day_detail, name="day-detail"),
    path("money/ledger/journal/", journal.journal, name="journal"),
    path("money/ledger/journal.csv", journal.journal_csv, name="journal-csv"),
    path("money/ledger/numbers/", journal.numbers, name="numbers"),
    path("money/reconciliation/", reconciliation.reconciliation_list, name="reconciliation-list"),
    path(
        "money/reconciliation/<uuid:reconciliation_id>/",
        reconciliation.reconciliation_detail,
        name="reconciliation-detail",
    ),
    path(
        "money/reconciliation/differences/<uuid:difference_id>/",
        reconciliation.difference_detail,
        name="difference-detail",
    ),
]
