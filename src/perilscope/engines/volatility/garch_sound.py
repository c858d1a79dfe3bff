# SPDX-License-Identifier: Apache-2.0
"""EGARCH where its variances can be told from the returns.

EGARCH reads its variances out of the returns, and with some parameters the reading is chaotic: what
it took the first variance for decides the last. There the likelihood has any number of maxima that
fit the noise, high ones too, and none of them says anything of tomorrow. So the best maximum is
taken where the first variance is forgotten. Where a search finds none, since large moves seem to
calm and alpha slides below 0, it is held at a hundredth.

Source: Wintenberger, Scandinavian J. Statistics 40 (2013).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from perilscope.engines.volatility.garch_forms import Array, Form, Windows
from perilscope.engines.volatility.garch_search import Found, descend

MU, ALPHA = 0, 2
"""Places of the mean and of alpha among the variables."""
HELD = 0.01
"""Alpha, where no maximum is sound."""
_AT_ONCE = 256


def forgets(kernel: Any, form: Form, windows: Windows, x: Array) -> NDArray[np.bool_]:
    """Whether the last variance hangs on the first by less than one for one.

    The slope of one log variance in that of the day before is beta - (alpha |z| + gamma z) / 2;
    their product over all days is meant.

    Parameters
    ----------
    x : array, shape (K, size)
        Variables, one row for each of the K windows.

    Returns
    -------
    array of bool, shape (K,)
    """
    found = np.empty(len(x), dtype=bool)
    for begin in range(0, len(x), _AT_ONCE):
        some = slice(begin, begin + _AT_ONCE)
        part = windows.take(some)
        mean, variance, _ = part.moments
        natural = form.natural(x[some], mean, variance)
        mu, _, alpha, gamma, beta, _ = natural.T[:, :, None]
        h = np.empty((len(part), part.size + 1))
        kernel.egarch_path(part.where, natural, form.before(part, natural[:, 0]), h)
        z = (part.values() - mu) / np.sqrt(h[:, :-1])
        slope = np.abs(beta - 0.5 * (alpha * np.abs(z) + gamma * z))
        found[some] = np.log(np.maximum(slope, 1e-300)).sum(axis=1) < 0.0
    return found


def best(kernel: Any, form: Form, windows: Windows, x: Array, each: int) -> Found:
    """The best sound end of so many searches for each window, an unsound one if there is no other.

    Parameters
    ----------
    x : array, shape (K * each, size)
        Where they begin.
    """
    lane = np.repeat(np.arange(len(windows)), each)
    ends, sound = _ends(kernel, form, windows.take(lane), x)
    lost = np.flatnonzero(~sound.reshape(-1, each).any(axis=1))
    if lost.size:
        some = np.flatnonzero(np.isin(lane, lost))
        x = x[some].copy()
        x[:, ALPHA] = HELD
        held, fine = _ends(kernel, form, windows.take(lane[some]), x, ALPHA)
        ends.put(some[fine], held.take(fine))
        sound[some] = fine
    sound = sound.reshape(-1, each)
    allowed = sound | ~sound.any(axis=1, keepdims=True)
    value = np.where(allowed, ends.value.reshape(-1, each), np.inf)
    found = ends.take(np.arange(len(windows)) * each + np.argmin(value, axis=1))
    # a kink may have stopped the search: first beside it, then anew
    beside, _ = _ends(kernel, form, windows, found.x, MU)
    last, still = _ends(kernel, form, windows, beside.x)
    kept = np.flatnonzero(~still & sound.any(axis=1))
    last.put(kept, found.take(kept))
    return last


def _ends(
    kernel: Any, form: Form, windows: Windows, x: Array, held: int | None = None
) -> tuple[Found, NDArray[np.bool_]]:
    """Where searches end, one variable held if asked, and which ends are sound."""
    still = None
    if held is not None:
        still = np.zeros(x.shape, dtype=bool)
        still[:, held] = True
    found = descend(kernel, form, windows, x, still)
    return found, forgets(kernel, form, windows, found.x)
