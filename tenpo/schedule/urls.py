from django.urls import path

from tenpo.schedule.views import bookings, calendar, clients, finding, imports, series, sessions, teaching

app_name = "schedule"
urlpatterns = [
    path("sessions/", sessions.session_list, name="session-list"),
    path("sessions/events.json", sessions.session_events, name="session-events"),
    path("sessions/<uuid:session_id>/", sessions.session_detail, name="session-detail"),
    path("book/", finding.service_list, name="service-list"),
    path("book/<uuid:service_id>/", finding.slot_list, name="slot-list"),
    path("bookings/", bookings.booking_list, name="booking-list"),
    path("bookings/<uuid:booking_id>/", bookings.booking_detail, name="booking-detail"),
    path("bookings/<uuid:booking_id>/booking.ics", bookings.booking_ics, name="booking-ics"),
    path("bookings/<uuid:booking_id>/attendance/", teaching.attendance_mark, name="attendance-mark"),
    path("calendar/", calendar.calendar, name="calendar"),
    path("calendar/events.json", calendar.calendar_events, name="calendar-events"),
    path("calendar/feed/", calendar.feed_renew, name="feed-renew"),
    path("calendar/feed/end/", calendar.feed_end, name="feed-end"),
    path("calendar/feed/<str:token>.ics", calendar.feed, name="feed"),
    path("teaching/", teaching.teaching_list, name="teaching-list"),
    path("teaching/clients/", clients.client_list, name="client-list"),
    path("teaching/new/", teaching.session_create, name="session-create"),
    path("teaching/series/new/", series.series_create, name="series-create"),
    path("teaching/<uuid:session_id>/following/edit/", series.following_edit, name="following-edit"),
    path("teaching/<uuid:session_id>/following/cancel/", series.following_cancel, name="following-cancel"),
    path("teaching/import/", imports.session_import, name="session-import"),
    path("teaching/import/<uuid:import_id>/", imports.session_import_detail, name="session-import-detail"),
    path("teaching/import/<uuid:import_id>/progress/", imports.session_import_progress, name="session-import-progress"),
    path("teaching/<uuid:session_id>/", teaching.session_roster, name="session-roster"),
    path("teaching/<uuid:session_id>/edit/", teaching.session_edit, name="session-edit"),
    path("teaching/<uuid:session_id>/cancel/", teaching.session_cancel, name="session-cancel"),
    path("teaching/<uuid:session_id>/complete/", teaching.session_complete, name="session-complete"),
    path("teaching/<uuid:session_id>/attendance/", teaching.attendance_all, name="attendance-all"),
    path("teaching/<uuid:session_id>/roster.csv", teaching.roster_csv, name="roster-csv"),
]
