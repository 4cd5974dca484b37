from django.urls import path

from tenpo.checkout.views import booking, earnings, money, my_money, payments, policies, sandbox, wallet, wallets

app_name = "checkout"
urlpatterns = [
    path("sessions/<uuid:session_id>/book/", booking.book, name="book"),
    path("sessions/<uuid:session_id>/waitlist/", booking.waitlist_join, name="waitlist-join"),
    path("bookings/<uuid:booking_id>/pay/", booking.pay, name="pay"),
    path("bookings/<uuid:booking_id>/result/", booking.booking_result, name="booking-result"),
    path("bookings/<uuid:booking_id>/cancel/", booking.booking_cancel, name="booking-cancel"),
    path("payments/<uuid:payment_id>/leave/", payments.leave, name="payment-leave"),
    path("payments/<uuid:payment_id>/back/", payments.back, name="payment-back"),
    path("sandbox/<uuid:charge_id>/", sandbox.bank, name="sandbox-bank"),
    path("me/money/", my_money.overview, name="my-money"),
    path("me/money/payments.csv", my_money.payments_csv, name="my-payments-csv"),
    path("me/money/credit/", my_money.credit_statement, name="my-statement"),
    path("me/money/credit.csv", my_money.statement_csv, name="my-statement-csv"),
    path("me/money/earnings/", earnings.earnings, name="my-earnings"),
    path("me/money/wallet/", wallet.wallet, name="my-wallet"),
    path("me/money/wallet.csv", wallet.wallet_csv, name="my-wallet-csv"),
    path("me/money/wallet.pdf", wallet.wallet_pdf, name="my-wallet-pdf"),
    path("me/money/top-up/", wallet.top_up_form, name="top-up"),
    path("me/money/top-ups/<uuid:payment_id>/cancel/", wallet.top_up_cancel, name="top-up-cancel"),
    path("me/money/top-ups/<uuid:payment_id>/", wallet.top_up_result, name="top-up-result"),
    path("money/wallets/", wallets.wallet_list, name="wallet-list"),
    path("money/wallets/<uuid:user_id>/", wallets.wallet_detail, name="wallet-detail"),
    path("money/grants/<uuid:grant_id>/take-back/", wallets.grant_take_back, name="grant-take-back"),
    path("orders/<uuid:order_id>/", my_money.receipt, name="receipt"),
    path("policies/shares/new/", policies.share_policy_create, name="share-policy-create"),
    path("money/", money.payment_list, name="payment-list"),
    path("money/payments.csv", money.payments_csv, name="payments-csv"),
    path("money/payments/<uuid:payment_id>/", money.payment_detail, name="payment-detail"),
    path("money/waiting/", money.payment_waiting, name="payment-waiting"),
    path("money/waiting/mark/", money.payment_mark, name="payment-mark"),
    path("money/spend/", money.spend, name="spend"),
]
