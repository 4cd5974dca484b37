"""The schedule's endpoints: sessions and series, bookings, imports, feeds; services, places and working hours."""

from ninja import Router

from tenpo.schedule.api import bookings, feeds, hours, imports, places, series, services, sessions

router = Router()
router.add_router("", sessions.router)
router.add_router("", bookings.router)
router.add_router("", series.router)
router.add_router("", imports.router)
router.add_router("", feeds.router)
router.add_router("", places.router)
router.add_router("", services.router)
router.add_router("", hours.router)
