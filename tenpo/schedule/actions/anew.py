"""What was locked is not what it was when the locks were asked for: all of them are let go, and asked for anew.

Whoever found out under the locks which others are needed as well, and asked for those on top, would ask in another
order than everybody else.
"""

import functools
from collections.abc import Callable

from django.utils.translation import gettext as _

from tenpo.core.errors import RuleError

# How often it is begun anew because a service was changed while it was waited for.
CHANGES_MET = 4


class ServiceChangedError(Exception):
    """A service is another one than when its coaches and rooms were locked; no lock may outlive this."""


def anew_when_changed[**P, T](action: Callable[P, T]) -> Callable[P, T]:
    """Do an action once more, with nothing held, when the service that it locks was changed meanwhile.

    Stands outside `transaction.atomic`, which lets go of what the action had locked. It refuses with changed_meanwhile
    where that comes again and again.
    """

    @functools.wraps(action)
    def whole(*args: P.args, **kwargs: P.kwargs) -> T:
        for _again in range(CHANGES_MET):
            try:
                return action(*args, **kwargs)
            except ServiceChangedError:
                continue
        raise RuleError("changed_meanwhile", _("This is just being changed. Please try again."))

    return whole
