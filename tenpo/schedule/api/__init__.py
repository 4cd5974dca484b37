"""The schedule's endpoints: sessions and series, bookings, imports, calendars; services, places, hours and slots."""

from ninja import Router

from tenpo.schedule.api import (
    attendance,
    bookings,
    calendars,
    embeds,
    feeds,
    hours,
    imports,
    intros,
    places,
    resources,
    reviews,
    series,
    services,
    sessions,
    slots,
    standing_in,
    video,
)

router = Router()
router.add_router("", sessions.router)
router.add_router("", attendance.router)
router.add_router("", bookings.router)
router.add_router("", intros.router)
router.add_router("", reviews.router)
router.add_router("", resources.router)
router.add_router("", series.router)
router.add_router("", imports.router)
router.add_router("", feeds.router)
router.add_router("", calendars.router)
router.add_router("", embeds.router)
router.add_router("", slots.router)
router.add_router("", places.router)
router.add_router("", services.router)
router.add_router("", hours.router)
router.add_router("", standing_in.router)
router.add_router("", video.router)
