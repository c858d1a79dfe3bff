# SPDX-License-Identifier: Apache-2.0
"""GARCH fitted anew on every day of many series: thousands of windows at once.

Windows of neighbouring days have nearly the same maxima, so a search begins where its neighbours
ended. But maxima come and go, above all when a large return enters or leaves. So on every 32nd day,
and about such returns, windows are searched from many starts, and all local maxima are kept; the
days between inherit those of both sides, halving the gaps, and alpha = 0 is followed by itself.
Then every window looks again (`garch_rivals`), and in the end each tries what its neighbours found,
until none has a better one.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from perilscope.engines.volatility import garch
from perilscope.engines.volatility.garch_forms import Array, Form, Integers, Windows, shifted
from perilscope.engines.volatility.garch_rivals import ALIKE, BETTER, CLOSE, Best, alike, along
from perilscope.engines.volatility.garch_search import descend, values
from perilscope.engines.volatility.garch_starts import best, starts
from perilscope.errors import AssessmentError, MisuseError

STRIDE = 32
"""Days from one window that is searched from many starts to the next."""
_EVENTS = 8  # so many of the largest returns of a series have windows of their own
_KEPT = 3
_MANY = 4  # searches of a node
_RIVAL = 1.0
_EDGES, _BETWEEN = 2, 0.3
_CUT = 20.0  # a local maximum so far below the best will not be the best of a near day
_TRIED = 8.0
_NEAR = (-1, 1)
_NEARLY = 0.3
_PROBED = 4.0  # a start so far below a maximum may still lead above it


@dataclass(frozen=True, eq=False)
class Rolled:
    """Fits of every window of every series.

    Parameters
    ----------
    form : Form
    natural : array, shape (A, N, 6)
        Parameters, see `garch.Fit`.
    log_likelihood : array, shape (A, N)
    windows : Windows
        All of them, those of a series together.
    """

    form: Form
    natural: Array
    log_likelihood: Array
    windows: Windows

    def ahead(self) -> Iterator[tuple[int, Array, Array, Array]]:
        """Of one series after the other: its number, variances (N, n + 1), residuals, in parts."""
        shape = self.log_likelihood.shape
        kernel = garch.kernel("auto")
        flat = self.natural.reshape(-1, 6)
        for series in range(shape[0]):
            some = slice(series * shape[1], (series + 1) * shape[1])
            part, natural = self.windows.take(some), flat[some]
            h = np.empty((shape[1], part.size + 1))
            before = self.form.before(part, natural[:, 0])[:, 0].copy()
            kernel.garch_path(part.where, natural, before, h)
            seen = sliding_window_view(part.series[series], part.size)
            z = seen - natural[:, :1]
            z /= np.sqrt(h[:, :-1])
            yield series, natural[:, 0], h, z


def roll(
    returns: Array,
    size: int,
    student: bool = False,
    threads: int = 1,
    thorough: bool = False,
) -> Rolled:
    """Fit GARCH to every window of every series.

    Parameters
    ----------
    returns : array, shape (A, T)
        100 x log returns of A series.
    size : int
        Days of a window; there are T - size + 1 of them.
    student : bool
        Student t innovations.
    threads : int
        Series are shared out among so many; the answer is the same.
    thorough : bool
        Search every window from many starts, as `garch.fit` does: some ten times the work.
        Without, a window may miss a maximum that its neighbours do not have: of 600 days
        none of 110,607 did, simulated and real, of 250 days 2 of 75,662, by 0.5 at most.

    Raises
    ------
    MisuseError
        There is no whole window.
    AssessmentError
        A return is missing, or the returns of a window hardly move.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> found = roll(rng.standard_normal((1, 130)), 120)
    >>> found.log_likelihood.shape
    (1, 11)
    """
    table = np.ascontiguousarray(returns, dtype=np.float64)
    if table.ndim != 2 or not garch.LEAST <= size <= table.shape[1]:
        raise MisuseError(f"a table of shape {table.shape} has no windows of {size} days")
    for row in table:
        garch.checked(row)
    form, unit = Form("garch", student), table.std(axis=1, keepdims=True)
    scaled = table / unit
    parts = np.array_split(np.arange(len(table)), min(max(threads, 1), len(table)))
    kernel = garch.kernel("auto")

    def share(rows: Integers) -> _Track:
        track = _Track(kernel, form, np.ascontiguousarray(scaled[rows]), size)
        return track.searched() if thorough else track.followed()

    if len(parts) == 1:
        tracks = [share(parts[0])]
    else:
        with ThreadPoolExecutor(len(parts)) as pool:
            tracks = list(pool.map(share, parts))
    x = np.concatenate([track.x[:, :, 0] for track in tracks])
    value = np.concatenate([track.value[:, :, 0] for track in tracks])
    count = value.shape[1]
    row, start = np.repeat(np.arange(len(table)), count), np.tile(np.arange(count), len(table))
    mean, variance = (np.concatenate([track.all.moments[i] for track in tracks]) for i in range(2))
    natural = form.natural(x.reshape(-1, form.size), mean, variance)
    natural = garch.rescaled(form, natural, unit[row, 0])
    likelihood = -value - size * np.log(unit)
    own = Windows(table, row, start, size)
    return Rolled(form, natural.reshape(*value.shape, 6), likelihood, own)


class _Track:
    """Local maxima of the windows of some series, the best first, and the best with alpha = 0."""

    def __init__(self, kernel: Any, form: Form, series: Array, size: int) -> None:
        self.kernel, self.form, self.series, self.size = kernel, form, series, size
        rows, days = len(series), series.shape[1] - size + 1
        every = np.repeat(np.arange(rows), days), np.tile(np.arange(days), rows)
        self.all = Windows(series, *every, size)
        if not np.all(self.all.moments[1] > 1e-12):
            raise AssessmentError("in a window the returns hardly move; begin where they do")
        self.x = np.full((rows, days, _KEPT, form.size), np.nan)
        self.value = np.full((rows, days, _KEPT), np.inf)
        self.edge = np.full((rows, days, _EDGES, form.size), np.nan)

    def windows(self, row: Integers, day: Integers) -> Windows:
        """Some of the windows."""
        return self.all.take(row * self.value.shape[1] + day)

    def searched(self) -> _Track:
        """Each window from many starts."""
        found = best(self.kernel, self.form, self.all)
        shape = self.value.shape[:2]
        self.x[:, :, 0] = found.x.reshape(*shape, -1)
        self.value[:, :, 0] = found.value.reshape(shape)
        return self

    def followed(self) -> _Track:
        """All windows, from the nodes to the days between."""
        rows, days, gaps = len(self.series), self.value.shape[1], []
        nodes = []
        for row in range(rows):
            here = self._nodes(row)
            nodes += [(row, day) for day in here]
            gaps += [(row, left, right) for left, right in pairwise(here)]
        row, day = np.array(nodes).T
        self._searched(row, day)
        todo = np.array(gaps).reshape(-1, 3)
        while True:
            todo = todo[todo[:, 2] - todo[:, 1] > 1]
            if not len(todo):
                break
            row, left, right = todo.T
            middle = (left + right) // 2
            self._inherited(row, middle, left, right)
            todo = np.concatenate(
                [np.column_stack([row, left, middle]), np.column_stack([row, middle, right])]
            )
        self._between()
        best = Best(
            self.kernel,
            self.form,
            self.all,
            self.x[:, :, 0].reshape(-1, self.form.size),
            self.value[:, :, 0].reshape(-1),
        )
        best.improve()
        self.x[:, :, 0] = best.x.reshape(rows, days, -1)
        self.value[:, :, 0] = best.value.reshape(rows, days)
        changed = np.ones((rows, days), dtype=bool)
        while changed.any():
            changed = self._compared(changed)
        return self

    def _nodes(self, row: int) -> list[int]:
        """Days whose windows are searched from many starts."""
        days = self.value.shape[1]
        found = {*range(0, days, STRIDE), days - 1}
        r = np.abs(self.series[row] - np.median(self.series[row]))
        for at in np.argsort(-r)[:_EVENTS].tolist():
            # the first window with it, the last, and the first without
            found |= {at - self.size + 1, at - 1, at, at + 1, at + 2}
        return sorted(day for day in found if 0 <= day < days)

    def _between(self) -> None:
        """Where two maxima are nearly as good there may be a third between them."""
        row, day = np.nonzero(self.value[:, :, 1] < self.value[:, :, 0] + _RIVAL)
        if not row.size:
            return
        x = self.x[row, day]
        middle = np.stack([0.5 * (x[:, 0] + x[:, 1]), 0.8 * x[:, 0] + 0.2 * x[:, 1]], axis=1)
        self._settled(row, day, self.windows(row, day), np.concatenate([x, middle], axis=1))

    def _searched(self, row: Integers, day: Integers) -> None:
        windows, form = self.windows(row, day), self.form
        x = starts(self.kernel, form, windows, _MANY)
        count, each, size = x.shape
        lane = np.repeat(np.arange(count), each)
        near = descend(
            self.kernel, form, windows.take(lane), x.reshape(-1, size), rounds=3, close=CLOSE
        )
        xs, _ = _distinct(
            near.x.reshape(count, each, size), near.value.reshape(count, each), form, each
        )
        trends = _trends(form)
        self._followed_edges(row, day, windows, np.tile(trends, (count, 1, 1)))
        before = self.x[row, day]
        self._settled(row, day, windows, np.concatenate([before, self.edge[row, day], xs], axis=1))

    def _followed_edges(
        self, row: Integers, day: Integers, windows: Windows, xs: Array
    ) -> tuple[Array, Array]:
        """The best with alpha = 0 from several starts, NaN where there is none."""
        lane, place = np.nonzero(~np.isnan(xs[:, :, 0]))
        value = np.full(xs.shape[:2], np.inf)
        ends = np.full(xs.shape, np.nan)
        if lane.size:
            found = along(self.kernel, self.form, windows.take(lane), xs[lane, place])
            value[lane, place], ends[lane, place] = found.value, found.x
        self.edge[row, day], value = _distinct(ends, value, self.form, _EDGES)
        return self.edge[row, day], value

    def _settled(self, row: Integers, day: Integers, windows: Windows, xs: Array) -> None:
        """Descend from every start that is one, and keep what is distinct."""
        lane, place = np.nonzero(~np.isnan(xs[:, :, 0]))
        found = descend(self.kernel, self.form, windows.take(lane), xs[lane, place], close=CLOSE)
        value = np.full(xs.shape[:2], np.inf)
        ends = np.full(xs.shape, np.nan)
        value[lane, place], ends[lane, place] = found.value, found.x
        self.x[row, day], self.value[row, day] = _distinct(ends, value, self.form, _KEPT)

    def _inherited(self, row: Integers, day: Integers, left: Integers, right: Integers) -> None:
        windows = self.windows(row, day)
        edges = np.concatenate([self.edge[row, left], self.edge[row, right]], axis=1)
        sides = self.x[row, left], self.x[row, right]
        between = 0.5 * (sides[0][:, :1] + sides[1][:, :1])
        xs = np.concatenate([sides[0][:, :2], sides[1][:, :2], edges], axis=1)
        apart = np.abs(sides[0][:, 0] - sides[1][:, 0]) / self.form.reach
        alike = apart.max(axis=1) < _BETWEEN
        xs[alike, 0] = between[alike, 0]
        xs[alike, 2] = np.nan
        value = values(self.kernel, self.form, windows, np.where(np.isnan(xs), 0.4, xs))
        value[np.isnan(xs[:, :, 0])] = np.inf
        near = value <= value.min(axis=1, keepdims=True) + _TRIED
        xs[~near], value[~near] = np.nan, np.inf
        flat, flats = self._followed_edges(row, day, windows, xs[:, 4:])
        xs, value = np.concatenate([xs[:, :4], flat], 1), np.concatenate([value[:, :4], flats], 1)
        xs, _ = _distinct(xs, value, self.form, _KEPT + 1)
        self._settled(row, day, windows, xs)

    def _compared(self, changed: Any) -> Any:
        """Windows near one that changed try its maximum; which of them changed by that."""
        days = changed.shape[1]
        wide = np.zeros_like(changed)
        for side in _NEAR:
            to, of = _overlap(side, days)
            wide[:, to] |= changed[:, of]
        row, day = np.nonzero(wide)
        near = np.clip(day[:, None] + np.array(_NEAR), 0, days - 1)
        xs = self.x[row[:, None], near, :2].reshape(len(row), -1, self.form.size)
        own = self.x[row, day, :1]
        xs = np.where(np.isnan(xs), own, xs)
        count = xs.shape[1]
        xs = np.concatenate([xs, np.tile(_probes(self.form), (len(row), 1, 1))], 1)
        windows = self.windows(row, day)
        lead = self.value[row, day, :1] - values(self.kernel, self.form, windows, xs)
        hopeful = ~alike(self.form, xs, own) & (lead > -_PROBED)
        # what is best for a neighbour is near its best place here, a probe may be far from it
        hopeful[:, :count] &= lead[:, :count] > -_NEARLY
        best = np.argmax(lead[:, :count], axis=1)
        every = np.arange(len(row))
        hopeful[every, best] |= lead[every, best] > BETTER
        again = np.zeros_like(changed)
        lane, place = np.nonzero(hopeful)
        if lane.size:
            found = descend(
                self.kernel, self.form, windows.take(lane), xs[lane, place], close=CLOSE
            )
            gained = found.value < self.value[row[lane], day[lane], 0] - BETTER
            for i in np.flatnonzero(gained)[np.argsort(-found.value[gained])].tolist():
                at = row[lane[i]], day[lane[i]]  # the best of a window comes last and stays
                self.x[at][0], self.value[at][0], again[at] = found.x[i], found.value[i], True
        return again


def _trends(form: Form) -> Array:
    """Starts where alpha = 0 and the variance follows a trend."""
    some = [(-6.0, 0.99, 0.0), (-8.0, 1.0, 0.0)]
    return _points(form, some)


def _points(form: Form, some: list[tuple[float, float, float]]) -> Array:
    """Variables of (log omega, persistence, share)."""
    tail = [0.25] if form.student else []
    return np.array([[0.0, float(shifted(np.exp(log))), p, s, *tail] for log, p, s in some])


def _probes(form: Form) -> Array:
    """Points where a maximum may be that neither neighbour has."""
    some = [
        (-1.6, 0.8, 0.35),
        (-1.4, 0.75, 0.08),
        (-0.7, 0.5, 0.4),
        (-0.1, 0.1, 0.5),
    ]
    return _points(form, some)


def _overlap(side: int, days: int) -> tuple[slice, slice]:
    """Days that have one at a distance, and those."""
    first, last = max(-side, 0), days - max(side, 0)
    return slice(first, last), slice(first + side, last + side)


def _distinct(xs: Array, value: Array, form: Form, most: int) -> tuple[Array, Array]:
    """The best of each handful that are not alike, the best first; NaN where there are no more."""
    order = np.argsort(value, axis=1)
    xs = np.take_along_axis(xs, order[:, :, None], axis=1) / form.reach
    value = np.take_along_axis(value, order, axis=1)
    out = np.full((len(xs), most, xs.shape[2]), np.nan)
    ends = np.full((len(xs), most), np.inf)
    taken = np.zeros(len(xs), dtype=np.int64)
    for place in range(xs.shape[1]):
        here = xs[:, place]
        fresh = np.isfinite(value[:, place]) & (value[:, place] <= value[:, 0] + _CUT)
        fresh &= taken < most
        if not fresh.any():
            continue
        for j in range(min(place, most)):
            fresh &= ~(np.abs(here - out[:, j]).max(axis=1) < ALIKE)
        some = np.flatnonzero(fresh)
        out[some, taken[some]], ends[some, taken[some]] = here[some], value[some, place]
        taken[some] += 1
    return out * form.reach, ends
