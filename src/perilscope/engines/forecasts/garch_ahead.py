# SPDX-License-Identifier: Apache-2.0
"""GARCH fits of many days in a row made at once, before their models ask for them.

Models look a fit up before they make it (`volatility_models.fitted`), so they need not know. What
could not be made here they make themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from perilscope.engines.cores import cores
from perilscope.engines.forecasts.filtered_models import each_asset
from perilscope.engines.forecasts.history import Sample
from perilscope.engines.forecasts.predictive import Array
from perilscope.engines.forecasts.volatility_models import kept
from perilscope.engines.volatility.garch import Fit
from perilscope.engines.volatility.garch_forms import Windows
from perilscope.engines.volatility.garch_rolling import roll
from perilscope.errors import AssessmentError

STUDENT: Mapping[str, bool] = {
    "garch": False,
    "garch-t": True,
    "fhs": False,
    "conditional-evt": False,
}
"""Models whose fits can be made ahead, and whether their innovations are Student's."""


def fit_ahead(model: str, samples: Sequence[Sample]) -> int:
    """Make the fits a model will ask for; how many there are.

    Parameters
    ----------
    model : str
        By name; nothing is done for those that are not in `STUDENT`.
    samples : sequence of Sample
        Each begins and ends one day after the one before.

    Examples
    --------
    >>> moves = 0.02 * np.random.default_rng(1).standard_normal((130, 1))
    >>> samples = [Sample(moves[k : k + 120], np.ones(1)) for k in range(11)]
    >>> fit_ahead("garch", samples), fit_ahead("normal", samples)
    (11, 0)
    """
    if model not in STUDENT or not samples or samples[0].presample != "backcast":
        return 0
    if model == "fhs":
        windows = [each_asset(sample).T for sample in samples]
    else:
        windows = [sample.log_percent[None] for sample in samples]
    last = np.stack([each[:, -1] for each in windows[1:]], axis=1) if windows[1:] else None
    table = windows[0] if last is None else np.concatenate([windows[0], last], axis=1)
    try:
        threads = cores()  # for the assets of a portfolio; the answer is the same
        found = roll(table, windows[0].shape[1], STUDENT[model], threads)
    except AssessmentError:  # in one of the windows; the others may have fits all the same
        return 0
    for row, _, variances, _ in found.ahead():
        for k, each in enumerate(windows):
            own: Array = np.ascontiguousarray(each[row])
            place = np.zeros(1, dtype=np.int64)
            fit = Fit(
                found.form,
                found.natural[row, k],
                float(found.log_likelihood[row, k]),
                variances[k].copy(),
                Windows(own[None], place, place, own.size),
            )
            kept(own, STUDENT[model], fit)
    return found.log_likelihood.size
