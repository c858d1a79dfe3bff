# SPDX-License-Identifier: Apache-2.0
"""How often 90 % intervals of market models hold what they are about.

For each model two laws of the moves: one that the model can be right about, and one that it cannot.
What an interval is about is what the same model says given endless history of that law; where a
model follows the state of the market, given the state at the end of the short history as well.

    python -m tests.engines.intervals_held FIRST COUNT [model or model:kind ...]

runs the simulations numbered from FIRST on; pieces may be run in any order and side by side, and
``python docs/make_coverage.py`` adds them up. Simulation ``k`` draws from the seed (11, k); methods
were chosen on other seeds.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perilscope.engines.forecasts import caviar
from perilscope.engines.forecasts import switching as chain
from perilscope.engines.forecasts.history import Sample
from perilscope.engines.forecasts.log_laws import LogLaw, PeaksLaw, lost
from perilscope.engines.forecasts.loss_laws import Law
from perilscope.engines.forecasts.models import named
from perilscope.engines.forecasts.pareto import fit_pareto
from perilscope.engines.portfolio.returns import historical
from perilscope.engines.volatility import garch
from perilscope.engines.volatility.garch_forms import Form, Windows
from perilscope.engines.volatility.garch_search import descend

from . import intervals_drawn as draws

Array = NDArray[np.float64]
Measures = tuple[float, float]
LEVEL, DAYS, PIECE = 0.975, 1000, 100
SEED = 11
WEIGHTS = np.array([0.6, 0.4])
Moving = draws.Moving
GARCH = {
    "garch": ("garch", False),
    "garch-t": ("garch", True),
    "gjr": ("gjr", False),
    "gjr-t": ("gjr", True),
    "egarch": ("egarch", False),
    "fhs": ("garch", False),
    "conditional-evt": ("garch", False),
}
"""Variance and innovations of the models that rest on a fit of the GARCH family."""
FADING = ("ewma", "volatility-weighted")
"""Their weight is not fitted, so they are asked for the law of tomorrow itself."""
BIG = 400_000


@dataclass(frozen=True)
class Case:
    model: str
    kind: str
    draw: draws.Draw


CASES = (
    Case("historical", "true", draws.student),
    Case("historical", "wrong", draws.clustered),
    Case("age-weighted", "true", draws.student),
    Case("age-weighted", "wrong", draws.skew),
    Case("volatility-weighted", "true", Moving("steady", "t")),
    Case("volatility-weighted", "wrong", Moving("garch", "normal")),
    Case("normal", "true", draws.normal),
    Case("normal", "wrong", draws.skew),
    Case("t", "true", draws.student),
    Case("t", "wrong", draws.skew),
    Case("cornish-fisher", "true", draws.normal),
    Case("cornish-fisher", "wrong", draws.skew),
    Case("ewma", "true", Moving("steady", "normal")),
    Case("ewma", "wrong", Moving("steady", "t")),
    Case("garch", "true", Moving("garch", "normal")),
    Case("garch", "wrong", Moving("garch", "t")),
    Case("garch-t", "true", Moving("garch", "t")),
    Case("garch-t", "wrong", Moving("garch", "skew")),
    Case("gjr", "true", Moving("gjr", "normal")),
    Case("gjr", "wrong", Moving("gjr", "t")),
    Case("gjr-t", "true", Moving("gjr", "t")),
    Case("gjr-t", "wrong", Moving("gjr", "skew")),
    Case("egarch", "true", Moving("egarch", "normal")),
    Case("egarch", "wrong", Moving("egarch", "t")),
    Case("fhs", "true", Moving("garch", "t")),
    Case("fhs", "wrong", Moving("gjr", "t")),
    Case("evt", "true", draws.pareto),
    Case("evt", "wrong", draws.skew),
    Case("conditional-evt", "true", Moving("garch", "t")),
    Case("conditional-evt", "wrong", Moving("garch", "normal")),
    Case("caviar", "true", draws.recursive),
    Case("caviar", "wrong", draws.clustered),
    Case("gaussian-copula", "true", draws.gaussian_tied),
    Case("gaussian-copula", "wrong", draws.factor),
    Case("t-copula", "true", draws.t_tied),
    Case("t-copula", "wrong", draws.factor),
    Case("vine", "true", draws.t_tied),
    Case("vine", "wrong", draws.factor),
    Case("regime", "true", draws.switching),
    Case("regime", "wrong", draws.clustered),
)


def sampled(moves: Array, seed: int = 1) -> Sample:
    weights = WEIGHTS if moves.shape[1] == 2 else np.ones(1)
    return Sample(np.maximum(moves, -0.99), weights, seed=seed)


def whole(case: Case) -> Callable[[Sample], Measures]:
    """What the model says given endless history."""
    rng = np.random.default_rng(99)
    if case.model in GARCH:
        return _volatile(case, rng)
    if case.model == "caviar":
        return _recursion(case, rng)
    if case.model == "regime":
        return _regimes(case, rng)
    if case.draw is draws.clustered:  # slow to tell: exceedances come in clusters
        pair = historical(-draws.many_clustered(rng, 2_000, 10_000).ravel(), LEVEL)
        return lambda _sample: pair
    model = "historical" if case.model == "age-weighted" else case.model
    count, size = (60, 2_000) if case.model.endswith(("copula", "vine")) else (50, 10_000)
    laws: list[Law] = [
        named(model).fit(sampled(case.draw(rng, size), seed)).law for seed in range(count)
    ]
    pair = (
        float(np.mean([law.var(LEVEL) for law in laws])),
        float(np.mean([law.cvar(LEVEL) for law in laws])),
    )
    return lambda _sample: pair


def _recursion(case: Case, rng: np.random.Generator) -> Callable[[Sample], Measures]:
    big = sampled(case.draw(rng, 30_000))
    law = caviar.CaviarLaw(big.losses, np.abs(big.daily))
    fit, ratio = law.at(LEVEL), law.ratio(LEVEL)

    def at(sample: Sample) -> Measures:
        var = float(caviar.path(fit.at, np.abs(sample.daily), fit.first)[-1])
        return var, var * ratio

    return at


def _regimes(case: Case, rng: np.random.Generator) -> Callable[[Sample], Measures]:
    fitted = chain.fit_regimes(sampled(case.draw(rng, BIG // 2)).log_percent)[0]

    def ahead(sample: Sample) -> Measures:
        now = chain.filtered(sample.log_percent, fitted)[0][-1]
        found = chain.ahead(fitted, now, 1)
        return found.var(LEVEL), found.cvar(LEVEL)

    return ahead


def _volatile(case: Case, rng: np.random.Generator) -> Callable[[Sample], Measures]:
    """The parameters of endless history, run along the days of the short one."""
    form = Form(*GARCH[case.model])
    natural, z = _settled(form, sampled(case.draw(rng, BIG)).log_percent)
    mu, nu = float(natural[0]), 1.0 / float(natural[5]) if form.student else None
    tenth = z.size // 10
    tail = fit_pareto(z[:tenth] - z[tenth])

    def ahead(sample: Sample) -> Measures:
        none = np.zeros(1, dtype=np.int64)
        own = Windows(sample.log_percent[None], none, none, sample.windows)
        sigma = math.sqrt(float(garch.paths(form, own, natural[None])[0, -1]))
        if case.model == "fhs":
            worst = lost(mu - sigma * z[: math.ceil((1.0 - LEVEL) * z.size)])
            return float(worst[-1]), float(worst.mean())
        if case.model == "conditional-evt":
            law: Law = PeaksLaw(
                mu, sigma, z[tenth:][::-1], z.size, float(z[tenth]), tail.xi, tail.beta
            )
        else:
            law = LogLaw(mu, sigma, nu)
        return law.var(LEVEL), law.cvar(LEVEL)

    return ahead


def _settled(form: Form, returns: Array) -> tuple[Array, Array]:
    """Parameters of a long history, from near those it was drawn with, and -z, the worst first."""
    none = np.zeros(1, dtype=np.int64)
    own = Windows(returns[None], none, none, returns.size)
    mean, variance, _ = own.moments
    eta = 1.0 / 6.0 if form.student else 0.0
    start = np.array([draws.MU, draws.OMEGA, draws.ALPHA, draws.ALPHA, draws.BETA, eta])
    if form.kind == "egarch":
        start = np.array([draws.MU, *draws.LOGS, eta])
    x = form.variables(start, mean[0], variance[0])
    found = descend(garch.kernel(), form, own, x[None])
    natural = form.natural(found.x, mean, variance)[0]
    h = garch.paths(form, own, natural[None])[0, :-1]
    return natural, np.sort((natural[0] - returns) / np.sqrt(h))[::-1]


def _of_tomorrow(draw: draws.Moving, model: str, sigma: float) -> Measures:
    """The law of tomorrow; that of `ewma` is normal whatever the innovations are."""
    said = 6.0 if draw.innovations == "t" and model != "ewma" else None
    law = LogLaw(draws.MU, sigma, said)
    return law.var(LEVEL), law.cvar(LEVEL)


Truth = Callable[[Sample], Measures] | None


def truth_of(case: Case) -> Truth:
    """What intervals are about; None where it is the law of tomorrow itself."""
    garch.prepare()
    return None if case.model in FADING else whole(case)


def pieces(case: Case, truth: Truth, first: int, count: int) -> tuple[int, int]:
    """In how many simulations the intervals of VaR and of CVaR hold the truth."""
    model, held = named(case.model), np.zeros(2, dtype=np.int64)
    for number in range(first, first + count):
        rng = np.random.default_rng([SEED, number])
        if truth is None:
            assert isinstance(case.draw, Moving)
            moves, sigma = case.draw.with_scale(rng, DAYS)
            sample = sampled(moves, number)
            told = _of_tomorrow(case.draw, case.model, sigma)
        else:
            sample = sampled(case.draw(rng, DAYS), number)
            told = truth(sample)
        found = model.fit(sample).interval(LEVEL)
        held += [low <= value <= high for value, (low, high) in zip(told, found, strict=True)]
    return int(held[0]), int(held[1])


def coverage(case: Case, count: int, first: int = 0) -> tuple[float, float]:
    """Share of simulations in which the intervals of VaR and of CVaR hold the truth."""
    var, cvar = pieces(case, truth_of(case), first, count)
    return var / count, cvar / count


def main(words: Sequence[str]) -> None:
    first, count = (int(word) for word in words[:2])
    for case in CASES:
        if len(words) == 2 or {case.model, f"{case.model}:{case.kind}"} & set(words[2:]):
            truth, law = truth_of(case), case.draw.__name__.replace("_", " ").replace(",", " with")
            for begin in range(first, first + count, PIECE):  # so that one that is stopped is used
                size = min(PIECE, first + count - begin)
                held = pieces(case, truth, begin, size)
                told = SEED, case.model, case.kind, law, begin, size, *held
                print(*told, sep=",", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
