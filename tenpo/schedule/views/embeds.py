"""Booking on other sites: made, changed, tried and ended by a coach or an admin."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.csp import CSP
from django.utils.translation import gettext as _
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tenpo.core.errors import RuleError
from tenpo.core.limits import hit
from tenpo.people.http import page_of
from tenpo.schedule.actions.embeds import change_embed, end_embed, make_embed
from tenpo.schedule.embed_forms import EmbedForm
from tenpo.schedule.models import Embed
from tenpo.schedule.views.teaching import add_problems, teacher

# The preview is a frame of our own.
WITH_A_FRAME: dict[str, Any] = {**settings.SECURE_CSP, "frame-src": [CSP.SELF]}


@login_required
@require_safe
def embed_list(request: HttpRequest) -> HttpResponse:
    """The pieces of other sites that show what can be booked here."""
    user = teacher(request)
    page = page_of(request, Embed.objects.visible_to(user).select_related("coach", "service"), order=("-id",))
    return render(request, "schedule/embed_list.html", {"embeds": page.items, "next": page.next_cursor})


@login_required
@require_http_methods(["GET", "POST"])
def embed_make(request: HttpRequest) -> HttpResponse:
    """Make one."""
    user = teacher(request)
    form = EmbedForm(request.POST or None, viewer=user)
    if request.method == "POST" and form.is_valid():
        hit("embed-user", user.pk)
        try:
            embed = make_embed(by=user, **form.terms())
        except (RuleError, ValidationError) as error:
            add_problems(form, error)
        else:
            messages.success(request, _("Made. Copy the line below into your site."))
            return redirect("schedule:embed-detail", embed.pk)
    return render(request, "schedule/embed_form.html", {"form": form}, status=422 if form.errors else 200)


@login_required
@csp_override(WITH_A_FRAME)
@require_http_methods(["GET", "POST"])
def embed_detail(request: HttpRequest, embed_id: UUID) -> HttpResponse:
    """One: the line for the site, how it looks there, and what can be changed."""
    user = teacher(request)
    embed = get_object_or_404(Embed.objects.visible_to(user).select_related("coach", "service"), pk=embed_id)
    form = EmbedForm(request.POST or None, viewer=user, embed=embed)
    if request.method == "POST" and form.is_valid():
        try:
            change_embed(embed, by=user, version=form.cleaned_data["version"], **form.terms())
        except (RuleError, ValidationError) as error:
            add_problems(form, error)
        else:
            messages.success(request, _("Saved."))
            return redirect("schedule:embed-detail", embed.pk)
    context = {"form": form, "embed": embed, "snippets": snippets(embed)}
    return render(request, "schedule/embed_detail.html", context, status=422 if form.errors else 200)


@login_required
@require_POST
def embed_end(request: HttpRequest, embed_id: UUID) -> HttpResponse:
    """Show it nowhere any more."""
    user = teacher(request)
    end_embed(get_object_or_404(Embed.objects.visible_to(user), pk=embed_id), by=user)
    messages.success(request, _("Ended. It is shown nowhere any more."))
    return redirect("schedule:embed-list")


def snippets(embed: Embed) -> list[tuple[str, str]]:
    """The lines for a site, each with what it does there."""
    tag = f'<script src="{settings.PUBLIC_URL}/embed/v1.js" data-embed="{embed.pk}"'
    return [
        (_("In the page, where the line stands"), f"{tag}></script>"),
        (_("A button there, which opens it"), f'{tag} data-mode="popup" data-label="{_("Book a time")}"></script>'),
        (
            _("A button in the corner of each page"),
            f'{tag} data-mode="button" data-label="{_("Book a time")}"></script>',
        ),
    ]
