from django.urls import path

from tenpo.payments.views import connect, methods, payout_queue, payouts

app_name = "payments"
urlpatterns = [
    path("me/money/stripe/", connect.stripe_account, name="stripe-account"),
    path("me/money/stripe/back/", connect.stripe_account_back, name="stripe-account-back"),
    path("me/money/methods/", methods.method_list, name="method-list"),
    path("me/money/methods/<uuid:method_id>/default/", methods.method_default, name="method-default"),
    path("me/money/methods/<uuid:method_id>/remove/", methods.method_remove, name="method-remove"),
    path("me/money/methods/<uuid:method_id>/leave/", methods.method_leave, name="method-leave"),
    path("me/money/methods/<uuid:method_id>/back/", methods.method_back, name="method-back"),
    path("me/money/payouts/", payouts.payout_list, name="payout-list"),
    path("me/money/payouts/accounts/", payouts.payout_account_list, name="payout-account-list"),
    path(
        "me/money/payouts/accounts/<uuid:account_id>/default/",
        payouts.payout_account_default,
        name="payout-account-default",
    ),
    path(
        "me/money/payouts/accounts/<uuid:account_id>/remove/",
        payouts.payout_account_remove,
        name="payout-account-remove",
    ),
    path("me/money/payouts/<uuid:payout_id>/", payouts.payout_detail, name="payout-detail"),
    path("me/money/payouts/<uuid:payout_id>/cancel/", payouts.payout_cancel, name="payout-cancel"),
    path("money/payouts/", payout_queue.queue, name="payout-queue"),
    path("money/payouts/terms/", payout_queue.terms, name="payout-terms"),
    path("money/payouts/files/", payout_queue.batch_list, name="batch-list"),
    path("money/payouts/files/<uuid:batch_id>/", payout_queue.batch_detail, name="batch-detail"),
    path("money/payouts/files/<uuid:batch_id>/file/", payout_queue.batch_file, name="batch-file"),
    path("money/payouts/<uuid:payout_id>/", payout_queue.payout_review, name="payout-review"),
]
