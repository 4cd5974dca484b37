"""Small charts, drawn on the server: geometry here, SVG in `cotton/chart.html`.

Everything across is a percentage and everything down a pixel, so a chart is as wide as its place and its words keep
their size. Bars and lines start at zero. Nothing needs JavaScript or an inline style.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, log10

from tenpo.core.words import say_number

HEIGHT = 208
TOP = 22
BASE = HEIGHT - 26
LINE_GAP = 16
WIDEST = 12
# More names than these would lie on each other below a chart.
MOST_NAMES = 14


@dataclass(frozen=True)
class Series:
    """One line or one colour of bars: its name, and a value for every label."""

    name: str
    values: Sequence[float]


@dataclass(frozen=True)
class Bar:
    """One bar, or one part of a stacked one."""

    x: float
    y: float
    width: float
    height: float
    series: int


@dataclass(frozen=True)
class Segment:
    """A straight piece of a line."""

    x1: float
    y1: float
    x2: float
    y2: float
    series: int


@dataclass(frozen=True)
class Mark:
    """A value on a line."""

    x: float
    y: float
    series: int


@dataclass(frozen=True)
class Point:
    """One label with all its values: what a key or a finger lands on."""

    x: float
    left: float
    width: float
    label: str
    words: str
    shown: str
    shown_at: float
    anchor: str
    is_minor: bool
    is_named: bool
    is_last: bool
    marks: Sequence[Mark]


@dataclass(frozen=True)
class Tick:
    """A line across with its value."""

    y: float
    label: str


@dataclass(frozen=True)
class Name:
    """The name of a series, beside its last value."""

    y: float
    text: str
    series: int


@dataclass(frozen=True)
class Chart:
    """Everything that the template draws, and the table behind it."""

    height: int
    base: float
    bars: Sequence[Bar]
    segments: Sequence[Segment]
    points: Sequence[Point]
    ticks: Sequence[Tick]
    names: Sequence[Name]
    header: Sequence[str]
    rows: Sequence[tuple[str, Sequence[str]]]
    axis_width: int
    names_width: int


def ticks_up_to(highest: float) -> list[float]:
    """Round steps from zero to at least `highest`, three to five of them."""
    if highest <= 0:
        return [0, 1]
    rough = highest / 4
    size = 10 ** floor(log10(rough))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= rough)
    return [step * number for number in range(ceil(highest / step) + 1)]


def bar_chart(
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    stacked: bool = False,
    say: Callable[[float], str] = say_number,
    say_axis: Callable[[float], str] | None = None,
) -> Chart:
    """Bars side by side, or stacked. `say` turns a value into words, `say_axis` into short ones for the axis."""
    highest = max((_tops(series) if stacked else [v for one in series for v in one.values]), default=0)
    scale, ticks = _scale(highest)
    slot = 100 / max(len(labels), 1)
    bars: list[Bar] = []
    for index in range(len(labels)):
        # Few labels do not make broad bars.
        inner = min(slot * (0.5 if stacked or len(series) == 1 else 0.66), WIDEST)
        left = index * slot + (slot - inner) / 2
        if stacked:
            below = 0.0
            for number, one in enumerate(series):
                value = one.values[index]
                bars.append(_bar(left, inner, scale(below + value), scale(below), number))
                below += value
        else:
            width = inner / max(len(series), 1)
            for number, one in enumerate(series):
                bars.append(_bar(left + number * width, width * 0.94, scale(one.values[index]), BASE, number))
    return _chart(labels, series, scale, ticks, bars, [], stacked=stacked, say=say, say_axis=say_axis)


def line_chart(
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    say: Callable[[float], str] = say_number,
    say_axis: Callable[[float], str] | None = None,
) -> Chart:
    """One line for each series, from zero."""
    scale, ticks = _scale(max((v for one in series for v in one.values), default=0))
    slot = 100 / max(len(labels), 1)
    segments = [
        Segment(round((i + 0.5) * slot, 3), scale(a), round((i + 1.5) * slot, 3), scale(b), number)
        for number, one in enumerate(series)
        for i, (a, b) in enumerate(pairwise(one.values))
    ]
    return _chart(labels, series, scale, ticks, [], segments, stacked=False, say=say, say_axis=say_axis)


@dataclass(frozen=True)
class Sparkline:
    """A line without axes, 0 to 100 across and 2 to 26 down."""

    segments: Sequence[Segment]
    last: Mark


def sparkline(values: Sequence[float]) -> Sparkline:
    """The shape of some values, for a row or beside a figure."""
    values = values or [0]
    highest = max(max(values), 1)
    step = 100 / max(len(values) - 1, 1)
    marks = [Mark(round(i * step, 2), round(26 - 24 * value / highest, 2), 0) for i, value in enumerate(values)]
    return Sparkline([Segment(a.x, a.y, b.x, b.y, 0) for a, b in pairwise(marks)], marks[-1])


@dataclass(frozen=True)
class Part:
    """A part of a stacked bar, as percentages of its width."""

    x: float
    width: float
    name: str


def parts_of(named: Sequence[tuple[str, int]]) -> list[Part]:
    """Where each part of a whole starts and how wide it is, in percent; parts of nothing are left out."""
    whole = sum(amount for _, amount in named)
    found: list[Part] = []
    below = 0
    for name, amount in named:
        if amount > 0:
            found.append(Part(round(100 * below / whole, 3), round(100 * amount / whole, 3), name))
        below += amount
    return found


def _tops(series: Sequence[Series]) -> list[float]:
    return [sum(values) for values in zip(*(one.values for one in series), strict=True)]


def _scale(highest: float) -> tuple[Callable[[float], float], list[float]]:
    ticks = ticks_up_to(highest)
    return (lambda value: round(BASE - (BASE - TOP) * value / ticks[-1], 2)), ticks


def _bar(x: float, width: float, top: float, bottom: float, series: int) -> Bar:
    return Bar(round(x, 3), top, round(width, 3), round(max(bottom - top, 0), 2), series)


def _chart(
    labels: Sequence[str],
    series: Sequence[Series],
    scale: Callable[[float], float],
    ticks: list[float],
    bars: list[Bar],
    segments: list[Segment],
    *,
    stacked: bool,
    say: Callable[[float], str],
    say_axis: Callable[[float], str] | None,
) -> Chart:
    axis = [Tick(scale(tick), (say_axis or say)(tick)) for tick in ticks]
    rows = [(label, [say(one.values[i]) for one in series]) for i, label in enumerate(labels)]
    names = _names(series, scale, stacked=stacked) if len(series) > 1 and labels else []
    return Chart(
        height=HEIGHT,
        base=BASE,
        bars=bars,
        segments=segments,
        points=_points(labels, series, scale, rows, has_line=bool(segments)),
        ticks=axis,
        names=names,
        header=[one.name for one in series],
        rows=rows,
        axis_width=max((len(tick.label) for tick in axis), default=0) * 8 + 8,
        names_width=max((len(name.text) for name in names), default=0) * 8 + 8 if names else 0,
    )


def _points(
    labels: Sequence[str],
    series: Sequence[Series],
    scale: Callable[[float], float],
    rows: Sequence[tuple[str, Sequence[str]]],
    *,
    has_line: bool,
) -> list[Point]:
    slot = 100 / max(len(labels), 1)
    every = max(1, ceil(len(labels) / (6 if len(labels) <= MOST_NAMES else 4)))
    # On a phone one of `every` is named. Wider, all are, as long as their names have room beside each other.
    named = every if len(labels) > MOST_NAMES else 1
    points = []
    for i, (label, said) in enumerate(rows):
        words = ", ".join(f"{one.name} {text}" for one, text in zip(series, said, strict=True))
        x = (i + 0.5) * slot
        marks = [Mark(round(x, 3), scale(one.values[i]), n) for n, one in enumerate(series)] if has_line else []
        anchor = "start" if x < 20 else "end" if x > 80 else "middle"
        at = {"start": i * slot, "end": (i + 1) * slot, "middle": x}[anchor]
        points.append(
            Point(
                x=round(x, 3),
                left=round(i * slot, 3),
                width=round(slot, 3),
                label=label,
                words=f"{label}: {words}",
                shown=" · ".join(said),
                shown_at=round(at, 3),
                anchor=anchor,
                is_minor=(len(labels) - 1 - i) % every != 0,
                is_named=(len(labels) - 1 - i) % named == 0,
                # In a narrow slot at the edge its name ends where the slot does.
                is_last=named > 1 and i == len(labels) - 1,
                marks=marks,
            )
        )
    return points


def _names(series: Sequence[Series], scale: Callable[[float], float], *, stacked: bool) -> list[Name]:
    """Names beside the last values, pushed apart so that they never lie on each other."""
    wanted: list[tuple[float, int]] = []
    below = 0.0
    for number, one in enumerate(series):
        last = one.values[-1]
        middle = below + last / 2 if stacked else last
        wanted.append((scale(middle), number))
        below += last
    placed: list[Name] = []
    lowest = float(BASE)
    for y, number in sorted(wanted, reverse=True):
        y = min(y, lowest)
        placed.append(Name(round(y, 2), series[number].name, number))
        lowest = y - LINE_GAP
    return placed
