# SPDX-License-Identifier: Apache-2.0
"""Cooke's model and pools against published scores, quadrature on a fine grid, and identities."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from perilscope.errors import AssessmentError, MisuseError
from perilscope.evidence.judgements import Item, Study
from perilscope.learning.experts import (
    METHODS,
    calibration,
    combine,
    performances,
    without_each_seed,
)
from perilscope.learning.pooling import Sheet

from ..reference import case

LEVELS = (0.05, 0.5, 0.95)
SHARES = np.array([0.05, 0.45, 0.45, 0.05])

# Three experts, seeds on both scales, one answer missing, two targets.
STUDY = Study(
    ("wide", "good", "sure"),
    LEVELS,
    (
        Item("s1", ((1, 30, 200), (20, 45, 90), (60, 70, 80)), truth=50, scale="log"),
        Item("s2", ((5, 40, 300), (30, 80, 150), (20, 30, 40)), truth=60, scale="log"),
        Item("s3", ((1, 9, 70), (6, 14, 30), (15, 16, 17)), truth=21, scale="log"),
        Item("s4", ((1990, 2005, 2020), (2008, 2012, 2016), (2001, 2002, 2003)), truth=2013),
        Item("s5", ((0, 50, 100), (10, 35, 60), (70, 75, 80)), truth=30),
        Item("s6", ((0, 50, 100), None, (20, 25, 30)), truth=28),
        Item("t1", ((1e4, 2e5, 9e6), (1e5, 8e5, 4e6), (2e5, 3e5, 4e5)), scale="log"),
        Item("t2", ((1, 5, 30), (4, 8, 15), (9, 10, 11)), kind="number"),
    ),
)


@pytest.mark.parametrize("name", ["COOKE-perfect", "COOKE-over", "COOKE-biased", "COOKE-N10"])
def test_published_calibration_scores(name: str) -> None:
    known = case(name)
    found = calibration(known["inputs"]["counts"], known["inputs"]["p"])
    assert found == pytest.approx(known["expected"]["score"], abs=1e-10, rel=1e-10)


@given(counts=st.lists(st.integers(0, 12), min_size=4, max_size=4).filter(any))
def test_calibration_is_the_tail_of_a_chi_square_law(counts: list[int]) -> None:
    seen = np.array(counts) / sum(counts)
    away = sum(s * np.log(s / p) for s, p in zip(seen, SHARES, strict=True) if s)
    expected = stats.chi2.sf(2 * sum(counts) * away, 3)
    assert calibration(counts, SHARES.tolist()) == pytest.approx(expected, rel=1e-9, abs=1e-300)


# --- the whole model again, by brute force on a grid ----------------------------------------------


def _axis(item: Item, size: int = 100_001) -> tuple[Any, float, float]:
    values = [v for answer in item.answers if answer for v in answer]
    values += [] if item.truth is None else [item.truth]
    ends = np.array([min(values), max(values)], dtype=float)
    ends = np.log(ends) if item.scale == "log" else ends
    reach = 0.1 * (ends[1] - ends[0])
    low, high = ends[0] - reach, ends[1] + reach
    return np.linspace(low, high, size), low, high


def _on(item: Item, values: Any) -> Any:
    return np.log(np.asarray(values, float)) if item.scale == "log" else np.asarray(values, float)


def _cdf(item: Item, answer: Any) -> Any:
    grid, low, high = _axis(item)
    return np.interp(grid, [low, *_on(item, answer), high], [0, 0.05, 0.5, 0.95, 1])


def _information(item: Item, answer: Any) -> float:
    """The relative entropy to the flat law, as an integral on the grid."""
    masses = np.diff(_cdf(item, answer))
    flat = 1 / len(masses)
    return float(np.sum(masses * np.log(masses / flat)))


def _scores(answers: list[Any]) -> tuple[float, float]:
    """Calibration and information on the seeds, for answers given item by item."""
    seeds = [(i, a) for i, a in zip(STUDY.items, answers, strict=True)
             if a is not None and i.truth is not None]  # fmt: skip
    counts = np.zeros(4)
    for item, answer in seeds:
        counts[sum(item.truth > q for q in answer)] += 1
    seen = counts / counts.sum()
    away = sum(s * np.log(s / p) for s, p in zip(seen, SHARES, strict=True) if s > 0)
    few = 5  # one expert left a seed out, so all are scored as on five
    return stats.chi2.sf(2 * few * away, 3), float(np.mean([_information(i, a) for i, a in seeds]))


def _brute(weights_of: Any) -> list[Any]:
    """Quantiles of the mixture for each item, read off the summed distribution function."""
    found = []
    for item in STUDY.items:
        weights = weights_of(item)
        total = sum(weights)
        if total == 0:  # nobody who is heard has answered
            found.append(None)
            continue
        grid, _, _ = _axis(item)
        mixed = sum(w / total * _cdf(item, a)
                    for w, a in zip(weights, item.answers, strict=True) if w and a)  # fmt: skip
        read = np.interp(LEVELS, mixed, grid)
        found.append(np.exp(read) if item.scale == "log" else read)
    return found


def _brute_cooke(by_item: bool) -> tuple[float, float, list[Any]]:
    """Alpha, score and quantiles of the best cut-off, over all cut-offs."""
    did = [_scores([item.answers[e] for item in STUDY.items]) for e in range(3)]
    best = (-1.0, 0.0, [])
    for cut in sorted(c for c, _ in did):

        def weights_of(item: Item, cut: float = cut) -> list[float]:
            return [
                0.0 if c < cut or answer is None
                else c * (_information(item, answer) if by_item else i)
                for (c, i), answer in zip(did, item.answers, strict=True)
            ]  # fmt: skip

        quantiles = _brute(weights_of)
        c, i = _scores(quantiles)
        if c * i > best[0] * (1 + 1e-9):
            best = (c * i, cut, quantiles)
    return best[1], best[0], best[2]


def test_experts_score_as_on_a_grid() -> None:
    for e, found in enumerate(performances(STUDY)):
        expected = _scores([item.answers[e] for item in STUDY.items])
        assert found.calibration == pytest.approx(expected[0], rel=1e-9)
        assert found.information == pytest.approx(expected[1], abs=3e-4)
    assert [p.answered for p in performances(STUDY)] == [6, 5, 6]


@pytest.mark.parametrize("method", ["cooke-global", "cooke-item"])
def test_cookes_model_as_on_a_grid(method: Any) -> None:
    alpha, score, quantiles = _brute_cooke(by_item=method == "cooke-item")
    found = combine(STUDY, method)
    assert found.alpha == pytest.approx(alpha, rel=1e-9)
    assert found.performance.score == pytest.approx(score, rel=2e-3)
    for item, law, expected in zip(STUDY.items, found.laws, quantiles, strict=True):
        got = law and [law.quantile(p) for p in LEVELS]
        wanted = None if expected is None else pytest.approx(expected.tolist(), rel=2e-3)
        assert got == wanted, item.name


def test_linear_pool_as_on_a_grid() -> None:
    found = combine(STUDY, "equal")
    quantiles = _brute(lambda item: [0.0 if a is None else 1.0 for a in item.answers])
    for item, law, expected in zip(STUDY.items, found.laws, quantiles, strict=True):
        assert law is not None
        got = [law.quantile(p) for p in LEVELS]
        assert got == pytest.approx(expected.tolist(), rel=1e-4), item.name
        grid, _, _ = _axis(item)
        weights = [0.0 if a is None else 1.0 for a in item.answers]
        mixed = sum(w * _cdf(item, a) for w, a in zip(weights, item.answers, strict=True) if a)
        middle = (grid[1:] + grid[:-1]) / 2
        values = np.exp(middle) if item.scale == "log" else middle
        mean = float(np.sum(np.diff(mixed) / sum(weights) * values))
        assert law.mean == pytest.approx(mean, rel=1e-5), item.name


def test_logarithmic_pool_as_on_a_grid() -> None:
    weights = (0.2, 0.5, 0.3)
    study = replace(STUDY, weights=weights)
    found = combine(study, "log")
    for item, law in zip(STUDY.items, found.laws, strict=True):
        grid, _, _ = _axis(item)
        here = [w for w, a in zip(weights, item.answers, strict=True) if a]
        logs = sum(
            w / sum(here) * np.log(np.diff(_cdf(item, a)))
            for w, a in zip(weights, item.answers, strict=True) if a
        )  # fmt: skip
        masses = np.exp(logs) / np.exp(logs).sum()
        read = np.interp(LEVELS, np.r_[0, np.cumsum(masses)], grid)
        expected = np.exp(read) if item.scale == "log" else read
        assert law is not None
        got = [law.quantile(p) for p in LEVELS]
        assert got == pytest.approx(expected.tolist(), rel=1e-3), item.name


def test_two_flat_laws_pool_by_hand() -> None:
    # [0, 10] and [5, 15] as medians with ends: range 0 to 15 widened by 1.5 on each side
    item = Item("a", ((0.0, 5.0, 10.0), (5.0, 10.0, 15.0)), kind="number")
    mixed = Sheet(item, LEVELS).linear((1.0, 1.0))
    assert mixed is not None
    # below 5: half of (0.05 + 0.45) from the first, half of 0.05 from the second
    assert mixed.cdf(5.0) == pytest.approx(0.5 * 0.5 + 0.5 * 0.05, rel=1e-14)
    assert mixed.quantile(0.5) == pytest.approx(7.5, rel=1e-12)  # by symmetry
    assert mixed.mean == pytest.approx(7.5, rel=1e-12)


# --- identities -----------------------------------------------------------------------------------

ANSWER = st.tuples(*[st.floats(1e-3, 1e6)] * 3).map(sorted).filter(
    lambda a: a[0] * 1.001 < a[1] and a[1] * 1.001 < a[2]
).map(tuple)  # fmt: skip


@st.composite
def studies(draw: Any, experts: int = 3) -> Study:
    items = []
    for n in range(draw(st.integers(2, 6))):
        answers = tuple(draw(ANSWER) for _ in range(experts))
        truth = draw(st.floats(1e-3, 1e6)) if n else None
        scale = draw(st.sampled_from(["uniform", "log"]))
        items.append(Item(f"i{n}", answers, truth, scale))
    return Study(tuple("abcdefgh"[:experts]), LEVELS, tuple(items))


@given(study=studies(experts=1), method=st.sampled_from(METHODS))
def test_one_expert_alone_is_that_expert(study: Study, method: Any) -> None:
    found = combine(study, method)
    for item, law in zip(study.items, found.laws, strict=True):
        assert law is not None
        answer = item.answers[0]
        assert answer is not None
        assert [law.quantile(p) for p in LEVELS] == pytest.approx(list(answer), rel=1e-12)
    assert found.performance == performances(study)[0]


@given(study=studies(experts=1), copies=st.integers(2, 5), method=st.sampled_from(METHODS))
def test_identical_experts_are_each_of_them(study: Study, copies: int, method: Any) -> None:
    items = tuple(replace(item, answers=item.answers * copies) for item in study.items)
    found = combine(Study(tuple("abcdefgh"[:copies]), LEVELS, items), method)
    for item, law in zip(items, found.laws, strict=True):
        assert law is not None
        assert [law.quantile(p) for p in LEVELS] == pytest.approx(list(item.answers[0]), rel=1e-9)
    assert found.weights == pytest.approx([1 / copies] * copies)


@given(study=studies(), method=st.sampled_from(METHODS), order=st.permutations(range(3)))
def test_the_order_of_experts_does_not_matter(study: Study, method: Any, order: list[int]) -> None:
    turned = Study(
        tuple(study.experts[n] for n in order),
        LEVELS,
        tuple(replace(i, answers=tuple(i.answers[n] for n in order)) for i in study.items),
    )
    one, other = combine(study, method), combine(turned, method)
    assert [one.weights[n] for n in order] == pytest.approx(list(other.weights), rel=1e-9)
    assert one.performance.score == pytest.approx(other.performance.score, rel=1e-6, abs=1e-12)


@given(study=studies(), method=st.sampled_from(["cooke-global", "cooke-item"]))
def test_a_chosen_alpha_never_scores_below_none(study: Study, method: Any) -> None:
    chosen, none = combine(study, method), combine(study, method, alpha=0.0)
    assert chosen.performance.score >= none.performance.score


@given(study=studies(), weights=st.tuples(*[st.floats(0, 5)] * 3).filter(lambda w: sum(w) > 0.1))
def test_a_mixture_has_its_quantiles_between_those_of_its_parts(
    study: Study, weights: tuple[float, ...]
) -> None:
    found = combine(replace(study, weights=weights), "linear")
    for item, law in zip(study.items, found.laws, strict=True):
        assert law is not None
        heard = [a for a, w in zip(item.answers, weights, strict=True) if w > 0 and a]
        for n, level in enumerate(LEVELS):
            values = [answer[n] for answer in heard]
            assert min(values) * (1 - 1e-9) <= law.quantile(level) <= max(values) * (1 + 1e-9)
            assert law.cdf(law.quantile(level)) == pytest.approx(level, abs=1e-9)
        assert sum(law.masses) == pytest.approx(1.0, abs=1e-12)


def test_linear_without_weights_is_equal() -> None:
    assert combine(STUDY, "linear").laws == combine(STUDY, "equal").laws


def test_nobody_gains_by_leaving_seeds_out() -> None:
    """The smallest number of answered seeds stands in the scores of all."""
    full, _, other = performances(STUDY)
    counts = [0] * 4
    for item in STUDY.seeds:
        answer = item.answers[0]
        assert answer is not None
        assert item.truth is not None
        counts[sum(item.truth > q for q in answer)] += 1
    assert full.calibration == pytest.approx(calibration(counts, SHARES.tolist(), 5), rel=1e-12)
    assert full.calibration > calibration(counts, SHARES.tolist())
    assert other.answered == 6


def test_leaving_a_seed_out_is_the_study_without_it() -> None:
    left = dict(without_each_seed(STUDY, "cooke-global"))
    assert list(left) == ["s1", "s2", "s3", "s4", "s5", "s6"]
    items = tuple(item for item in STUDY.items if item.name != "s3")
    assert left["s3"] == combine(replace(STUDY, items=items), "cooke-global")


def test_an_expert_without_a_seed_answer_gets_no_weight_from_cooke() -> None:
    items = (
        Item("s", ((1.0, 2.0, 3.0), None), truth=2.5),
        Item("t", ((1.0, 2.0, 3.0), (4.0, 5.0, 6.0))),
    )
    found = combine(Study(("a", "b"), LEVELS, items), "cooke-global")
    assert found.weights == (1.0, 0.0)
    only_b = (items[0], Item("t", (None, (4.0, 5.0, 6.0))))
    assert combine(Study(("a", "b"), LEVELS, only_b), "cooke-global").laws[1] is None


def test_what_cannot_be_combined_is_refused() -> None:
    target = Study(("a",), LEVELS, (Item("t", ((1.0, 2.0, 3.0),)),))
    with pytest.raises(AssessmentError, match="needs seed questions"):
        combine(target, "cooke-global")
    with pytest.raises(AssessmentError, match=r"reaches alpha = 2"):
        combine(STUDY, "cooke-item", alpha=2.0)
    with pytest.raises(MisuseError, match="no method"):
        combine(STUDY, "median")  # type: ignore[arg-type]
    with pytest.raises(MisuseError, match="alpha belongs"):
        combine(STUDY, "equal", alpha=0.1)


@pytest.mark.parametrize(
    ("item", "says"),
    [
        (lambda: Item("a", ((1.0, 1.0, 2.0),)), "rise"),
        (lambda: Item("a", ((1.0, float("inf"), 2.0),)), "finite"),
        (lambda: Item("a", ((0.0, 1.0, 2.0),), scale="log"), "above zero"),
        (lambda: Item("a", ((1.0, 2.0, 3.0),), truth=0.0, scale="log"), "above zero"),
        (lambda: Item("a", ((-1.0, 1.0, 2.0),)), "not negative"),
        (lambda: Item("a", ((0.1, 0.5, 1.2),), kind="probability"), "at most 1"),
    ],
)
def test_answers_that_cannot_be_are_refused(item: Any, says: str) -> None:
    with pytest.raises(MisuseError, match=says):
        item()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"levels": (0.5, 0.5)}, "levels that rise"),
        ({"levels": (0.0, 0.5)}, "levels that rise"),
        ({"experts": ("a", "a", "b")}, "same name"),
        ({"experts": ("a", "b")}, "one quantile for each level"),
        ({"weights": (1.0, 0.0)}, "one weight"),
        ({"weights": (0.0, 0.0, 0.0)}, "one weight"),
        ({"items": ()}, "questions"),
    ],
)
def test_studies_that_cannot_be_are_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(MisuseError, match=says):
        replace(STUDY, **changes)


def test_a_truth_on_a_quantile_belongs_to_the_stretch_below() -> None:
    """As in the published software: the 5 % quantile counts as not exceeded."""
    items = tuple(Item(f"s{n}", ((1.0, 2.0, 3.0),), truth=truth)
                  for n, truth in enumerate((1.0, 2.0, 2.0, 3.0, 4.0)))  # fmt: skip
    (found,) = performances(Study(("a",), LEVELS, items))
    assert found.calibration == pytest.approx(calibration((1, 2, 1, 1), SHARES.tolist()), rel=1e-12)
