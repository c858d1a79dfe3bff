# SPDX-License-Identifier: Apache-2.0
"""Every market model by its name. To add one, see `predictive`."""

from __future__ import annotations

import difflib

from perilscope.engines.forecasts import (
    caviar,
    copula_models,
    extremes,
    filtered_models,
    filtered_peaks,
    simple_models,
    switching,
    vine,
    volatility_models,
)
from perilscope.engines.forecasts.predictive import Model
from perilscope.errors import MisuseError

MODELS: tuple[Model, ...] = (
    *simple_models.MODELS,
    *volatility_models.MODELS,
    *filtered_models.MODELS,
    *filtered_peaks.MODELS,
    *extremes.MODELS,
    *caviar.MODELS,
    *copula_models.MODELS,
    *vine.MODELS,
    *switching.MODELS,
)
"""In the order in which they are shown."""


def names() -> tuple[str, ...]:
    """Names of all models.

    Examples
    --------
    >>> "historical" in names()
    True
    """
    return tuple(model.name for model in MODELS)


def named(name: str) -> Model:
    """The model of this name.

    Raises
    ------
    MisuseError
        There is none.

    Examples
    --------
    >>> named("historic")
    Traceback (most recent call last):
    perilscope.errors.MisuseError: no model is called historic; did you mean historical?
    """
    for model in MODELS:
        if model.name == name:
            return model
    near = difflib.get_close_matches(name, names(), n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names())}"
    raise MisuseError(f"no model is called {name}; {hint}")
