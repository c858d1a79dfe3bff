# SPDX-License-Identifier: Apache-2.0
"""Student t laws of up to 15 assets tied by a vine of pair copulas; needs the extra ``vine``.

The structure and the families (Gaussian, t, Clayton, Gumbel, Frank with their rotations) are chosen
by the Bayes information criterion; beyond six assets the vine is cut after three trees. Slopes of
VaR and CVaR are means over the scenarios at VaR and beyond; errors of the parameters come from the
stepwise scores.

Sources: Dissmann, Brechmann, Czado and Kurowicka, Comput. Stat. Data An. 59 (2013); Stoeber and
Schepsmeier, Comput. Stat. 28 (2013). Computed by pyvinecopulib (Nagler and Vatter).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from perilscope.engines.forecasts.copula_models import BAND, alone, simulated
from perilscope.engines.forecasts.history import Sample
from perilscope.engines.forecasts.influence import around, contributions, days, lean, spread
from perilscope.engines.forecasts.loss_laws import EmpiricalLaw
from perilscope.engines.forecasts.margins import Fitted, fit_margins
from perilscope.engines.forecasts.predictive import CONVENTIONS, Intervals, Model, Prediction
from perilscope.errors import AssessmentError

Array = NDArray[np.float64]
Rows = NDArray[np.intp]

DRAWS = 1 << 14
MOST = 15
WHOLE, TREES = 6, 3
"""Up to so many assets every tree is fitted; beyond, so many trees."""


def _library() -> Any:
    try:
        import pyvinecopulib
    except ImportError:
        raise AssessmentError(
            "vine copulas need pyvinecopulib, which is an extra: pip install 'perilscope[vine]'"
        ) from None
    return pyvinecopulib


@dataclass(frozen=True, eq=False)
class _Vine:
    """A fitted vine and the uniform numbers that it is drawn with."""

    library: Any
    vine: Any
    points: Array

    def ranks(self, rows: Rows | slice = slice(None), vine: Any = None) -> Array:
        """Ranks of the draws."""
        chosen = self.vine if vine is None else vine
        return np.asarray(chosen.inverse_rosenblatt(np.asfortranarray(self.points[rows])))

    def moved(self) -> list[tuple[Any, float]]:
        """The vine with each parameter moved a little, in the order of the scores."""
        pairs = self.vine.pair_copulas
        found = []
        for tree, edges in enumerate(pairs):
            for edge, pair in enumerate(edges):
                values = np.atleast_1d(np.asarray(pair.parameters, dtype=np.float64)).ravel()
                for place in range(values.size):
                    found.append(self._one(pairs, tree, edge, place))
        return found

    def _one(self, pairs: Any, tree: int, edge: int, place: int) -> tuple[Any, float]:
        pair = pairs[tree][edge]
        values = np.asarray(pair.parameters, dtype=np.float64).copy()
        flat = values.reshape(-1)
        # towards the middle of what is allowed, so that no bound is crossed
        low = np.asarray(pair.parameters_lower_bounds, dtype=np.float64).reshape(-1)[place]
        high = np.asarray(pair.parameters_upper_bounds, dtype=np.float64).reshape(-1)[place]
        size = 1e-3 * max(abs(flat[place]), 0.1)
        step = -size if flat[place] > 0.5 * (low + high) else size
        flat[place] += step
        other = self.library.Bicop(
            family=pair.family, rotation=pair.rotation, parameters=flat.reshape(values.shape)
        )
        changed = [list(edges) for edges in pairs]
        changed[tree][edge] = other
        vine = self.library.Vinecop.from_structure(
            structure=self.vine.structure, pair_copulas=changed
        )
        return vine, step


def _controls(library: Any, count: int) -> Any:
    family = library.BicopFamily
    return library.FitControlsVinecop(
        family_set=[
            family.indep, family.gaussian, family.student, family.clayton, family.gumbel,
            family.frank,
        ],
        selection_criterion="bic",
        trunc_lvl=count if count <= WHOLE else TREES,
        num_threads=1,
    )  # fmt: skip


def _losses(fitted: Fitted, ranks: Array) -> Array:
    from scipy import special

    scores = special.ndtri(np.clip(ranks, 1e-12, 1.0 - 1e-12))
    return fitted.lost(fitted.moved(scores, None))


def _slopes(fitted: Fitted, vine: _Vine, rows: Rows) -> Array:
    """Mean slope of the loss over chosen scenarios: margins first, then the parameters of pairs."""
    from scipy import special

    ranks = vine.ranks(rows)
    scores = special.ndtri(np.clip(ranks, 1e-12, 1.0 - 1e-12))
    found = fitted.slopes(scores, None, fitted.pulls(scores, None))
    base = _losses(fitted, ranks)
    for changed, step in vine.moved():
        after = _losses(fitted, vine.ranks(rows, changed))
        found.append(float((after - base).mean()) / step)
    return np.array(found)


def _influences(fitted: Fitted, vine: _Vine) -> Array:
    size, count = fitted.moves.shape
    ranks = np.asfortranarray(fitted.ranks)
    columns = [fitted.influences.reshape(size, 3 * count)]
    if vine.vine.npars > 0:
        scores = np.asarray(vine.vine.scores(ranks))
        mean = scores.mean(axis=0)
        # by differences: `Vinecop.hessian` takes as many scores, each some ten times as long
        bends = [(moved.scores(ranks).mean(axis=0) - mean) / step for moved, step in vine.moved()]
        columns.append(contributions(scores, np.stack(bends, axis=1)))
    return np.concatenate(columns, axis=1)


def vine(sample: Sample) -> Prediction:
    """Student t laws of each asset, ranks tied by a vine of pair copulas.

    Raises
    ------
    AssessmentError
        The extra is not installed, or more than 15 assets move.
    """
    library = _library()
    fitted = fit_margins(sample)
    count = len(fitted.margins)
    if count == 1:
        return alone(sample)
    if count > MOST:
        raise AssessmentError(
            f"{count} assets move and a vine takes at most {MOST}; use t-copula instead"
        )
    found = library.Vinecop.from_data(np.asfortranarray(fitted.ranks), _controls(library, count))
    source = qmc.Sobol(count, scramble=True, rng=np.random.default_rng([sample.seed, count]))
    drawn = _Vine(library, found, np.clip(source.random(DRAWS), 1e-12, 1.0 - 1e-12))
    losses = _losses(fitted, drawn.ranks())
    law = EmpiricalLaw(losses)

    def interval(level: float) -> Intervals:
        influences = _influences(fitted, drawn)
        order = np.argsort(losses, kind="stable")
        first = math.ceil(losses.size * level) - 1
        half = max(min(int(BAND * losses.size), (losses.size - first) // 2), 8)
        near, beyond = order[max(first - half, 0) : first + half + 1], order[first:]
        ends = []
        for value, rows in ((law.var(level), near), (law.cvar(level), beyond)):
            line = np.asarray(influences @ _slopes(fitted, drawn, rows))
            error = spread(line, sample.lags, sample.share, simulated(losses, level) ** 2, 3)
            freedom = days(line, sample.lags, sample.share)
            ends.append(around(value, error, float(losses.mean()), freedom, lean(line)))
        return ends[0], ends[1]

    return Prediction(
        law,
        interval,
        _parameters(fitted, found),
        fitted.likelihood + float(found.loglik(np.asfortranarray(fitted.ranks))),
        conventions={
            **CONVENTIONS,
            "mean": "the fitted mean of each asset",
            "margins": "Student t by maximum likelihood",
            "families": _families(found),
            "draws": f"{DRAWS} quasi-random (Sobol, scrambled)",
        },
    )


def _parameters(fitted: Fitted, found: Any) -> dict[str, float]:
    told: dict[str, float] = {}
    for place, margin in enumerate(fitted.margins, 1):
        told[f"mu_{place}"] = margin.location
        told[f"sigma_{place}"] = margin.scale
        told[f"nu_{place}"] = margin.df
    for tree, edges in enumerate(found.pair_copulas, 1):
        for edge, pair in enumerate(edges, 1):
            values = np.asarray(pair.parameters, dtype=np.float64).ravel().tolist()
            for place, value in enumerate(values, 1):
                told[f"tree_{tree}_pair_{edge}_{place}"] = value
    told["draws"] = float(DRAWS)
    return told


def _families(found: Any) -> str:
    """The families of the pairs, tree by tree."""
    trees = []
    for edges in found.pair_copulas:
        names = [
            f"{pair.family.name} {pair.rotation}" if pair.rotation else pair.family.name
            for pair in edges
        ]
        trees.append(", ".join(names))
    return "; ".join(trees)


MODELS = (Model("vine", "t laws of up to 15 assets, vine of pair copulas (extra vine)", vine),)
