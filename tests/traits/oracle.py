"""What traits are, said once more in plain Python: slowly, for one person at a time, without any window function."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

DAY = timedelta(days=1)


@dataclass(frozen=True, order=True)
class Event:
    """Something that a person did; in the order in which ties are broken."""

    occurred_at: datetime
    event_id: str
    received_at: datetime
    event_name: str
    amount: Decimal | None
    channel: str | None


Timeline = Sequence[Event]


def period_start(period: str, at: datetime, back: int = 0) -> datetime:
    """The beginning of the calendar period of a moment, or of one so many periods before."""
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "day":
        return day - back * DAY
    if period == "week":
        return day - (day.weekday() + 7 * back) * DAY
    months = {"month": 1, "quarter": 3, "year": 12}[period]
    index = (day.year * 12 + day.month - 1) // months - back
    return day.replace(year=index * months // 12, month=index * months % 12 + 1, day=1)


def period_number(period: str, at: datetime) -> int:
    """The number of a period: one more for the next."""
    start = period_start(period, at)
    if period == "month":
        return start.year * 12 + start.month
    return start.toordinal() // {"day": 1, "week": 7}[period]


def in_window(events: Timeline, moment: datetime, **window: object) -> list[Event]:
    """The events of a window, in order."""
    events = sorted(events)
    if days := window.get("within_days"):
        return [event for event in events if event.occurred_at > moment - int(str(days)) * DAY]
    if calendar := window.get("calendar"):
        ago = int(str(window.get("ago", 0)))
        first = period_start(str(calendar), moment, ago)
        end = period_start(str(calendar), moment, ago - 1)
        return [event for event in events if first <= event.occurred_at < end]
    if minutes := window.get("session_minutes"):
        return sessions(events, int(str(minutes)))[-1] if events else []
    return events


def sessions(events: Timeline, minutes: int) -> list[list[Event]]:
    """Events cut where more than so many minutes lie between two."""
    cut: list[list[Event]] = []
    for event in sorted(events):
        if cut and event.occurred_at - cut[-1][-1].occurred_at <= timedelta(minutes=minutes):
            cut[-1].append(event)
        else:
            cut.append([event])
    return cut


def rounded(value: Decimal) -> Decimal:
    """To four places, halves away from zero, as from ten places."""
    return value.quantize(Decimal("1e-10"), ROUND_HALF_UP).quantize(Decimal("1e-4"), ROUND_HALF_UP)


def most_frequent(events: Timeline) -> str | None:
    """The channel that most events name; of equally many the one that was named last."""
    named = [event.channel for event in sorted(events) if event.channel is not None]
    if not named:
        return None
    counts = Counter(named)
    return next(channel for channel in reversed(named) if counts[channel] == max(counts.values()))


def streaks(events: Timeline, period: str) -> list[list[int]]:
    """The periods that have an event, cut where one has none."""
    cut: list[list[int]] = []
    for number in sorted({period_number(period, event.occurred_at) for event in events}):
        if cut and cut[-1][-1] == number - 1:
            cut[-1].append(number)
        else:
            cut.append([number])
    return cut


def current_streak(events: Timeline, period: str, moment: datetime) -> int:
    """The length of the last streak, if it reaches the current period or the one before."""
    cut = streaks(events, period)
    return len(cut[-1]) if cut and cut[-1][-1] >= period_number(period, moment) - 1 else 0


def trend(events: Timeline, period: str, periods: int, moment: datetime, value: Callable[[Event], Decimal]) -> Decimal:
    """The slope through the totals of the last full periods, by the textbook."""
    totals = []
    for back in range(periods, 0, -1):
        first, end = period_start(period, moment, back), period_start(period, moment, back - 1)
        totals.append(sum((value(event) for event in events if first <= event.occurred_at < end), Decimal(0)))
    mean_x, mean_y = Decimal(periods - 1) / 2, sum(totals, Decimal(0)) / periods
    products = [(x - mean_x) * (y - mean_y) for x, y in enumerate(totals)]
    squares = [(x - mean_x) * (x - mean_x) for x in range(periods)]
    return rounded(sum(products, Decimal(0)) / sum(squares, Decimal(0)))
