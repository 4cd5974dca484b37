"""The schedule's endpoints: sessions and series, slots, bookings, imports and feeds."""

from ninja import Router

from tenpo.schedule.api import bookings, feeds, imports, series, sessions, slots

router = Router()
router.add_router("", sessions.router)
router.add_router("", bookings.router)
router.add_router("", series.router)
router.add_router("", imports.router)
router.add_router("", feeds.router)
router.add_router("", slots.router)
