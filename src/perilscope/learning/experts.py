# SPDX-License-Identifier: Apache-2.0
"""Several experts as one: equal weights, Cooke's classical model, linear and logarithmic pools.

Cooke's model weighs experts by how well they did on *seed* questions, whose answers are known:
calibration (were the truths spread over the quantiles as they should be?) times information (how
much do the quantiles say beyond a flat law?). Weights follow from performance, so an expert cannot
gain by saying other than what they believe.

Cooke (1991), *Experts in Uncertainty*, Oxford University Press, chapter 12.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from scipy.special import gammaincc

from perilscope.errors import AssessmentError, MisuseError
from perilscope.evidence.judgements import Answer, Study
from perilscope.learning.pooling import Pieces, Sheet, shares

Method = Literal["equal", "cooke-global", "cooke-item", "linear", "log"]
METHODS: tuple[Method, ...] = get_args(Method)


@dataclass(frozen=True)
class Performance:
    """How an expert, or a combination of experts, did.

    Parameters
    ----------
    calibration : float or None
        Chance that somebody whose quantiles are right would do as badly on the seed questions;
        None where no seed question was answered.
    information : float or None
        Mean over the answered seed questions of the information relative to a flat law, in nats.
    information_all : float
        The same over all answered questions.
    answered : int
        Seed questions answered.
    """

    calibration: float | None
    information: float | None
    information_all: float
    answered: int

    @property
    def score(self) -> float:
        """Calibration times information; zero where there is none."""
        if self.calibration is None or self.information is None:
            return 0.0
        return self.calibration * self.information


@dataclass(frozen=True)
class Combination:
    """The experts of a study as one.

    Parameters
    ----------
    method : str
        One of `METHODS`.
    alpha : float or None
        The calibration below which an expert has no weight; None where weights are not from seeds.
    weights : tuple of float
        For each expert, summing to one; with item weights the mean over the questions.
    laws : tuple of (Pieces or None)
        For each item; None where nobody with a weight has answered it.
    performance : Performance
        Of the combination itself, as of one more expert who gives its quantiles.
    """

    method: Method
    alpha: float | None
    weights: tuple[float, ...]
    laws: tuple[Pieces | None, ...]
    performance: Performance


def calibration(
    counts: Sequence[int], probabilities: Sequence[float], effective: float | None = None
) -> float:
    """Cooke's calibration score: 1 - F(2 N I(s, p)), F the chi-square law.

    Parameters
    ----------
    counts : sequence of int, length R
        How many truths lay in each stretch between the quantiles.
    probabilities : sequence of float, length R
        How many should, as shares.
    effective : float, optional
        The N of the formula; the number of truths unless given. A smaller one makes the test
        milder, which puts experts who answered more questions on a par with the others.

    Notes
    -----
    I(s, p) is the sum of s ln(s/p) over the shares s seen; F has R - 1 degrees of freedom.

    Examples
    --------
    >>> calibration((1, 9, 9, 1), (0.05, 0.45, 0.45, 0.05))
    1.0
    >>> round(calibration((4, 6, 6, 4), (0.05, 0.45, 0.45, 0.05)), 12)
    0.005991644654
    """
    total = sum(counts)
    if total == 0 or len(counts) != len(probabilities) or len(counts) < 2:
        raise MisuseError(
            "calibration needs one count for each of two or more stretches, not all 0"
        )
    seen = [count / total for count in counts]
    away = math.fsum(s * math.log(s / p) for s, p in zip(seen, probabilities, strict=True) if s > 0)
    n = total if effective is None else effective
    return float(gammaincc((len(counts) - 1) / 2, max(n * away, 0.0)))


def performances(study: Study) -> tuple[Performance, ...]:
    """How each expert of a study did.

    Notes
    -----
    Where experts answered different numbers of seed questions, the smallest of those numbers
    stands in the calibration of all: nobody gains by leaving questions out.

    Examples
    --------
    >>> from perilscope.evidence.judgements import Item
    >>> seed = Item("a", ((1.0, 2.0, 4.0),), truth=2.5)
    >>> found, = performances(Study(("ciso",), (0.05, 0.5, 0.95), (seed,)))
    >>> found.answered, round(found.information, 3)
    (1, 0.071)
    """
    return tuple(_expert(study, _sheets(study), e) for e in range(len(study.experts)))


def combine(study: Study, method: Method, alpha: float | None = None) -> Combination:
    """The experts of a study as one.

    Parameters
    ----------
    study : Study
    method : "equal", "cooke-global", "cooke-item", "linear" or "log"
        ``linear`` and ``log`` take the study's own weights, equal where it has none.
    alpha : float, optional
        Calibration below which an expert of Cooke's model gets no weight. Unless given it is
        chosen: of all that make a difference the one whose combination scores best, the smallest
        where several do.

    Raises
    ------
    AssessmentError
        Cooke's model without a seed question, or where nobody gets a weight.

    Examples
    --------
    >>> from perilscope.evidence.judgements import Item
    >>> seed = Item("a", ((1.0, 2.0, 4.0), (3.0, 4.0, 5.0)), truth=2.5)
    >>> study = Study(("ciso", "quant"), (0.05, 0.5, 0.95), (seed,))
    >>> combine(study, "equal").weights
    (0.5, 0.5)
    """
    if method not in METHODS:
        raise MisuseError(f"{method!r} is no method; there are {', '.join(METHODS)}")
    sheets = _sheets(study)
    if method in ("cooke-global", "cooke-item"):
        return _cooke(study, sheets, method, alpha)
    if alpha is not None:
        raise MisuseError(f"alpha belongs to Cooke's model; {method} has none")
    given = study.weights if study.weights and method != "equal" else (1.0,) * len(study.experts)
    pool = Sheet.logarithmic if method == "log" else Sheet.linear
    laws = tuple(pool(sheet, given) for sheet in sheets)
    return _combination(study, sheets, method, None, _summing_to_one(given), laws)


def without_each_seed(study: Study, method: Method) -> Iterator[tuple[str, Combination]]:
    """The combination with one seed question left out, for each: how much hangs on one of them.

    Yields
    ------
    name, combination
        The question left out, and what the others lead to; its laws are of the other questions.
    """
    if len(study.seeds) < 2:
        return
    for left in study.seeds:
        items = tuple(item for item in study.items if item is not left)
        yield left.name, combine(replace(study, items=items), method)


# --- Cooke's model --------------------------------------------------------------------------------


def _cooke(
    study: Study, sheets: Sequence[Sheet], method: Method, alpha: float | None
) -> Combination:
    if not study.seeds:
        raise AssessmentError(
            "Cooke's model needs seed questions, whose `truth` is known; without them take "
            "equal, linear or log"
        )
    experts = [_expert(study, sheets, e) for e in range(len(study.experts))]
    informed = [_informed(sheet) for sheet in sheets]
    best: Combination | None = None
    for cut in [alpha] if alpha is not None else sorted({p.calibration or 0.0 for p in experts}):
        rows = _item_weights(experts, informed, method, cut)
        laws = tuple(sheet.linear(row) for sheet, row in zip(sheets, rows, strict=True))
        if not any(law for law in laws):
            continue
        found = _combination(study, sheets, method, cut, _mean_weights(rows), laws)
        if best is None or found.performance.score > best.performance.score:
            best = found
    if best is None:
        reaches = "is above zero" if alpha is None else f"reaches alpha = {alpha:.3g}"
        raise AssessmentError(
            f"nobody gets a weight in Cooke's model: no expert's calibration {reaches} together "
            "with some information; take equal"
        )
    return best


def _item_weights(
    experts: Sequence[Performance],
    informed: Sequence[Sequence[float]],
    method: Method,
    cut: float,
) -> list[list[float]]:
    """The experts' weights for each item: calibration, from ``cut`` on, times information."""
    kept = [p.calibration if p.calibration and p.calibration >= cut else 0.0 for p in experts]
    if method == "cooke-global":
        whole = [c * (p.information or 0.0) for c, p in zip(kept, experts, strict=True)]
        return [whole for _ in informed]
    return [[c * i for c, i in zip(kept, row, strict=True)] for row in informed]


