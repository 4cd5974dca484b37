from django.urls import path

from tenpo.payments.views import connect, methods

app_name = "payments"
urlpatterns = [
    path("me/money/stripe/", connect.stripe_account, name="stripe-account"),
    path("me/money/stripe/back/", connect.stripe_account_back, name="stripe-account-back"),
    path("me/money/methods/", methods.method_list, name="method-list"),
    path("me/money/methods/<uuid:method_id>/default/", methods.method_default, name="method-default"),
    path("me/money/methods/<uuid:method_id>/remove/", methods.method_remove, name="method-remove"),
    path("me/money/methods/<uuid:method_id>/leave/", methods.method_leave, name="method-leave"),
    path("me/money/methods/<uuid:method_id>/back/", methods.method_back, name="method-back"),
]
