"""The arithmetic of one rate budget: whose turn it is, how long to wait, and what the vendor's headers change.

A generic cell-rate limiter with a queue. Places are not handed out ahead of time: whoever waits asks again, so that a
removal that comes later can still go first, a faster pace helps those that wait already, and a process that was killed
while waiting holds up nobody. All functions change the numbers that they are given, which the caller has locked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from reverse_etl.account import BucketNumbers, Waiter
from reverse_etl.destinations.base import Limits
from reverse_etl.headers import Reading, Window

LONGEST_PAUSE = 120.0  #: seconds; a vendor that asks for more is asked again after this
LOOK_AGAIN = 1.0  #: seconds after which a waiting call asks again at the latest
GRACE = 3.0  #: seconds by which it may be late before it counts as gone
URGENT_IN_A_ROW = 9  #: urgent calls that may go before one that waits
FASTEST = 10.0  #: times the documented rate; a header that promises more is not believed
SLOWEST = 1 / 60  #: calls a second, whatever the headers say
OURS = 0.95  #: of a vendor's limit; the rest makes up for calls that bunch on their way
SHORTEST = 0.01  #: seconds of a window that is believed
SHORT = 300.0  #: seconds; what is left of a longer window is spread over it only when it runs low
LOW = 0.25  #: of the limit
RECOVERY = 20.0  #: seconds in which the rate doubles again after the vendor said "too many"
_LEAST = 1 / 64  # of the rate, however often the vendor said "too many"
_SLICES = 10  #: parts in which the calls of a sliding window are counted


def ask(
    numbers: BucketNumbers,
    now: float,
    limits: Limits | None,
    *,
    share: float = 1.0,
    ticket: int | None = None,
    urgent: bool = False,
    process: int = 0,
) -> tuple[float, int | None]:
    """Ask for the next call's turn.

    Args:
        numbers: The budget.
        now: Seconds that only go up.
        limits: The documented pace; ``None`` for no pace.
        share: Part of the budget that is this machine's.
        ticket: From the last time that this call asked.
        urgent: Whether the call goes before those that are not urgent.
        process: Whose call it is; waiting calls of different processes alternate.

    Returns:
        0 when it is the call's turn, or the seconds after which to ask again; and the ticket to ask again with.
    """
    _catch_up(numbers, now)
    rate, burst = speed(numbers, now, limits, share)
    interval = 1 / rate
    tolerance = (burst - 1) * interval
    numbers.due = min(numbers.due, now + tolerance + interval)
    numbers.closed_until = min(numbers.closed_until, now + LONGEST_PAUSE)
    numbers.queue = [waiter for waiter in numbers.queue if waiter.until >= now or waiter.ticket == ticket]

    me = next((waiter for waiter in numbers.queue if waiter.ticket == ticket), None)
    if me is None:
        me = _enqueue(numbers, urgent, process)
    order = _order(numbers)
    place = order.index(me)
    # When a call is let through that has `place` others before it, those get through too as soon as they ask.
    start = max(now, numbers.due) - tolerance + place * interval
    if numbers.closed_until > now:
        start = max(start, numbers.closed_until + max(0, place - burst + 1) * interval)
    if start <= now + 1e-6:
        _let_through(numbers, me, now, interval)
        return 0.0, None
    wait = min(start - now, LOOK_AGAIN)
    waiting = me._replace(until=now + wait + GRACE)
    numbers.queue = [waiting if waiter == me else waiter for waiter in numbers.queue]
    return wait, me.ticket


def speed(numbers: BucketNumbers, now: float, limits: Limits | None, share: float) -> tuple[float, int]:
    """Return calls a second and calls at once, after all that the vendor said; both at least one machine's least."""
    if limits is None:
        rate, burst = math.inf, 1
    else:
        rate, burst = limits.calls_per_second, max(limits.burst, 1)
    if numbers.rate is not None:
        rate = min(numbers.rate, rate * FASTEST)
        burst = min(burst, numbers.burst or 1)
    rate, burst = rate * share, int(burst * share)
    if numbers.pace is not None and now < numbers.pace_until:
        rate = min(rate, numbers.pace)
        burst = min(burst, int(numbers.left * share))
    slow = _slow(numbers, now)
    if slow < 1.0:
        rate, burst = rate * slow, int(burst * slow)
    return max(rate, SLOWEST), max(burst, 1)


def learn(
    numbers: BucketNumbers, now: float, reading: Reading, limits: Limits | None, *, share: float = 1.0, spent: bool
) -> None:
    """Take in what an answer's headers say.

    Args:
        numbers: The budget.
        now: As in :func:`ask`.
        reading: The headers.
        limits: The documented pace.
        share: Part of the budget that is this machine's.
        spent: Whether the answer was "too many calls".
    """
    _catch_up(numbers, now)
    _learn_rate(numbers, reading, limits)
    _learn_pace(numbers, now, reading.windows, share)
    close(numbers, now, max(reading.pause, reading.retry_after or 0.0))
    if spent and (now >= numbers.slow_at + 1.0 or numbers.slow == 1.0):  # calls on their way together count once
        numbers.slow = max(_slow(numbers, now) / 2, _LEAST)
        numbers.slow_at = now


