# SPDX-License-Identifier: Apache-2.0
"""Where searches begin, so that none of the many local optima of a GARCH likelihood is missed.

The likelihood of a few hundred days often has several maxima: one of high and one of low
persistence, one at alpha = 0, one at alpha + beta = 1, one for each way to explain the largest
moves. So a grid that includes those edges is scanned, and a search begins from the best point of
each part of it.
"""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np

from perilscope.engines.volatility import garch_sound
from perilscope.engines.volatility.garch_forms import Array, Form, Integers, Windows, shifted
from perilscope.engines.volatility.garch_search import Found, descend, values

STARTS = 16
"""Searches for each window."""
_PERSISTENCE = (0.1, 0.5, 0.8, 0.93, 0.98, 1.0)
_SHARES = (0.03, 0.12, 0.35, 0.8)
_NEARLY_ONE, _TRENDS = (0.97, 0.99, 1.0), (-3.0, -4.5, -6.0, -8.0)  # at alpha = 0 a trend is left
# where a few days dwarf the rest, the mean may lie apart and no shock fade
_ASIDE, _LASTING, _LEVELS = (-0.2, 0.2), (0.3, 0.6, 1.0), (-0.6, -2.5)
_ETA = 0.2
_AT_ONCE = 4096


def grid(form: Form) -> tuple[Array, Integers]:
    """Points to begin from, without their mean, and which part of the grid each is in.

    Returns
    -------
    array, shape (S, size), and integer array, shape (S,)
    """
    points, parts = [], []
    tail = (_ETA,) if form.student else ()
    if form.kind == "egarch":
        for i, (b, a) in enumerate(product((0.2, 0.6, 0.85, 0.95, 0.995), (0.04, 0.2, 0.6))):
            for g in (-0.1, 0.0, 0.1):
                points.append((0.0, 0.0, a, g, b, *tail))
                parts.append(i)
        return np.array(points), np.array(parts)
    tilts: tuple[tuple[float, ...], ...] = ((0.1,), (0.5,), (0.9,)) if form.skew else ((),)
    for i, p in enumerate(_PERSISTENCE):
        level = math.log(max(1.0 - p, 2e-3))
        for s, drop, q in product(_SHARES, (0.0, 3.0) if p > 0.9 else (0.0,), tilts):
            points.append((0.0, shifted(math.exp(level - drop)), p, s, *q, *tail))
            parts.append(2 * i + (s > 0.2))
    for p, level, q in product(_NEARLY_ONE, _TRENDS, tilts):
        points.append((0.0, shifted(math.exp(level)), p, 0.0, *q, *tail))
        parts.append(2 * len(_PERSISTENCE) + (p == 1.0))
    for aside, s, level, q in product(_ASIDE, _LASTING, _LEVELS, tilts):
        points.append((aside, shifted(math.exp(level)), 1.0, s, *q, *tail))
        parts.append(2 * len(_PERSISTENCE) + 2 + (aside > 0.0))
    return np.array(points), np.array(parts)


def starts(kernel: Any, form: Form, windows: Windows, many: int = STARTS) -> Array:
    """The best points of the best parts of the grid for each window, shape (K, many, size).

    Two grids are scanned: about the mean of the returns and about their median, which differ where
    a few days dwarf the rest.
    """
    points, parts = grid(form)
    mean, variance, _ = windows.moments
    x = np.tile(np.concatenate([points] * 2), (len(windows), 1, 1))
    middle = (np.median(windows.values(), axis=1) - mean) / np.sqrt(variance)
    x[:, len(points) :, 0] += middle[:, None]
    if form.kind == "egarch":
        x[:, :, 1] = (1.0 - x[:, :, 4]) * np.log(variance)[:, None]
    found = values(kernel, form, windows, x)
    label = np.concatenate([parts] * 2)
    chosen = []
    for part in range(int(parts.max()) + 1):
        here = np.flatnonzero(label == part)
        chosen.append(here[np.argmin(found[:, here], axis=1)])
    picks = np.array(chosen).T
    order = np.argsort(np.take_along_axis(found, picks, axis=1), axis=1)[:, :many]
    picks = np.take_along_axis(picks, order, axis=1)
    return np.asarray(np.take_along_axis(x, picks[:, :, None], axis=1))


def best(kernel: Any, form: Form, windows: Windows, many: int = STARTS) -> Found:
    """The best of searches from many starts for each window; of EGARCH see `garch_sound`."""
    done = []
    for begin in range(0, len(windows), _AT_ONCE):
        part = windows.take(slice(begin, begin + _AT_ONCE))
        x = starts(kernel, form, part, many)
        count, each, size = x.shape
        x, lane = x.reshape(-1, size), np.repeat(np.arange(count), each)
        if form.kind == "egarch":
            done.append(garch_sound.best(kernel, form, part, x, each))
            continue
        # along the edge alpha = 0 first, lest a search leave it early
        edge = np.flatnonzero(x[:, 3] == 0.0)
        held = np.zeros((len(edge), size), dtype=bool)
        held[:, 3] = True
        x[edge] = descend(kernel, form, part.take(lane[edge]), x[edge], held).x
        found = descend(kernel, form, part.take(lane), x)
        value = found.value.reshape(count, each)
        done.append(found.take(np.arange(count) * each + np.argmin(value, axis=1)))
    return Found.joined(done)
