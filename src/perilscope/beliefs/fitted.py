# SPDX-License-Identifier: Apache-2.0
"""Laws that people know by some of their quantiles, and how well a law meets them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from perilscope.book.expression import level
from perilscope.engines.laws import quantilefit
from perilscope.engines.laws.quantilefit import Fitted
from perilscope.errors import AssessmentError, MisuseError

_FAMILIES = (*quantilefit.FAMILIES, "quantiles")
Plain = tuple[tuple[str, float], ...]


def takes(law: str, names: Iterable[str]) -> bool:
    """Whether a law of this name is given by quantiles alone."""
    more = {"low", "high", "terms"} if law == "metalog" else set()
    return law in _FAMILIES and all(level(name) is not None or name in more for name in names)


def fit(law: str, arguments: Mapping[str, Any], *, bounded: bool = False) -> Fitted:
    """The law of a family that comes nearest to the quantiles wanted.

    Parameters
    ----------
    law : str
        ``lognormal``, ``gamma``, ``weibull``, ``beta``, ``metalog``, or ``quantiles`` for the
        family that comes nearest of all.
    arguments : mapping
        Quantiles by name, ``p10``, ``p99.9``; for a metalog also ``low``, ``high``, ``terms``.
    bounded : bool
        Whether it stands for a probability or a share: ``quantiles`` then stay between 0 and 1.

    Returns
    -------
    Fitted
        The law, and the largest relative miss of a quantile.

    Raises
    ------
    AssessmentError
        No law of that family meets them; a metalog whose density would be negative.

    Examples
    --------
    >>> found = fit("gamma", {"p10": 2.0, "p90": 9.0})
    >>> round(float(found.law.ppf(0.9)), 9), found.error < 1e-9
    (9.0, True)
    """
    return _fit(law, tuple((name, float(value)) for name, value in arguments.items()), bounded)


@lru_cache(maxsize=512)
def _fit(law: str, arguments: Plain, bounded: bool) -> Fitted:
    points = [(float(p) / 100, x) for name, x in arguments if (p := level(name)) is not None]
    probabilities, values = zip(*points, strict=True)
    more: dict[str, Any] = {name: value for name, value in arguments if level(name) is None}
    if "terms" in more:
        more["terms"] = int(more["terms"])
    try:
        if law == "quantiles":
            return quantilefit.best(probabilities, values, 0.0, 1.0 if bounded else math.inf)
        return quantilefit.fit(law, probabilities, values, **more)
    except MisuseError as refused:
        given = ", ".join(f"{name}={value:.6g}" for name, value in arguments)
        raise AssessmentError(f"{law}({given}): {refused}") from None
