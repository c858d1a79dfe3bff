# SPDX-License-Identifier: Apache-2.0
"""The search for the best parameters of many windows at once.

A trust-region Newton method in a box with exact second derivatives (More and Sorensen, SIAM J. Sci.
Stat. Comput. 4 (1983)). All windows take their steps side by side, so that the arithmetic of the
search is NumPy's, and only the likelihoods are worth a compiler.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perilscope.engines.volatility.garch_forms import Array, Form, Windows

ROUNDS = 80
CLOSE = 1e-12
_ROUNDING = 1e-13  # of a log-likelihood, relative
_LEAST_RADIUS = 1e-9
_AT_KINK = 1e-5  # of EGARCH: the mean is best where it meets a return, and slopes jump there
_TURNS = 8
_FLAT = 1e-10
_LEFT = 1e-3  # of the radius, for what is still free where the way to a bound took it all


@dataclass(frozen=True, eq=False)
class Found:
    """Where searches ended.

    Parameters
    ----------
    x : array, shape (K, size)
        Variables.
    value : array, shape (K,)
        Minus the log-likelihood there.
    settled : boolean array, shape (K,)
        Whether no step promised more.
    """

    x: Array
    value: Array
    settled: NDArray[np.bool_]

    def take(self, which: Any) -> Found:
        """Some of them."""
        return Found(self.x[which], self.value[which], self.settled[which])

    def put(self, which: Any, other: Found) -> None:
        """Replace some of them."""
        for name in ("x", "value", "settled"):
            getattr(self, name)[which] = getattr(other, name)

    @classmethod
    def joined(cls, parts: Sequence[Found]) -> Found:
        """One after the other."""
        named = "x", "value", "settled"
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in named))


@dataclass(eq=False)
class _State:
    """Searches under way: each has a place, what it knows there, and how far it trusts that."""

    x: Array
    value: Array
    slope: Array
    bend: Array
    low: Array
    high: Array
    radius: Array
    at: NDArray[np.int64]

    def keep(self, which: NDArray[np.bool_]) -> _State:
        return _State(*(each[which] for each in vars(self).values()))


def evaluate(kernel: Any, form: Form, windows: Windows, x: Array) -> tuple[Array, Array, Array]:
    """Minus the log-likelihood, its gradient and its Hessian by the variables.

    Parameters
    ----------
    kernel : module
        `garch_plain` or `garch_compiled`.
    form : Form
    windows : Windows, K of them
    x : array, shape (K, size)

    Returns
    -------
    arrays, shapes (K,), (K, size), (K, size, size)
    """
    mean, variance, _ = windows.moments
    natural = form.natural(x, mean, variance)
    count = len(x)
    value, slope, bend = np.empty(count), np.empty((count, 6)), np.empty((count, 6, 6))
    before = form.before(windows, natural[:, 0])
    if form.kind == "egarch":
        kernel.egarch(windows.where, natural, before, form.student, value, slope, bend)
    else:
        kernel.garch(windows.where, natural, before, form.student, form.skew, value, slope, bend)
    there = x, natural, variance, slope, bend
    if form.kind != "egarch" and hasattr(kernel, "pulled"):
        grad, hess = kernel.pulled(*there, form.skew, form.student)
    else:
        grad, hess = form.pulled(*there)
    fixed, once, twice = form.constant(natural[:, 5], windows.size)
    value += fixed
    if form.student:
        grad[:, -1] += once
        hess[:, -1, -1] += twice
    return value, grad, hess


def values(kernel: Any, form: Form, windows: Windows, x: Array) -> Array:
    """Minus the log-likelihoods of several candidates for each window.

    Parameters
    ----------
    x : array, shape (K, S, size)

    Returns
    -------
    array, shape (K, S)
    """
    mean, variance, _ = windows.moments
    natural = form.natural(x, mean[:, None], variance[:, None])
    out = np.empty(x.shape[:2])
    before = form.before(windows, mean)
    if form.kind == "egarch":
        kernel.egarch_values(windows.where, natural, before, form.student, out)
    else:
        kernel.garch_values(windows.where, natural, before[:, 0].copy(), form.student, out)
    return np.asarray(out + form.constant(natural[..., 5], windows.size)[0])


def descend(
    kernel: Any,
    form: Form,
    windows: Windows,
    x: Array,
    held: NDArray[np.bool_] | None = None,
    rounds: int = ROUNDS,
    close: float = CLOSE,
) -> Found:
    """Walk down from given variables, each window from its own.

    Parameters
    ----------
    kernel, form, windows
        As for `evaluate`.
    x : array, shape (K, size)
    held : boolean array, shape (K, size), optional
        Variables that stay where they are.
    rounds : int
        Most steps of a search.
    close : float
        A search ends where no step promises this much more.
    """
    low, high = form.box(windows)
    x = np.clip(x, low, high)
    if held is not None:
        low, high = np.where(held, x, low), np.where(held, x, high)
    state = _State(
        x, *evaluate(kernel, form, windows, x), low, high, np.ones(len(x)), np.arange(len(x))
    )
    found = Found(x.copy(), state.value.copy(), np.zeros(len(x), dtype=bool))
    least = _AT_KINK if form.kind == "egarch" else _LEAST_RADIUS
    for _ in range(rounds):
        step, gain = _step(kernel, form, state)
        done = (gain < close) | (state.radius < least)
        if done.any():
            at = state.at[done]
            found.x[at], found.value[at], found.settled[at] = state.x[done], state.value[done], True
            if done.all():
                return found
            state, windows = state.keep(~done), windows.take(~done)
            step, gain = step[~done], gain[~done]
        _advance(kernel, form, windows, state, step, gain)
    found.x[state.at], found.value[state.at] = state.x, state.value
    return found


def _step(kernel: Any, form: Form, s: _State) -> tuple[Array, Array]:
    """The next step of every search, in bold steps, and what it promises."""
    reach = form.reach
    slope, bend = s.slope * reach, s.bend * (reach[:, None] * reach)
    where = s.x / reach, slope, bend, s.low / reach, s.high / reach, s.radius
    steps: tuple[Array, Array] = getattr(kernel, "boxed_step", boxed_step)(*where)
    return steps


def _advance(
    kernel: Any, form: Form, windows: Windows, s: _State, step: Array, gain: Array
) -> None:
    """Take steps that keep a fair part of their promise, and trust them more or less thereafter."""
    tried = np.clip(s.x + step * form.reach, s.low, s.high)
    there = evaluate(kernel, form, windows, tried)
    accept = getattr(kernel, "accepted", accepted)
    accept(s.x, s.value, s.slope, s.bend, s.radius, step, gain, tried, *there)


def accepted(
    x: Array,
    value: Array,
    slope: Array,
    bend: Array,
    radius: Array,
    step: Array,
    gain: Array,
    tried: Array,
    value_there: Array,
    slope_there: Array,
    bend_there: Array,
) -> None:
    """Go to what was tried, in place, where it keeps a fair part of what was promised.

    Parameters
    ----------
    x, value, slope, bend, radius : arrays, shapes (K, size), (K,), (K, size), (K, size, size), (K,)
        Where searches are, what they know there, and how far they trust it; changed.
    step, gain : arrays, shapes (K, size), (K,)
        In bold steps, and what was promised.
    tried, value_there, slope_there, bend_there : arrays
        Where the steps lead, and what is known there.

    Examples
    --------
    >>> x, value, slope, bend = np.ones((1, 1)), np.ones(1), np.ones((1, 1)), np.ones((1, 1, 1))
    >>> there = 0 * x, 0 * value, 0 * slope, bend
    >>> accepted(x, value, slope, bend, np.ones(1), -x, value.copy(), *there)
    >>> x.tolist(), value.tolist()
    ([[0.0]], [0.0])
    """
    norm = np.sqrt((step**2).sum(axis=1))
    noise = _ROUNDING * (np.abs(value) + 1.0)
    small = gain < 1e3 * noise  # rounding drowns what such a step can show
    with np.errstate(invalid="ignore"):
        fall = value - value_there
        good = fall > np.where(small, -noise, 1e-4 * gain)
        ratio = np.where(good, fall / np.maximum(gain, 1e-300), 0.0)
    bold = (ratio > 0.75) & (norm > 0.9 * radius)
    radius[:] = np.where(ratio < 0.25, 0.25 * norm, np.where(bold, 2.0 * radius, radius))
    radius[:] = np.where(small & good, np.maximum(radius, 1e-3), radius)
    x[good], value[good] = tried[good], value_there[good]
    slope[good], bend[good] = slope_there[good], bend_there[good]


def boxed_step(
    x: Array, slope: Array, bend: Array, low: Array, high: Array, radius: Array
) -> tuple[Array, Array]:
    """The step that a quadratic promises most of, within a radius and a box, and that promise.

    Variables at a bound whose gradient points out stay. A step that meets a bound goes on along it,
    with what is still free.

    Parameters
    ----------
    x, slope, low, high : arrays, shape (K, size)
    bend : array, shape (K, size, size)
        Symmetric, definite or not.
    radius : array, shape (K,)

    Returns
    -------
    step, promise : arrays, shapes (K, size), (K,)

    Examples
    --------
    >>> one = np.ones((1, 1))
    >>> step, promise = boxed_step(0 * one, -one, np.ones((1, 1, 1)), -one, 0.5 * one, one[0])
    >>> step.tolist(), promise.tolist()
    ([[0.5]], [0.375])
    """
    free = ~_pressed(x, slope, low, high)
    step, good = _newton(bend, slope, free)
    with np.errstate(invalid="ignore"):
        good &= (step**2).sum(axis=1) <= radius**2
        good &= ((x + step >= low) & (x + step <= high)).all(axis=1)
    if good.all():
        return step, _promise(slope, bend, step)
    hard = np.flatnonzero(~good)
    step[hard] = _bounded_step(
        x[hard], slope[hard], bend[hard], low[hard], high[hard], radius[hard], free[hard]
    )
    return step, np.maximum(_promise(slope, bend, step), 0.0)


def _newton(bend: Array, slope: Array, free: NDArray[np.bool_]) -> tuple[Array, NDArray[np.bool_]]:
    """Newton's step of what is free, by L D L', and where it leads to a minimum."""
    size = slope.shape[1]
    h = [[bend[:, i, j] for j in range(size)] for i in range(size)]
    if not free.all():
        for i in range(size):
            for j in range(i):
                h[i][j] = np.where(free[:, i] & free[:, j], h[i][j], 0.0)
            h[i][i] = np.where(free[:, i], h[i][i], 1.0)
        slope = np.where(free, slope, 0.0)
    low: list[list[Array]] = []
    pivots: list[Array] = []
    y: list[Array] = []
    good = np.ones(len(slope), dtype=bool)
    with np.errstate(all="ignore"):
        for i in range(size):
            row: list[Array] = []
            for j in range(i):
                rest = h[i][j]
                for m in range(j):
                    rest = rest - row[m] * low[j][m]
                row.append(rest)
            parts = [row[j] / pivots[j] for j in range(i)]
            pivot = h[i][i]
            for j in range(i):
                pivot = pivot - row[j] * parts[j]
            good &= pivot > _FLAT * np.abs(h[i][i])
            pivots.append(pivot)
            low.append(parts)
            right = -slope[:, i]
            for j in range(i):
                right = right - parts[j] * y[j]
            y.append(right)
        y = [value / pivot for value, pivot in zip(y, pivots, strict=True)]
        for i in reversed(range(size)):
            for j in range(i + 1, size):
                y[i] = y[i] - low[j][i] * y[j]
    return np.stack(y, axis=1), good


def _bounded_step(
    x: Array,
    slope: Array,
    bend: Array,
    low: Array,
    high: Array,
    radius: Array,
    free: NDArray[np.bool_],
) -> Array:
    """Steps that bounds, the radius or a bend the wrong way make hard.

    Towards the minimiser as far as the first bound, from there towards that of what is still free,
    and so on: the quadratic falls along each piece.
    """
    step, todo = np.zeros_like(x), np.arange(len(x))
    for _ in range(x.shape[1]):
        f, h, s = free[todo], bend[todo], step[todo]
        push = np.where(f, slope[todo] + (h @ s[:, :, None])[:, :, 0], 0.0)
        left = np.maximum(radius[todo] - np.sqrt((s**2).sum(axis=1)), _LEFT * radius[todo])
        part = np.where(f, _within(_reduced(h, f), push, left), 0.0)
        ends = np.where(part > 0.0, high[todo], low[todo]) - x[todo]
        with np.errstate(divide="ignore", invalid="ignore"):
            room = np.where(part != 0.0, (ends - s) / part, np.inf)
        share = np.minimum(room.min(axis=1), 1.0)
        hit = room <= share[:, None]
        step[todo] = np.where(hit, ends, s + share[:, None] * part)
        free[todo] &= ~hit
        todo = todo[hit.any(axis=1)]
        if not todo.size:
            break
    return step


def _pressed(x: Array, slope: Array, low: Array, high: Array) -> NDArray[np.bool_]:
    """Variables at a bound that would only go further out."""
    return ((x <= low) & (slope > 0.0)) | ((x >= high) & (slope < 0.0))


def _promise(slope: Array, bend: Array, step: Array) -> Array:
    """What a quadratic falls by along a step."""
    bent = (bend @ step[:, :, None])[:, :, 0]
    return np.asarray(-((slope + 0.5 * bent) * step).sum(axis=1))


def _reduced(bend: Array, free: NDArray[np.bool_]) -> Array:
    """The Hessian of what is free; ones on the diagonal for the rest."""
    if free.all():
        return bend
    sub = np.where(free[:, :, None] & free[:, None, :], bend, 0.0)
    places = np.arange(bend.shape[1])
    sub[:, places, places] += ~free
    return sub


def _within(bend: Array, slope: Array, radius: Array) -> Array:
    """Minimiser of a quadratic within a radius."""
    roots, basis = np.linalg.eigh(bend)
    turned = (basis.transpose(0, 2, 1) @ slope[:, :, None])[:, :, 0]
    least = roots[:, 0]
    floor = 1e-10 * np.maximum(np.abs(roots).max(axis=1), 1e-300)
    shift = np.maximum(0.0, floor - least)
    y = -turned / (roots + shift[:, None])
    far = (y**2).sum(axis=1) > radius**2
    if far.any():
        y[far] = _pulled_in(roots[far], turned[far], radius[far], shift[far], floor[far])
    return np.asarray((basis @ y[:, :, None])[:, :, 0])


def _pulled_in(roots: Array, turned: Array, radius: Array, least: Array, floor: Array) -> Array:
    """The step of length radius, in the axes of the quadratic: Newton for its shift."""
    less = least
    more = np.sqrt((turned**2).sum(axis=1)) / radius + floor + least
    shift = np.sqrt(np.maximum(less, 1e-3 * more) * more)
    for _ in range(_TURNS):
        below = roots + shift[:, None]
        parts = (turned / below) ** 2
        square = parts.sum(axis=1)
        long = square > radius**2
        less, more = np.where(long, shift, less), np.where(long, more, shift)
        length = np.sqrt(square)
        moved = shift + (length / radius - 1.0) * square / np.maximum(
            (parts / below).sum(axis=1), 1e-300
        )
        inside = (moved > less) & (moved < more)
        shift = np.where(inside, moved, 0.5 * (less + more))
    return np.asarray(-turned / (roots + more[:, None]))
