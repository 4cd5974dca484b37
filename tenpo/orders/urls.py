from django.urls import path

from tenpo.orders import views

app_name = "orders"
urlpatterns = [
    path("policies/shares/", views.share_policy_list, name="share-policy-list"),
    path("policies/shares/<uuid:policy_id>/end/", views.share_policy_end, name="share-policy-end"),
    path("policies/splits/", views.split_rule_list, name="split-rule-list"),
    path("policies/splits/new/", views.split_rule_create, name="split-rule-create"),
    path("policies/splits/<uuid:rule_id>/end/", views.split_rule_end, name="split-rule-end"),
    path("policies/cancellation/", views.cancellation_policy_list, name="cancellation-policy-list"),
    path("policies/cancellation/new/", views.cancellation_policy_create, name="cancellation-policy-create"),
    path(
        "policies/cancellation/<uuid:policy_id>/default/",
        views.cancellation_policy_default,
        name="cancellation-policy-default",
    ),
    path(
        "policies/cancellation/<uuid:policy_id>/retirement/",
        views.cancellation_policy_retire,
        name="cancellation-policy-retire",
    ),
]
