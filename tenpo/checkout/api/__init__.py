"""The checkout's endpoints: booking and paying, wallets, refunds."""

from ninja import Router

from tenpo.checkout.api import (
    auto_top_up,
    booking,
    cancelling,
    disputes,
    earnings,
    payments,
    placing,
    policies,
    refunds,
    series,
    slot_series,
    slots,
    split_rules,
    waiting,
    wallet,
)

router = Router()
router.add_router("", booking.router)
router.add_router("", cancelling.router)
router.add_router("", disputes.router)
router.add_router("", earnings.router)
router.add_router("", payments.router)
router.add_router("", placing.router)
router.add_router("", policies.router)
router.add_router("", split_rules.router)
router.add_router("", slots.router)
router.add_router("", wallet.router)
router.add_router("", auto_top_up.router)
router.add_router("", refunds.router)
router.add_router("", series.router)
router.add_router("", slot_series.router)
router.add_router("", waiting.router)
