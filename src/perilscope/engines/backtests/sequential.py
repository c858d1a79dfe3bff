# SPDX-License-Identifier: Apache-2.0
"""Tests that may be looked at every day: e-processes of Wang, Wang and Ziegel.

A bet against the forecaster: start with 1 and stake a share of the wealth on each day's e-value,
which has mean at most 1 if the forecast is right. Wealth then exceeds 1/a at any time, ever, with
probability at most a (Ville), so one may look daily and stop at will.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import special

from perilscope.engines.backtests.result import Array, Result, aligned, checked_level
from perilscope.errors import AssessmentError, MisuseError

MOST = 0.5
"""Largest share of the wealth that is staked on a day (the authors' choice)."""
ALARMS = (2.0, 5.0, 10.0, 20.0)
METHODS = ("grem", "gree", "grel")
MOST_DAYS = 10_000


def e_values_var(loss: Array, var: Array, level: float) -> Array:
    """e-values of VaR: ``1{L > VaR} / (1 - level)``; shape (n,).

    Source: Wang, Wang and Ziegel, *E-backtesting*, Management Science (2025), section 3.

    Examples
    --------
    >>> e_values_var(np.array([1.0, 3.0]), np.array([2.0, 2.0]), 0.75).tolist()
    [0.0, 4.0]
    """
    loss, var = aligned(loss, var)
    return np.asarray((loss > var) / (1.0 - checked_level(level)))


def e_values_cvar(loss: Array, var: Array, cvar: Array, level: float) -> Array:
    """e-values of CVaR given VaR: ``(L - VaR)+ / ((1 - level)(CVaR - VaR))``; shape (n,).

    Where CVaR equals VaR any loss above it is infinitely surprising; a smaller one counts 1.

    Source: Wang, Wang and Ziegel, *E-backtesting*, Management Science (2025), section 3.

    Examples
    --------
    >>> loss, var, cvar = np.array([1.0, 3.0]), np.full(2, 2.0), np.full(2, 4.0)
    >>> e_values_cvar(loss, var, cvar, 0.75).tolist()
    [0.0, 2.0]
    """
    loss, var, cvar = aligned(loss, var, cvar)
    if np.any(cvar < var):
        raise AssessmentError("CVaR lies below VaR on some day")
    over = np.maximum(loss - var, 0.0)
    room = (1.0 - checked_level(level)) * (cvar - var)
    none = np.where(over > 0.0, np.inf, 1.0)
    return np.asarray(np.divide(over, room, out=none, where=room > 0.0))


def _stake(surplus: Array, calm: Array, most: float) -> Array:
    """Shares in [0, most] that maximise the mean of log(1 - s + s e).

    Parameters
    ----------
    surplus : array, shape (t, k)
        ``e - 1`` where e is not zero; 0 is no day at all.
    calm : array, shape (t,)
        Days on which e is zero.
    """
    stake = np.zeros(calm.size)
    some = np.flatnonzero(surplus.sum(axis=1) > calm)  # elsewhere nothing is worth staking
    if not some.size:
        return stake
    surplus, calm = surplus[some], calm[some]
    low, high = np.zeros(some.size), np.full(some.size, most)
    for _ in range(32):
        share = 0.5 * (low + high)
        rising = (surplus / (1.0 + share[:, None] * surplus)).sum(axis=1) > calm / (1.0 - share)
        low, high = np.where(rising, share, low), np.where(rising, high, share)
    stake[some] = np.where(high == most, most, 0.5 * (low + high))
    return stake


def stakes_own(e_values: Array, most: float = MOST) -> Array:
    """GREE: each day's stake is the best for the e-values of the days before; shape (n,).

    The first stake is 0. Source: Wang, Wang and Ziegel, section 5.1.
    """
    days = e_values.size
    live = np.flatnonzero(e_values > 0.0)
    # an infinite e-value wants the largest stake at all later times; a huge one says the same
    surplus = np.minimum(e_values[live], 1e100) - 1.0
    stakes = np.zeros(days)
    counts = np.searchsorted(live, np.arange(days))  # live days before each
    # stakes change only after days; all days after the same past are solved together
    for start, stop in _blocks(days, max(live.size, 1)):
        past = np.arange(live.size)[None, :] < counts[start:stop, None]
        calm = np.arange(start, stop) - counts[start:stop]
        stakes[start:stop] = _stake(np.where(past, surplus, 0.0), calm.astype(np.float64), most)
    return stakes


def stakes_losses(loss: Array, var: Array, cvar: Array, level: float, most: float = MOST) -> Array:
    """GREL: the stake that was best had today's forecast stood on the days before; shape (n,).

    Source: Wang, Wang and Ziegel, section 5.1.
    """
    days, p = loss.size, 1.0 - level
    live = np.flatnonzero(loss > var.min())
    high = loss[live]
    stakes = np.zeros(days)
    for start, stop in _blocks(days, max(live.size, 1)):
        today = slice(start, stop)
        over = high[None, :] - var[today, None]
        past = live[None, :] < np.arange(start, stop)[:, None]
        room = np.maximum(p * (cvar[today] - var[today]), 1e-100)[:, None]
        lost = past & (over > 0.0)
        surplus = np.where(lost, np.minimum(over / room, 1e100) - 1.0, 0.0)
        calm = np.arange(start, stop) - lost.sum(axis=1)
        stakes[today] = _stake(surplus, calm.astype(np.float64), most)
    return stakes


def _blocks(days: int, width: int) -> Iterator[tuple[int, int]]:
    step = max(1_000_000 // width, 1)
    return ((start, min(start + step, days)) for start in range(0, days, step))


def wealth(e_values: Array, stakes: Array) -> Array:
    """Logarithm of the wealth after each day; shape (n,).

    Examples
    --------
    >>> np.exp(wealth(np.array([0.0, 4.0]), np.array([0.5, 0.5]))).tolist()
    [0.5, 1.25]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = np.where(stakes > 0.0, 1.0 - stakes + stakes * e_values, 1.0)
        return np.asarray(np.cumsum(np.log(gain)))


def e_process(
    loss: Array, var: Array, cvar: Array | None, level: float, method: str = "grem"
) -> tuple[Array, Array]:
    """Log wealth of the bet against CVaR (or against VaR where there is no CVaR), and the stakes.

    Parameters
    ----------
    method : str
        ``gree`` learns from the e-values that were, ``grel`` from the losses that were under
        today's forecast, ``grem`` holds half of each.

    Returns
    -------
    log_wealth, stakes : arrays, shape (n,)

    Examples
    --------
    >>> calm = np.zeros(50)
    >>> e_process(calm, calm + 1.0, calm + 2.0, 0.975)[0].tolist() == [0.0] * 50
    True
    """
    if method not in METHODS:
        raise MisuseError(f"no way to bet {method!r}; there are {', '.join(METHODS)}")
    if cvar is None:
        loss, var = aligned(loss, var)
        values = e_values_var(loss, var, level)
        # the e-value of a past loss under today's VaR is that of CVaR with one size for all
        other = _var_stakes(loss, var, level)
    else:
        loss, var, cvar = aligned(loss, var, cvar)
        values = e_values_cvar(loss, var, cvar, level)
        other = stakes_losses(loss, var, cvar, level)
    own = stakes_own(values)
    if method == "gree":
        return wealth(values, own), own
    if method == "grel":
        return wealth(values, other), other
    first, second = wealth(values, own), wealth(values, other)
    half = np.logaddexp(first, second) - np.log(2.0)
    # the shares of both in the wealth of the day before; infinite both are held alike
    ahead = np.nan_to_num(np.concatenate([[0.0], first[:-1]]), posinf=1e300, neginf=-1e300)
    behind = np.nan_to_num(np.concatenate([[0.0], second[:-1]]), posinf=1e300, neginf=-1e300)
    held = special.expit(ahead - behind)
    return half, held * own + (1.0 - held) * other


def _var_stakes(loss: Array, var: Array, level: float) -> Array:
    """GREL of VaR: what counts is how many past losses exceed today's forecast."""
    days, p = loss.size, 1.0 - level
    order = np.sort(loss)
    ranks = np.searchsorted(order, loss)
    tree = np.zeros(days + 1, dtype=np.int64)
    above = np.zeros(days)
    for day in range(days):
        # past losses at most VaR, by a Fenwick tree over ranks
        at, below = int(np.searchsorted(order, var[day], side="right")), 0
        while at > 0:
            below += int(tree[at])
            at -= at & -at
        above[day] = day - below
        at = int(ranks[day]) + 1
        while at <= days:
            tree[at] += 1
            at += at & -at
    seen = np.arange(days, dtype=np.float64)
    # the maximum of m log(1 + s (1/p - 1)) + (t - m) log(1 - s) is at (m/t - p) / (1 - p)
    share = np.divide(above, seen, out=np.zeros(days), where=seen > 0.0)
    return np.clip((share - p) / (1.0 - p), 0.0, MOST)


def e_backtest(
    loss: Array, var: Array, cvar: Array | None, level: float, method: str = "grem"
) -> Result:
    """Sequential e-backtest of CVaR (and VaR), valid at any time.

    Returns
    -------
    Result
        The wealth on the last day; the p-value is the inverse of the largest so far (Ville), valid
        however often one looked. ``alarms`` are the first days (from 1) on which wealth reached 2,
        5, 10 and 20; ``p_value_at_end`` the inverse of the last.

    Source: Wang, Wang and Ziegel, *E-backtesting*, Management Science (2025), definitions 4 and 6.

    Examples
    --------
    >>> loss = np.array([0.0, 3.0] * 20)
    >>> e_backtest(loss, np.full(40, 2.0), np.full(40, 2.5), 0.975).p_value < 1e-6
    True
    """
    if len(loss) > MOST_DAYS:
        raise AssessmentError(f"more than {MOST_DAYS:,} days: stakes are not sought on so many")
    found = e_process(loss, var, cvar, level, method)[0]
    most = float(max(found.max(), 0.0))
    reached = {
        f"{alarm:g}": (int(np.argmax(found >= np.log(alarm))) + 1)
        if most >= np.log(alarm)
        else None
        for alarm in ALARMS
    }
    with np.errstate(over="ignore"):
        end, top = float(np.exp(found[-1])), float(np.exp(most))
    return Result(
        min(end, 1e300),
        float(np.exp(-most)),
        {
            "method": method,
            "log_wealth": float(max(min(found[-1], 1e300), -1e300)),
            "largest": min(top, 1e300),
            "alarms": reached,
            "p_value_at_end": float(min(np.exp(-found[-1]), 1.0)),
            "largest_stake": MOST,
        },
    )
