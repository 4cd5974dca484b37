from django.urls import path

from tenpo.orders import sponsor_views, views

app_name = "orders"
urlpatterns = [
    path("policies/shares/", views.share_policy_list, name="share-policy-list"),
    path("policies/shares/<uuid:policy_id>/end/", views.share_policy_end, name="share-policy-end"),
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
    path("me/sponsoring/", sponsor_views.my_sponsoring, name="my-sponsoring"),
    path("money/sponsors/", sponsor_views.sponsorship_list, name="sponsorship-list"),
    path("money/sponsors/new/", sponsor_views.sponsorship_create, name="sponsorship-create"),
    path("sponsorships/<uuid:sponsorship_id>/", sponsor_views.sponsorship_detail, name="sponsorship-detail"),
    path("sponsorships/<uuid:sponsorship_id>/people/", sponsor_views.sponsored_people, name="sponsored-people"),
    path(
        "sponsorships/<uuid:sponsorship_id>/people/<uuid:person_id>/remove/",
        sponsor_views.sponsored_person_remove,
        name="sponsored-person-remove",
    ),
    path("sponsorships/<uuid:sponsorship_id>/end/", sponsor_views.sponsorship_end, name="sponsorship-end"),
    path("sponsorships/<uuid:sponsorship_id>/budget/", sponsor_views.sponsorship_pot, name="sponsorship-pot"),
    path(
        "sponsorships/<uuid:sponsorship_id>/payments/new/",
        sponsor_views.sponsor_payment_create,
        name="sponsor-payment-create",
    ),
    path("sponsorships/<uuid:sponsorship_id>/spent.csv", sponsor_views.sponsorship_csv, name="sponsorship-csv"),
    path("sponsorships/<uuid:sponsorship_id>/statement.pdf", sponsor_views.sponsorship_pdf, name="sponsorship-pdf"),
]