def close(numbers: BucketNumbers, now: float, seconds: float) -> None:
    """Let no call through for that many seconds, within reason."""
    if seconds > 0:
        numbers.closed_until = max(numbers.closed_until, now + min(seconds, LONGEST_PAUSE))


def _catch_up(numbers: BucketNumbers, now: float) -> None:
    """Note the time. If it went back, as after a restart, what was noted moves with it, so that waits stay as long."""
    if now < numbers.seen:
        back = now - numbers.seen
        numbers.due += back
        numbers.closed_until += back
        numbers.pace_until += back
        numbers.slow_at += back
        numbers.slices = {}
        numbers.queue = [waiter._replace(until=waiter.until + back) for waiter in numbers.queue]
    numbers.seen = now


def _enqueue(numbers: BucketNumbers, urgent: bool, process: int) -> Waiter:
    """Join the queue behind the process's own calls, and beside those of other processes."""
    own = [waiter.tag for waiter in numbers.queue if waiter.process == process and waiter.urgent == urgent]
    waiter = Waiter(numbers.next_ticket, urgent, max([numbers.turn, *own]) + 1, process, math.inf)
    numbers.next_ticket += 1
    numbers.queue.append(waiter)
    return waiter


def _order(numbers: BucketNumbers) -> list[Waiter]:
    """Return who waits, the next one first: the urgent, but not without end, then by turns."""
    order = sorted(numbers.queue, key=lambda waiter: (not waiter.urgent, waiter.tag, waiter.ticket))
    if numbers.urgent_in_a_row >= URGENT_IN_A_ROW:
        patient = next((waiter for waiter in order if not waiter.urgent), None)
        if patient is not None:
            order.remove(patient)
            order.insert(0, patient)
    return order


def _let_through(numbers: BucketNumbers, me: Waiter, now: float, interval: float) -> None:
    numbers.queue = [waiter for waiter in numbers.queue if waiter.ticket != me.ticket]
    numbers.due = max(numbers.due, now) + interval
    numbers.turn = max(numbers.turn, me.tag)
    others_wait = any(not waiter.urgent for waiter in numbers.queue)
    numbers.urgent_in_a_row = numbers.urgent_in_a_row + 1 if me.urgent and others_wait else 0
    numbers.left = max(numbers.left - 1, 0.0)
    if numbers.window > 0:
        part = int(now / numbers.window * _SLICES)
        numbers.slices = {at: calls for at, calls in numbers.slices.items() if at > part - _SLICES}
        numbers.slices[part] = numbers.slices.get(part, 0) + 1


def _learn_rate(numbers: BucketNumbers, reading: Reading, limits: Limits | None) -> None:
    """Set the sustained rate and the burst so that no window that the vendor names is ever overrun.

    With a burst of b and r calls a second, a window of w seconds sees at most b - 1 + r * w calls.
    """
    named = [
        (window.limit * OURS, window.seconds)
        for window in reading.windows
        if window.limit and window.seconds and window.limit >= 1 and SHORTEST <= window.seconds <= SHORT
    ]
    if not named:
        return
    calls, seconds = min(named, key=lambda each: each[0] / each[1])
    most = limits.burst if limits else 1
    burst = max(1, min(most, 1 + int(calls / 40)))
    rate = (calls - burst + 1) / seconds
    for others, length in named:
        burst = max(1, min(burst, 1 + int(others - rate * length)))
    numbers.rate, numbers.burst = max(rate, SLOWEST), burst


def _learn_pace(numbers: BucketNumbers, now: float, windows: Sequence[Window], share: float) -> None:
    """Slow down when others use the account too: spread what is left of the tightest window."""
    found = []
    for window in windows:
        length = window.seconds if window.resets_in is None else window.resets_in
        if not window.remaining or window.remaining < 0 or not length:
            continue
        if max(length, window.seconds or 0.0) > SHORT and not _runs_low(window):
            continue
        if window.resets_in is not None:
            found.append((window.remaining / length * share, length, window.remaining))
        elif window.limit is not None:
            pace = (window.limit * OURS - _others(numbers, now, window.limit, window.remaining, length)) / length
            found.append((pace, length, window.remaining))
    if found:
        pace, length, left = min(found)
        numbers.pace, numbers.pace_until, numbers.left = max(pace, SLOWEST), now + length, left


def _runs_low(window: Window) -> bool:
    """Return whether a long window, which a run may well use up, has so little left that it must last."""
    return (
        window.resets_in is not None
        and window.limit is not None
        and window.remaining is not None
        and window.remaining < window.limit * LOW
    )


def _others(numbers: BucketNumbers, now: float, limit: float, remaining: float, length: float) -> float:
    """Return the calls in a sliding window that were not ours; who made them will make them again."""
    part = int(now / length * _SLICES)
    if numbers.window != length:  # the first time that it is named: nothing was counted yet
        numbers.window, numbers.slices = length, {part: max(int(limit - remaining), 0)}
    own = sum(calls for at, calls in numbers.slices.items() if at > part - _SLICES)
    return max(limit - remaining - own, 0.0)


def _slow(numbers: BucketNumbers, now: float) -> float:
    if numbers.slow >= 1.0:
        return 1.0
    grown = numbers.slow * 2 ** min((now - numbers.slow_at) / RECOVERY, 64)
    return min(max(grown, _LEAST), 1.0)
