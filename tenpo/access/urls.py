from django.urls import path

from tenpo.access import views

app_name = "access"
urlpatterns = [
    path("me/keys/", views.key_list, name="key-list"),
    path("me/keys/<uuid:key_id>/revoke/", views.key_revoke, name="key-revoke"),
    path("me/access/", views.standing_access, name="standing-access"),
    path("me/devices/<int:device_id>/sign-out/", views.device_sign_out, name="device-sign-out"),
    path("people/<uuid:user_id>/disable/", views.user_disable, name="user-disable"),
    path("people/<uuid:user_id>/enable/", views.user_enable, name="user-enable"),
]
