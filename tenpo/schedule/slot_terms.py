"""What a slot costs, and what was answered for it. Pure rules."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

MAX_ANSWER = 1_000
MINUTES_OF_HOUR = 60


def price_of(prices: Mapping[int, int], *, minutes: int, by_hour: bool, people: int = 1) -> int:
    """What so many people pay for it all together, in minor units; half a unit counts up.

    Of a size that has no price of its own the next smaller one holds, for each person as much. An hour's price holds
    for as much of an hour as it lasts. Raises KeyError where no size is as small.
    """
    sizes = [size for size in prices if size <= people]
    if not sizes:
        raise KeyError(people)
    size = max(sizes)
    numerator, denominator = prices[size] * people, size
    if by_hour:
        numerator, denominator = numerator * minutes, denominator * MINUTES_OF_HOUR
    return (2 * numerator + denominator) // (2 * denominator)


def read_answers(questions: Sequence[Mapping[str, Any]], given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What is kept of answers by the questions' keys: `label` and `answer`, in the order of the questions.

    Raises ValidationError by key.
    """
    problems, kept = {}, []
    for question in questions:
        try:
            answer = _answer(question, given.get(question["key"]))
        except ValidationError as error:
            problems[question["key"]] = error
            continue
        if answer is not None:
            kept.append({"label": question["label"], "answer": answer})
    for unknown in given.keys() - {question["key"] for question in questions}:
        problems[unknown] = ValidationError(_("Nobody asked this."))
    if problems:
        raise ValidationError(problems)
    return kept


def _answer(question: Mapping[str, Any], given: Any) -> str | bool | None:
    """One answer; None where nothing was said and nothing had to be."""
    if question["kind"] == "yes":
        if given not in (None, True, False, ""):
            raise ValidationError(_("Yes or no."))
        if question["required"] and given is not True:
            raise ValidationError(_("Without a yes it cannot be booked."))
        return bool(given)
    if not isinstance(given, str | None):
        raise ValidationError(_("This is no text."))
    answer = (given or "").strip()
    if not answer:
        if question["required"]:
            raise ValidationError(_("Please answer this."))
        return None
    if "\0" in answer:
        raise ValidationError(_("There is a character in it that no text can hold."))
    if len(answer) > MAX_ANSWER:
        raise ValidationError(_("At most %(n)s characters.") % {"n": MAX_ANSWER})
    if question["kind"] == "choice" and answer not in question["options"]:
        raise ValidationError(_("Choose one of the answers."))
    return answer
