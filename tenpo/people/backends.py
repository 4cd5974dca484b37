from typing import Any
from uuid import UUID

from allauth.account.auth_backends import AuthenticationBackend

from tenpo.people.models import User
from tenpo.people.required_factors import with_factors


class PersonBackend(AuthenticationBackend):  # type: ignore[misc]
    """Signs people in by e-mail; loads a signed-in user with roles, and whether they have a second factor, at once."""

    def get_user(self, user_id: UUID | str) -> User | None:
        user: User | None = with_factors(User.objects.active().with_roles()).filter(pk=user_id).first()
        return user

    def user_can_authenticate(self, user: Any) -> bool:
        return bool(user.is_active)
