from django.db import migrations

from tenpo.core.db import CreateViews

VIEWS = {
    # One for each thing that a sponsor pays a part of; an enrollment is the booking that it paid.
    "employer_sponsorships": """
        SELECT l.id, s.sponsor_id AS employer_id, o.buyer_id AS student_id, b.id AS enrollment_id, o.created_at
        FROM orders_line l
        JOIN orders_sponsorship s ON s.id = l.sponsorship_id
        JOIN orders_order o ON o.id = l.order_id
        LEFT JOIN schedule_booking b ON b.line_id = l.id
        WHERE l.sponsor_share > 0 AND o.state <> 'void'
    """
}


class Migration(migrations.Migration):
    dependencies = [
        ("reporting", "0005_auto_top_up_settings"),
        ("orders", "0008_sponsorships"),
        ("schedule", "0001_initial"),
    ]
    operations = [CreateViews("peer_learning", VIEWS)]
