from django.urls import path

from tenpo.people.views import guests, imports, invites, people, second_factor

app_name = "people"
urlpatterns = [
    path("me/", people.profile, name="profile"),
    path("me/second-factor/", second_factor.second_factor, name="second-factor"),
    path("me/guests/", guests.guest_list, name="guest-list"),
    path("me/guests/<uuid:guest_id>/", guests.guest_detail, name="guest-detail"),
    path("me/guests/<uuid:guest_id>/leave-out/", guests.guest_leave_out, name="guest-leave-out"),
    path("people/", people.user_list, name="user-list"),
    path("people/<uuid:user_id>/roles/", people.role_change, name="role-change"),
    path("invites/", invites.invite_list, name="invite-list"),
    path("invites/new/", invites.invite_create, name="invite-create"),
    path("invites/<uuid:invite_id>/resend/", invites.invite_resend, name="invite-resend"),
    path("invites/<uuid:invite_id>/link/", invites.invite_link, name="invite-link"),
    path("invites/<uuid:invite_id>/revoke/", invites.invite_revoke, name="invite-revoke"),
    path("invite/<str:token>/", invites.invite_open, name="invite-open"),
    path("invite/<str:token>/decline/", invites.invite_decline, name="invite-decline"),
    path("imports/", imports.import_list, name="import-list"),
    path("imports/<uuid:import_id>/", imports.import_detail, name="import-detail"),
    path("imports/<uuid:import_id>/progress/", imports.import_progress, name="import-progress"),
    path("imports/<uuid:import_id>/confirm/", imports.import_confirm, name="import-confirm"),
]
