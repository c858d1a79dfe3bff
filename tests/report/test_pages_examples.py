# SPDX-License-Identifier: Apache-2.0
"""Pages of what moved and of capital: figures of the document, and nothing of a book as markup."""

from __future__ import annotations

from pathlib import Path

import pytest

import perilscope
from perilscope import MisuseError
from perilscope.cycle.amounts import money

NAME = "<script>alert(1)</script>"


def _book(rate: str):
    return perilscope.declare(
        {
            "institution": {"name": NAME},
            "as_of": "2026-01-31",
            "currency": "USD",
            "venues": {"exchange": {"kind": "exchange", "holds": "3M"}},
            "assets": {"desk": {"kind": "other"}},
            "scenarios": {
                "theft": {"asset": "desk", "frequency": rate, "magnitude": "1M"},
                "default": {
                    "asset": "exchange",
                    "frequency": "1 in 50 years",
                    "counts": "at most one a year",
                    "magnitude": "2M",
                },
            },
        }
    )


@pytest.fixture(scope="module")
def moved():
    runs = [
        perilscope.quantify(_book(rate), engine="exact")
        for rate in ("1 in 4 years", "1 in 2 years")
    ]
    return perilscope.diff(*runs)


def test_what_moved_between_runs_of_this_session(moved, tmp_path: Path) -> None:
    assert moved.moved("ale") == pytest.approx(250_000.0, rel=1e-9)
    assert sum(bar["value"] for bar in moved.bars("cvar_0.99")) == pytest.approx(
        moved.moved("cvar_0.99"), rel=1e-9
    )
    assert "theft" in str(moved)
    assert moved.plot("ale").svg().startswith("<svg")
    page = moved.save(tmp_path / "moved.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert money(290_000.0, "USD") in page  # 1M in 4 years and 2M in 50
    assert money(540_000.0, "USD") in page
    assert page.count("<svg") == 3
    with pytest.raises(MisuseError, match="no measure is called"):
        moved.moved("median")


def test_saved_runs_are_compared_by_their_folders(tmp_path: Path) -> None:
    one = perilscope.quantify("theft: 1 in 4 years, 1M", engine="exact").save(tmp_path / "a")
    two = perilscope.quantify("theft: 1 in 2 years, 1M", engine="exact").save(tmp_path / "b")
    assert perilscope.diff(one, str(two)).moved("ale") == pytest.approx(250_000.0, rel=1e-9)


def test_capital_from_python_and_as_a_page(tmp_path: Path) -> None:
    found = perilscope.capital(_book("1 in 4 years"), level=0.975, survival=0.99, slices=4)
    assert found.lasting is not None
    # 1 year in 40 has two thefts, or what the exchange costs, and hardly more
    assert found.document["enterprise"]["var"] == pytest.approx(2e6, rel=1e-9)
    assert "Capital that lasts" in str(found)
    page = found.save(tmp_path / "capital.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert page.count("<svg") >= 2
    for figure in (found.document["enterprise"]["cvar"], found.lasting):
        assert money(figure, "USD") in page
    with pytest.raises(MisuseError, match="--slices"):
        perilscope.capital(_book("1 in 4 years"), slices=0)
    with pytest.raises(MisuseError, match="capital:"):
        perilscope.capital(_book("1 in 4 years"), colour="red")
