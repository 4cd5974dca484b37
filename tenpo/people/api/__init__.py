"""People's endpoints: oneself, everybody, guests, invites and imports."""

from ninja import Router

from tenpo.people.api import accounts, guests, imports, invites

router = Router()
router.add_router("", accounts.router)
router.add_router("", guests.router)
router.add_router("", invites.router)
router.add_router("", imports.router)
