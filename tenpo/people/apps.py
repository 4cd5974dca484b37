from django.apps import AppConfig


class PeopleConfig(AppConfig):
    name = "tenpo.people"

    def ready(self) -> None:
        """Hear of second factors that allauth has set up."""
        # Models cannot be imported before all apps are there.
        from allauth.mfa.signals import authenticator_added  # noqa: PLC0415

        from tenpo.people.required_factors import note_new_factor  # noqa: PLC0415

        authenticator_added.connect(note_new_factor)
