# SPDX-License-Identifier: Apache-2.0
"""Several experts as one: how each did, how they were weighed, and lines for a book."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from perilscope.beliefs.law import notes, reading
from perilscope.book.quantity import QuantityError, parse
from perilscope.cycle.people.implied import FACTORS, line
from perilscope.errors import AssessmentError
from perilscope.evidence.judgements import Item, Study
from perilscope.learning.experts import (
    Combination,
    Method,
    Performance,
    combine,
    performances,
    without_each_seed,
)
from perilscope.learning.pooling import Pieces

#: Fewer seed questions than this tell experts apart only roughly.
ENOUGH = 10
#: Means of the pool and of the law for a book that differ by more are told of.
_APART = 0.1
_WORDS = {
    "equal": "equal weights",
    "cooke-global": "Cooke's model, one weight each",
    "cooke-item": "Cooke's model, a weight for each question",
    "linear": "linear pool",
    "log": "logarithmic pool",
}


def combined(
    study: Study,
    method: Method | None = None,
    *,
    alpha: float | None = None,
    robust: bool = False,
    on: str = "",
) -> dict[str, Any]:
    """The experts of a study as one, and what the other ways of combining them score.

    Parameters
    ----------
    study : Study
    method : str, optional
        One of `perilscope.learning.experts.METHODS`; Cooke's model with one weight each where there
        are seed questions, else equal weights.
    alpha : float, optional
        Of Cooke's model; chosen unless given.
    robust : bool
        Whether to combine again without each seed question.
    on : str
        When; for the lines of a book.

    Returns
    -------
    dict
        ``experts`` and ``combinations`` with their performance; ``targets`` with the combined law
        (its quantiles at ``levels``, like the ``answers`` of the experts, in their order) and a
        line for a book; ``robustness``; ``notes``.

    Raises
    ------
    AssessmentError
        Where Cooke's model gives nobody a weight.
    """
    method = method or ("cooke-global" if study.seeds else "equal")
    found = combine(study, method, alpha)
    experts = zip(study.experts, performances(study), found.weights, strict=True)
    return {
        "method": method,
        "method_in_words": _WORDS[method],
        "alpha": found.alpha,
        "levels": list(study.levels),
        "seeds": len(study.seeds),
        "experts": [{"name": name, **_did(did), "weight": weight} for name, did, weight in experts],
        "combinations": _compared(study, found),
        "targets": [
            _target(study, item, law, found, on)
            for item, law in zip(study.items, found.laws, strict=True)
            if item.truth is None
        ],
        "robustness": [
            {"without": left, "alpha": other.alpha, **_did(other.performance)}
            for left, other in (without_each_seed(study, method) if robust else ())
        ],
        "notes": _notes(study, found),
    }


def _did(performance: Performance) -> dict[str, Any]:
    return {
        "calibration": performance.calibration,
        "information": performance.information,
        "information_all": performance.information_all,
        "score": None if performance.calibration is None else performance.score,
        "seeds": performance.answered,
    }


def _compared(study: Study, found: Combination) -> list[dict[str, Any]]:
    """Performance of the combination asked for, and with seeds of the usual others."""
    others: list[Method] = ["equal", "cooke-global", "cooke-item"] if study.seeds else []
    rows = []
    for method in dict.fromkeys([*others, found.method]):
        try:
            each = found if method == found.method else combine(study, method)
        except AssessmentError:  # Cooke's model where nobody gets a weight; another was asked for
            continue
        rows.append({"method": method, "alpha": each.alpha, **_did(each.performance)})
    return rows


def _target(
    study: Study, item: Item, law: Pieces | None, found: Combination, on: str
) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "item": item.name,
        "question": item.question,
        "kind": item.kind,
        "scale": item.scale,
        "answers": [None if answer is None else list(answer) for answer in item.answers],
        "quantiles": None,
        "mean": None,
        "book_mean": None,
        "text": "",
        "line": "",
        "notes": [],
    }
    if law is None:
        return shown
    values = [law.quantile(level) for level in study.levels]
    heard = [
        name
        for name, weight, answer in zip(study.experts, found.weights, item.answers, strict=True)
        if weight > 0 and answer
    ]
    text = _text(study.levels, values, item.kind)
    by = f"{', '.join(heard)} ({_WORDS[found.method]})"
    shown |= {"quantiles": values, "mean": law.mean}
    try:
        quantity = parse(text, item.kind)
        mean = reading(quantity).mean
    except (AssessmentError, QuantityError) as error:
        return {**shown, "notes": [f"{item.name}: a book has no law with these quantiles: {error}"]}
    said = list(notes(quantity))
    if abs(mean / law.mean - 1) > _APART:
        times = f"{mean / law.mean:.2g} times" if math.isfinite(mean) else "infinitely many times"
        said.append(
            f"{item.name}: beyond its quantiles that law is not the experts', so its mean is "
            f"{times} theirs{'; `at_most` bounds it' * (item.kind == 'money')}."
        )
    written = line(FACTORS.get(item.kind, "value"), text, by, on)
    return {
        **shown,
        "text": text,
        "line": written,
        "book_mean": mean if math.isfinite(mean) else None,
        "notes": said,
    }


def _text(levels: Sequence[float], values: Sequence[float], kind: str) -> str:
    """The combined law as a book writes it: the law that fits its quantiles best."""
    named = ", ".join(
        f"p{_percent(level)}={_spelt(value, kind)}"
        for level, value in zip(levels, values, strict=True)
    )
    text = f"quantiles({named})"
    if kind == "money" or kind == "number":
        return text
    return f"belief({text})" + (" per year" if kind == "rate" else "")


def _percent(level: float) -> str:
    return f"{100 * level:.10g}"


def _spelt(value: float, kind: str) -> str:
    """Four leading digits, with k, M or bn for money and in percent for a probability."""
    if kind == "probability":
        return f"{float(f'{100 * value:.4g}'):.12g} %"
    rounded = float(f"{value:.4g}")
    for word, size in (("bn", 1e9), ("M", 1e6), ("k", 1e3)) if kind == "money" else ():
        if abs(rounded) >= size:
            return f"{rounded / size:.12g}{word}"
    return f"{rounded:.12g}"


def _notes(study: Study, found: Combination) -> list[str]:
    said = []
    cooke = found.method in ("cooke-global", "cooke-item")
    if cooke and len(study.seeds) < ENOUGH:
        said.append(
            f"With so few seed questions ({len(study.seeds)}) experts are told apart only roughly; "
            f"{ENOUGH} or more are usual."
        )
    if cooke and found.performance.calibration is not None:
        silent = [n for n, w in zip(study.experts, found.weights, strict=True) if w == 0]
        if silent:
            said.append(f"No weight: {', '.join(silent)}.")
        if found.performance.calibration < 0.05:
            said.append(
                "The combination itself is poorly calibrated (below 5 %): ask more experts, or "
                "widen what they say."
            )
    empty = [i.name for i, law in zip(study.items, found.laws, strict=True) if law is None]
    if empty:
        said.append(f"Nobody with a weight answered: {', '.join(empty)}.")
    return said
