"""People's endpoints: oneself, everybody, invites and imports."""

from ninja import Router

from tenpo.people.api import accounts, imports, invites

router = Router()
router.add_router("", accounts.router)
router.add_router("", invites.router)
router.add_router("", imports.router)
