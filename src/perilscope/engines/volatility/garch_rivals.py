# SPDX-License-Identifier: Apache-2.0
"""Second looks at fits of many windows: maxima that a search from the neighbours' does not meet.

Each function starts searches where a better maximum may be, and gives what is better. Three are
looked for: any that a rough scan shows; those of windows that one return rules; and those close to
the edge where alpha, or omega, is at its least.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from perilscope.engines.volatility.garch_forms import Array, Form, Integers, Windows, shifted
from perilscope.engines.volatility.garch_search import Found, descend, evaluate, values
from perilscope.engines.volatility.garch_starts import starts

CLOSE = 1e-7
"""A search ends where no step promises this much more of log-likelihood."""
BETTER = 1e-6
ALIKE = 0.1
OMEGA, SHARE = 1, 3
"""The places of omega and of alpha / (alpha + beta) among the variables."""
_RIVAL = 1.0
_ROUNDS = 6
_SCANNED = (
    *((p, 0.0, 0.0) for p in (0.95, 0.975, 0.985, 0.992, 0.997, 1.0)),
    *((p, 0.01, 0.0) for p in (0.985, 0.992, 0.997, 1.0)),
    *((p, 0.03, 0.0) for p in (0.98, 0.992, 0.997, 1.0)),
    *((p, 0.1, 0.0) for p in (0.97, 1.0)),
    *((1.0, share, 0.0) for share in (0.25, 0.5, 0.8)),
    *((1.0, 1.0, aside) for aside in (-0.25, 0.0, 0.25)),
)
"""Persistence, share and distance from the mean (in standard deviations) of points to try."""
_SHORT = np.array([2.5] * 6 + [4.5] * 8 + [2.5] * 2 + [10.0] * 3 + [12.0] * 3)
"""How far each may lie below the best of a window and be worth a search."""
_ALL_SHOCK, _LEAST = 0.6, 1e-6  # omega as a share of the variance
_RULED = 0.25  # one return's part of the sum of squares
_FIRST, _FIRST_SCANNED = 4, 2  # steps of a search before it is judged
_FIRM = 1e-9  # lest nothing bend
_LIFTS = ((SHARE, (0.003, 0.01)), (OMEGA, (0.1, 0.4)))


@dataclass(frozen=True, eq=False)
class Best:
    """The best that is known of each window.

    Parameters
    ----------
    kernel : module
        `garch_plain` or `garch_compiled`.
    form : Form
        GARCH.
    windows : Windows
        All stretches of so many days of all series, one series after the other.
    x : array, shape (K, size)
        Variables; changed where a better maximum is found.
    value : array, shape (K,)
        Minus the log-likelihood there; changed too.
    """

    kernel: Any
    form: Form
    windows: Windows
    x: Array
    value: Array

    def improve(self) -> None:
        """Look again at every window."""
        self._scanned()
        self._ruled()
        for place, lifts in _LIFTS:
            self._lifted(place, lifts)

    def _scanned(self) -> None:
        """Try what looks nearly as good of some points all over."""
        xs = _scan(self.form, self.windows, self.x)
        lead = self.value[:, None] - values(self.kernel, self.form, self.windows, xs)
        lead[alike(self.form, xs, self.x[:, None])] = -np.inf
        lane, place = np.nonzero(lead > -_SHORT)
        x = xs[lane, place]
        edge = np.flatnonzero(x[:, SHARE] == 0.0)
        x[edge] = along(self.kernel, self.form, self.windows.take(lane[edge]), x[edge]).x
        self._tried(lane, x, _FIRST_SCANNED)

    def _ruled(self) -> None:
        """Windows that one return rules have maxima that no mild point leads to: search anew."""
        mean, variance, _ = self.windows.moments
        far = sliding_window_view(np.abs(self.windows.series), self.windows.size, axis=1)
        square = (far.max(axis=2).reshape(-1) - np.abs(mean)) ** 2
        lane = np.flatnonzero(square > _RULED * self.windows.size * variance)
        if lane.size:
            x = starts(self.kernel, self.form, self.windows.take(lane))
            self._tried(np.repeat(lane, x.shape[1]), x.reshape(-1, self.form.size), _FIRST)

    def _lifted(self, place: int, lifts: tuple[float, ...]) -> None:
        """Where a variable is best at its least, there may be a better maximum a little above.

        To second order the likelihood falls as it is lifted, and, the rest following, soon rises.
        """
        low, high = self.form.box(self.windows)
        lane = np.flatnonzero(self.x[:, place] <= low[:, place])
        if not lane.size:
            return
        x, low, high, windows = self.x[lane], low[lane], high[lane], self.windows.take(lane)
        _, slope, bend = evaluate(self.kernel, self.form, windows, x)
        free = x < high  # what is at its least too, lest it stay there
        free[:, place] = False
        rest = np.where(free[:, :, None] & free[:, None, :], bend, 0.0)
        every = np.arange(self.form.size)
        rest[:, every, every] += np.where(free, _FIRM, 1.0)
        side = np.where(free, bend[:, place], 0.0)
        move = -np.linalg.solve(rest, side[:, :, None])[:, :, 0]
        move[:, place] = 1.0
        curve = bend[:, place, place] + (side * move).sum(axis=1)
        some = slope[:, place] < -0.5 * curve * lifts[-1]
        for lift in lifts:
            self._tried(lane[some], np.clip(x + lift * move, low, high)[some], _FIRST)

    def _tried(self, lane: Integers, x: Array, rounds: int) -> None:
        """A few steps from each start, more where there is hope, and keep what is better."""
        search = self.kernel, self.form
        near = descend(*search, self.windows.take(lane), x, rounds=rounds, close=CLOSE)
        lag = near.value - self.value[lane]
        apart = ~alike(self.form, near.x, self.x[lane])
        hopeful = (lag < BETTER) | (apart & (lag < _RIVAL))
        lane, x = lane[hopeful], near.x[hopeful]
        found = descend(*search, self.windows.take(lane), x, close=CLOSE)
        order = np.argsort(-found.value, kind="stable")  # the best comes last and stays
        order = order[found.value[order] < self.value[lane[order]] - BETTER]
        self.x[lane[order]], self.value[lane[order]] = found.x[order], found.value[order]


def along(kernel: Any, form: Form, windows: Windows, x: Array) -> Found:
    """Where a few steps along the edge alpha = 0 lead."""
    held = np.zeros(x.shape, dtype=bool)
    held[:, SHARE] = True
    start = x.copy()
    start[:, SHARE] = 0.0
    return descend(kernel, form, windows, start, held, rounds=_ROUNDS, close=CLOSE)


def alike(form: Form, one: Array, two: Array) -> Any:
    """Whether a search from one is likely to end where that from the other does.

    Not where just one of them has alpha = 0: there may be a maximum there and one close by.

    Parameters
    ----------
    one, two : arrays, shapes (..., size)
        Variables.

    Examples
    --------
    >>> x = np.array([0.0, -3.0, 0.99, 0.01])
    >>> edge = np.array([0.0, -3.0, 0.99, 0.0])
    >>> bool(alike(Form("garch"), x, 1.001 * x)), bool(alike(Form("garch"), x, edge))
    (True, False)
    """
    near = np.abs((one - two) / form.reach).max(axis=-1) < ALIKE
    return near & ((one[..., SHARE] == 0.0) == (two[..., SHARE] == 0.0))


def _scan(form: Form, windows: Windows, best: Array) -> Array:
    """Points all over, with omega such that the mean variance of each window is met."""
    _, variance, back = windows.moments
    xs = np.repeat(best[:, None], len(_SCANNED), axis=1)
    for place, (p, share, aside) in enumerate(_SCANNED):
        if p < 1.0:  # what is before the first day fades
            faded = (1.0 - p**windows.size) / (windows.size * (1.0 - p))
            omega = (1.0 - p) * (1.0 - back / variance * faded) / (1.0 - faded)
        else:
            omega = 2.0 * (1.0 - back / variance) / windows.size
        if share > 0.5:  # the mean of squares is no guide where shocks do not fade
            omega = np.full(len(windows), _ALL_SHOCK)
        xs[:, place, 0] = aside
        xs[:, place, OMEGA] = shifted(np.maximum(omega, _LEAST))
        xs[:, place, 2], xs[:, place, SHARE] = p, share
    return xs
