# SPDX-License-Identifier: Apache-2.0
"""How far a window reaches: looks at the joint law with few points.

What lies beyond a window is kept by exact means, but it must be rare. Where losses are counted in
tokens these are looked at in bands of scenarios, each as if all tokens stood at the dearest of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from perilscope.engines.grids.grid import Grid
from perilscope.engines.joint.law import SignedLaw
from perilscope.engines.joint.markets import Markets
from perilscope.engines.joint.window import Window, window
from perilscope.errors import AssessmentError

SURE, RARE = 2e-6, 2e-5
"""Probability left beyond the window that is sought, and that is borne."""
OTHER = 5e-4
"""The same under other weights than the window was chosen for, which may make rare states sure.

What lies beyond stays in the exact mean; of it a share exp(-tilt) comes back onto the window, which
moves CVaR 99 % by less than 1e-6 of the window's range.
"""
BANDS = (0.5, 0.75, 0.9, 0.97, 0.99, 0.997, 0.999, 0.9997, 0.9999, 1.0)
"""Shares of scenarios in which a token is no dearer than it is looked at."""
_LOOK = 2**13
_WIDEN = 4.0
_TRIES = 6

Band = tuple[float, Mapping[str, float]]
"""Its probability, and by line what a token costs in it against today."""
Look = Callable[[Window, Sequence[Band]], SignedLaw]
"""The law of everything on a window, in bands of prices; its mean is not asked for."""


def wide(look: Look, own: float, markets: Markets, tokens: Mapping[str, str]) -> Window:
    """A window for everything.

    Parameters
    ----------
    look : callable
    own : float
        Range of a grid that does for the lines at today's prices, in money.
    markets : Markets
    tokens : mapping of line to token

    Raises
    ------
    AssessmentError
        No window is wide enough.
    """
    losses = [markets.losses(rungs) for rungs in markets.states]
    gain = 1.01 * max(max(float(-each.min()) for each in losses), 0.0) + 1e-9 * own
    loss = max(max(float(each.max()) for each in losses), 0.0)
    law = _looked(look, [(1.0, {})], gain, loss + 2.0 * own)
    scale, top = law.var(0.95) - law.var(0.5), _top(law)
    if tokens:
        top = _top(_looked(look, _bands(markets, tokens), gain, 2.0 * top))
    return window(gain, top, max(scale, 1e-6 * (gain + top)))


def _looked(look: Look, bands: Sequence[Band], gain: float, loss: float) -> SignedLaw:
    """A law with little beyond its window."""
    for _ in range(_TRIES):
        step = (gain + loss) / (_LOOK - 8)
        law = look(Window(Grid(step, _LOOK), 2 * math.ceil(gain / step / 2.0)), bands)
        if law.beyond <= SURE:
            break
        loss *= _WIDEN
    if law.beyond > RARE:
        raise AssessmentError(
            "no window is wide enough for the tail of the losses together: "
            f"{law.beyond:.1e} would lie beyond {law.window.high:.3g}"
        )
    return law


def _top(law: SignedLaw) -> float:
    """Where hardly anything lies beyond."""
    k = int(np.searchsorted(law.moved.cumulative, 1.0 - SURE))
    return max(law.window.low + (k + 2) * law.step, law.step)


def _bands(markets: Markets, tokens: Mapping[str, str]) -> list[Band]:
    """Bands of scenarios; all tokens are as dear as each may be in one, though not together."""
    dear = {
        token: np.max(
            [np.quantile(markets.prices(rungs)[token], BANDS) for rungs in markets.states], axis=0
        )
        for token in sorted(set(tokens.values()))
    }
    return [
        (share - below, {key: float(dear[token][k]) for key, token in tokens.items()})
        for k, (below, share) in enumerate(zip((0.0, *BANDS), BANDS, strict=False))
    ]
