# SPDX-License-Identifier: Apache-2.0
"""What `elicit` draws fits its width, whatever is drawn."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from rich.cells import cell_len

from perilscope.cycle.people.implied import interval, quantiles
from perilscope.cycle.people.panel import combined
from perilscope.cycle.people.training import bank, scored
from perilscope.evidence.judgements import Item, Study
from perilscope.evidence.questions import Given
from perilscope.report import elicit

ESTIMATES = [
    lambda: interval("200k", "2.5M", what="loss per event " * 12),
    lambda: interval("100", "90M"),
    lambda: interval("100k", "101k"),
    lambda: interval("1 in 20 years", "1 in 2 years"),
    lambda: interval("0.001 %", "99.9 %"),
    lambda: interval("3", "40", kind="number"),
    lambda: quantiles({0.05: "50k", 0.5: "200k", 0.95: "2M"}),
]


def page(lines: Any) -> list[str]:
    """The lines before those for a book, which are never broken."""
    return str(lines.plain).partition(" For a book")[0].splitlines()


@pytest.mark.parametrize("width", [80, 110])
@pytest.mark.parametrize("made", ESTIMATES, ids=range(len(ESTIMATES)))
def test_an_estimate_fits(made: Any, width: int) -> None:
    lines = page(elicit.estimate(made(), width))
    assert max(map(cell_len, lines)) <= width


@pytest.mark.parametrize("made", ESTIMATES, ids=range(len(ESTIMATES)))
def test_the_picture_has_its_mode_and_its_marks(made: Any) -> None:
    document = made()
    lines = page(elicit.estimate(document, 110))
    at = next(n for n, line in enumerate(lines) if "┴" in line)
    tallest = next(n for n, line in enumerate(lines[:at]) if "█" in line)
    columns = [n - 3 for n, sign in enumerate(lines[tallest]) if sign == "█"]
    masses = document["picture"]["masses"]
    assert masses.index(max(masses)) in columns
    labels = " ".join(lines[at + 1 : at + 5])
    for name in ("5 %", "median", "95 %"):
        assert name in labels


def test_labels_never_touch() -> None:
    for high in ("101k", "150k", "200k", "400k", "1M", "5M", "80M"):
        lines = page(elicit.estimate(interval("100k", high), 80))
        at = next(n for n, line in enumerate(lines) if "┴" in line)
        text = "\n".join(itertools.takewhile(str.strip, lines[at + 1 :]))
        for label in ("5 % $100k", "median $", "95 % $"):
            assert label in text
        assert "k5" not in text
        assert "kmean" not in text


def test_a_round_fits_and_says_both_scores() -> None:
    answers = []
    for n, question in enumerate(bank()):
        if question.is_statement:
            given = Given(says=n % 2 == 0, confidence=0.5 + 0.1 * (n % 6))
        else:
            given = Given(
                float(question.truth) * 0.9, float(question.truth) * (0.95 + 0.1 * (n % 2))
            )
        answers.append((question, given))
    document = scored(answers)
    for width in (80, 110):
        lines = str(elicit.training(document, width).plain).splitlines()
        assert max(map(cell_len, lines)) <= width
    text = " ".join(" ".join(lines).split())
    assert "Interval score for dates" in text
    assert "Brier score" in text
    assert "too narrow" in text


@pytest.mark.parametrize("width", [80, 110])
def test_experts_fit(width: int) -> None:
    names = ("ciso", "head of defi and everything near it", "an outside adviser")
    item = Item("a question with a long name indeed", ((1e5, 1e6, 9e6),) * 3, scale="log")
    seeds = [Item(f"s{n}", ((1, 5, 9), (2, 3, 4), (4, 6, 8)), truth=n + 1) for n in range(8)]
    study = Study(names, (0.05, 0.5, 0.95), (item, *seeds))
    for method in ("equal", "cooke-item"):
        document = combined(study, method, robust=True, on="2026-11-20")
        lines = page(elicit.experts(document, width))
        assert max(map(cell_len, lines)) <= width


def test_what_people_typed_cannot_drive_the_terminal() -> None:
    document = interval("1k", "2k", what="a\x1b[31mred\u202e")
    text = str(elicit.estimate(document, 80).plain)
    assert "\x1b" not in text
    assert "\u202e" not in text
