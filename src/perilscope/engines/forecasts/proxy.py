# SPDX-License-Identifier: Apache-2.0
"""Short histories filled in from a factor, and what such a sample is worth.

The days before an asset existed are ``beta x factor + residual``: beta by least squares over the
days that both have, drawn towards 1 by how uncertain it is (Vasicek, J. Finance 28 (1973)), the
residuals drawn from the asset's own. No drift is carried back. A filled-in day tells of the asset
only as much as the factor explains, so the sample counts as

    n_eff = 1 / ((1 - R2) / n + R2 / T),

the size at which a mean would be as uncertain as by regression on the longer factor (Stambaugh,
J. Financial Economics 45 (1997), for returns whose histories differ in length).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perilscope.engines.streams import stream
from perilscope.errors import AssessmentError

Array = NDArray[np.float64]
LEAST = 20
PRIOR_BETA, PRIOR_SPREAD = 1.0, 0.5
"""Where betas to the factor lie before the asset is looked at, and their standard deviation."""


@dataclass(frozen=True, eq=False)
class Filled:
    """Returns of an asset over all days of the factor.

    Parameters
    ----------
    returns : array, shape (T,)
    own : int
        How many of them, the last ones, are the asset's own.
    beta, explained : float
        As shrunk, and the share of variance that the factor explains.
    effective : float
        What the sample is worth, in days.
    """

    returns: Array
    own: int
    beta: float
    explained: float
    effective: float


def filled(own: Array, factor: Array, seed: int, name: str) -> Filled:
    """Fill in the days before an asset existed.

    Parameters
    ----------
    own : array, shape (n,)
        Its returns; the last one is of the last day of the factor.
    factor : array, shape (T,)
        With T >= n.
    seed, name
        Name the stream of the residuals.

    Raises
    ------
    AssessmentError
        Fewer than 20 days of its own.

    Examples
    --------
    >>> factor = np.sin(np.arange(400.0)) / 20
    >>> found = filled(1.5 * factor[-100:], factor, 1, "X")
    >>> round(found.beta, 2), round(found.effective)
    (1.5, 400)
    """
    size, whole = len(own), len(factor)
    if size < LEAST:
        raise AssessmentError(f"{name} has {size} daily returns; at least {LEAST} are needed")
    if size >= whole:
        return Filled(own, size, 1.0, 1.0, float(size))
    x = factor[-size:] - factor[-size:].mean()
    y = own - own.mean()
    power = float(x @ x)
    plain = float(x @ y) / power if power else 0.0
    noise = float(((y - plain * x) ** 2).sum()) / max(size - 2, 1)
    doubt = noise / power if power else np.inf
    beta = (plain / doubt + PRIOR_BETA / PRIOR_SPREAD**2) / (1.0 / doubt + 1.0 / PRIOR_SPREAD**2) \
        if doubt > 0.0 else plain  # fmt: skip
    residual = y - beta * x
    rng = stream(seed, name, "residuals")
    drawn = rng.choice(residual - residual.mean(), whole - size)
    early = np.maximum(beta * factor[:-size] + drawn, -0.99)
    total = float(y @ y)
    explained = 0.0 if total == 0.0 else max(1.0 - float(residual @ residual) / total, 0.0)
    effective = 1.0 / ((1.0 - explained) / size + explained / whole)
    return Filled(np.concatenate([early, own]), size, float(beta), explained, effective)


def portfolio_share(table: Array, weights: Array, assets: Sequence[Filled]) -> float:
    """Effective size of a portfolio's sample as a share of its days.

    The variance of a mean of the whole is the sum of what each asset's own doubt adds; assets
    count by how much of the variance they bear.

    Examples
    --------
    >>> whole = Filled(np.ones(4), 4, 1.0, 1.0, 4.0)
    >>> portfolio_share(np.eye(4)[:, :1], np.ones(1), [whole])
    1.0
    """
    days = len(table)
    spread = table.var(axis=0) * np.asarray(weights) ** 2
    total = float(spread.sum())
    if total == 0.0:
        return min(each.effective for each in assets) / days
    doubt = sum(
        float(part) / each.effective for part, each in zip(spread.tolist(), assets, strict=True)
    )
    return min(total / doubt / days, 1.0)