def _mean_weights(rows: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """Weights that sum to one, averaged over the items that anybody has a weight for."""
    shared = [_summing_to_one(row) for row in rows if math.fsum(row) > 0]
    return tuple(math.fsum(column) / len(shared) for column in zip(*shared, strict=True))


def _summing_to_one(weights: Sequence[float]) -> tuple[float, ...]:
    total = math.fsum(weights)
    return tuple(weight / total for weight in weights)


# --- performance ----------------------------------------------------------------------------------


def _sheets(study: Study) -> list[Sheet]:
    return [Sheet(item, study.levels) for item in study.items]


def _informed(sheet: Sheet) -> list[float]:
    """Each expert's information on one item; zero where there is no answer."""
    return [sheet.information(answer) if answer else 0.0 for answer in sheet.item.answers]


def _expert(study: Study, sheets: Sequence[Sheet], e: int) -> Performance:
    return _performance(study, sheets, [item.answers[e] for item in study.items])


def _effective(study: Study) -> int:
    """The smallest number of seed questions that an expert answered, of those who answered any."""
    answered = [
        sum(item.answers[e] is not None for item in study.seeds) for e in range(len(study.experts))
    ]
    return min((n for n in answered if n), default=0)


def _performance(
    study: Study, sheets: Sequence[Sheet], answers: Sequence[Answer | None]
) -> Performance:
    """Performance from the quantiles given for each item."""
    said = [(sheet, answer) for sheet, answer in zip(sheets, answers, strict=True) if answer]
    informed = [sheet.information(answer) for sheet, answer in said]
    mean = math.fsum(informed) / len(informed) if informed else 0.0
    counts = [0] * (len(study.levels) + 1)
    on_seeds = []
    for (sheet, answer), info in zip(said, informed, strict=True):
        if sheet.item.truth is not None:
            counts[bisect.bisect_left(answer, sheet.item.truth)] += 1
            on_seeds.append(info)
    if not on_seeds:
        return Performance(None, None, mean, 0)
    score = calibration(counts, shares(study.levels), min(_effective(study), len(on_seeds)))
    return Performance(score, math.fsum(on_seeds) / len(on_seeds), mean, len(on_seeds))


def _combination(
    study: Study,
    sheets: Sequence[Sheet],
    method: Method,
    alpha: float | None,
    weights: tuple[float, ...],
    laws: tuple[Pieces | None, ...],
) -> Combination:
    answers = [tuple(map(law.quantile, study.levels)) if law else None for law in laws]
    return Combination(method, alpha, weights, laws, _performance(study, sheets, answers))
