from django.urls import path

from tenpo.notify.views import deliveries, notifications, preferences

app_name = "notify"
urlpatterns = [
    path("notifications/", notifications.notification_list, name="notification-list"),
    path("notifications/read/", notifications.notification_read_all, name="notification-read-all"),
    path("notifications/<uuid:notification_id>/", notifications.notification_open, name="notification-open"),
    path("notifications/off/<str:token>/", preferences.unsubscribe, name="unsubscribe"),
    path("me/notifications/", preferences.preference_list, name="preferences"),
    path("deliveries/", deliveries.delivery_list, name="delivery-list"),
    path("deliveries/<uuid:delivery_id>/retry/", deliveries.delivery_retry, name="delivery-retry"),
    path("deliveries/events/", deliveries.outbox_list, name="outbox-list"),
    path("deliveries/events/<int:message_id>/retry/", deliveries.outbox_retry, name="outbox-retry"),
    path("mail/", deliveries.mail_list, name="mail-list"),
]
