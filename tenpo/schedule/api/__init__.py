"""The schedule's endpoints: sessions and series, bookings, imports and feeds."""

from ninja import Router

from tenpo.schedule.api import attendance, bookings, feeds, imports, resources, reviews, series, sessions, video

router = Router()
router.add_router("", sessions.router)
router.add_router("", attendance.router)
router.add_router("", bookings.router)
router.add_router("", reviews.router)
router.add_router("", resources.router)
router.add_router("", series.router)
router.add_router("", imports.router)
router.add_router("", feeds.router)
router.add_router("", video.router)
