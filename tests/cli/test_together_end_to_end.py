# SPDX-License-Identifier: Apache-2.0
"""condition, contributions, sensitivity: what they print, write, and refuse."""

from __future__ import annotations

import io
import json
import math
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from perilscope.cli import run
from perilscope.cycle.questions.happening import happening, likely
from perilscope.cycle.questions.reading import chance, places, read
from perilscope.cycle.settings import Settings
from perilscope.cycle.workspace import open_workspace
from perilscope.report import conditions
from perilscope.report import together as drawn

BOOK = """
institution: {name: Small, kind: hedge fund}
currency: USD
as_of: 2026-11-20
positions: positions.csv
prices: prices.csv
market: {stale_after_days: 30}
tokens: {ETH: {kind: coin}, USDC: {kind: stablecoin}}
venues: {kestrel: {kind: exchange, holds: 1M}}
assets: {wallet: {kind: wallet, holds: {ETH: 500}}, desk: {kind: other, worth: 5M}}
networks:
  peg:
    period: 1 year
    nodes:
      stress: {states: [calm, stressed], table: [0.7, 0.3]}
      depeg: {parents: [stress], table: {calm: [0.95, 0.05], stressed: [0.7, 0.3]}}
      never: {table: [1, 0]}
    shocks: {depeg: {yes: {USDC: -20 %}}}
scenarios:
  sold-low: {asset: desk, frequency: from peg.depeg, magnitude: "exponential(300k)"}
  theft:
    {asset: wallet, frequency: 1 in 5 years, magnitude: {value: 50 to 400 ETH, at_most: wallet}}
limits: [{measure: expected loss per year, at_most: 300k, owner: board}]
"""


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("book")
    rng = np.random.default_rng(11)
    steps = np.cumsum(rng.standard_t(5, (700, 2)) * [0.03, 0.0005], axis=0)
    closes = np.exp(steps - steps[-1]) * [2000.0, 1.0]
    last = date(2026, 11, 20)
    rows = [
        f"{last - timedelta(days=699 - k)},{eth:.6f},{usdc:.6f}"
        for k, (eth, usdc) in enumerate(closes.tolist())
    ]
    (folder / "prices.csv").write_text("\n".join(["date,ETH,USDC", *rows]) + "\n")
    (folder / "positions.csv").write_text("asset,quantity,venue\nETH,1500,kestrel\nUSDC,2000000,\n")
    (folder / "book.yaml").write_text(BOOK)
    return str(folder)


def test_condition_reads_the_institution_beside_what_it_is(book: str, capsys: Any) -> None:
    assert run(["condition", book, "--on", "depeg=yes", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["on"] == {"peg.depeg": "yes"}
    assert found["probability"] == pytest.approx(0.7 * 0.05 + 0.3 * 0.3)
    whole = found["enterprise"]
    assert whole["after"]["cvar"]["0.99"] > whole["before"]["cvar"]["0.99"]
    # a certain event is one more: of a Poisson law given at least one
    mean = -math.log(1 - 0.125) / 0.125 * 300_000
    row = next(row for row in found["scenarios"] if row["id"] == "sold-low")
    assert row["ale"]["after"] == pytest.approx(mean, rel=1e-9)
    assert row["ale"]["before"] == pytest.approx(0.125 * mean, rel=1e-9)
    assert row["happens"]["after"] == 1.0
    usdc = next(row for row in found["holdings"] if row["id"] == "USDC")
    assert usdc["mean"]["after"] == pytest.approx(0.2 * usdc["value"], rel=1e-9)
    stress = next(r for r in found["nodes"] if (r["node"], r["state"]) == ("stress", "stressed"))
    assert stress["probability"]["after"] == pytest.approx(0.09 / 0.125)
    assert found["limits"][0]["breached"]["after"] is True


def test_a_scenario_that_happens_and_one_that_does_not_make_the_whole(
    book: str, tmp_path: Path, capsys: Any
) -> None:
    """P(S > x) = p P(S > x | theft) + (1 - p) P(S > x | none), thefts priced in tokens."""
    for name in ("prices.csv", "positions.csv"):
        (tmp_path / name).write_bytes((Path(book) / name).read_bytes())
    without = BOOK[: BOOK.index("  theft:")] + BOOK[BOOK.index("limits:") :]
    (tmp_path / "book.yaml").write_text(without)
    settings = Settings()
    whole = read(open_workspace(Path(book), settings), settings)
    none = read(open_workspace(tmp_path, settings), settings)
    given = happening(whole, ["theft"])
    p = -math.expm1(-0.2)
    assert likely(whole, ["theft"]) == pytest.approx(p, rel=1e-12)
    # each law stands on a grid of its own, as far as its losses reach at the dearest prices
    assert given.law.mean * p + none.law.mean * (1 - p) == pytest.approx(whole.law.mean, rel=1e-6)
    for level in (0.9, 0.99, 0.999):
        x = whole.law.var(level)
        mixed = p * given.law.exceed(x) + (1 - p) * none.law.exceed(x)
        assert mixed == pytest.approx(1.0 - level, rel=1e-4)
    assert run(["condition", book, "--on", "theft=happens", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["on"], found["probability"]) == ({"theft": "happens"}, pytest.approx(p))
    row = next(row for row in found["scenarios"] if row["id"] == "theft")
    assert row["happens"] == {"before": pytest.approx(p), "after": 1.0}


@pytest.mark.parametrize(
    ("yes", "no"), [("depeg=yes", "depeg=no"), ("stress=stressed", "stress=calm")]
)
def test_events_within_a_month_of_a_yearly_network_make_the_whole(
    book: str, yes: str, no: str
) -> None:
    """E (S - x)+ = p E[(S - x)+ | event] + (1 - p) E[(S - x)+ | none], also of a node above."""
    settings = Settings(horizon="30 days")
    workspace = open_workspace(Path(book), settings)
    whole = read(workspace, settings)
    p = chance(whole, places(whole, [yes]))
    assert chance(whole, places(whole, [no])) == pytest.approx(1.0 - p, rel=1e-12)
    given, none = (read(workspace, settings, [on]) for on in (yes, no))
    assert given.law.mean * p + none.law.mean * (1 - p) == pytest.approx(whole.law.mean, rel=1e-6)
    for level in (0.9, 0.99, 0.999):
        x = whole.law.var(level)
        mixed = p * given.law.excess(x) + (1 - p) * none.law.excess(x)
        assert mixed == pytest.approx(whole.law.excess(x), rel=1e-3)


@pytest.mark.parametrize(
    ("on", "why"),
    [
        (["theft", "--draws", "x"], "not which scenarios happened"),
        (["sold-low=happens"], "--on peg.depeg=yes"),
        (["thefts"], "write NODE=STATE"),
    ],
)
def test_what_cannot_be_taken_to_happen_is_refused(
    book: str, capsys: Any, on: list[str], why: str
) -> None:
    assert run(["condition", book, "--on", *on]) == 2
    assert why in capsys.readouterr().err


@pytest.fixture(scope="module")
def kept(book: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    out = tmp_path_factory.mktemp("kept")
    words = ["run", book, "--keep-draws", "--years", "400000", "--seed", "5", "--quiet"]
    assert run([*words, "--out", str(out)]) == 0
    return str(out)


def test_draws_that_a_run_kept_are_weighed_anew(book: str, kept: str, capsys: Any) -> None:
    """One set of draws under two pieces of evidence, against the exact law of each."""
    for on in ("stress=calm", "depeg=yes"):
        assert run(["condition", book, "--on", on, "--draws", kept, "--json", "-"]) == 0
        found = json.loads(capsys.readouterr().out)
        for end in ("before", "after"):
            other, exact = found["simulated"][end], found["enterprise"][end]
            assert abs(other["gap"]) <= 4.0
            assert abs(other["mean"] - exact["mean"]) <= 4.0 * other["mean_se"]
            for level in ("0.95", "0.99"):
                off = exact["error"][level] * abs(exact["cvar"][level])
                gap = other["cvar"][level] - exact["cvar"][level]
                assert abs(gap) <= 4.0 * other["cvar_se"][level] + off
    # of 100,000 horizons an eighth stands in this state: 1 in 1,000 of them is refused
    after = found["simulated"]["after"]
    assert 0.0 < after["effective"]["0.999"] < 50.0
    assert after["cvar"]["0.999"] is None
    assert "draw more horizons" in after["thin"]
    console = Console(file=io.StringIO(), width=110)
    console.print(conditions.condition(found, width=110))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "By the draws that a run kept" in text
    assert "50 are wanted" in text


def test_draws_of_other_losses_are_refused(
    book: str, kept: str, tmp_path: Path, capsys: Any
) -> None:
    text = (Path(book) / "book.yaml").read_text()
    for name in ("prices.csv", "positions.csv"):
        (tmp_path / name).write_bytes((Path(book) / name).read_bytes())
    (tmp_path / "book.yaml").write_text(text.replace("1 in 5 years", "1 in 4 years"))
    words = ["condition", str(tmp_path), "--on", "depeg=yes", "--draws"]
    assert run([*words, kept]) == 2
    assert "scenario theft is not what it was" in capsys.readouterr().err
    assert run([*words, str(tmp_path)]) == 2
    assert "--keep-draws" in capsys.readouterr().err


def test_condition_above_a_loss_finds_the_states_behind_it(book: str, capsys: Any) -> None:
    assert run(["condition", book, "--above", "2.5M", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    states = found["states"]
    assert sum(row["probability"] for row in states) == pytest.approx(1.0)
    assert sum(row["given_loss"] for row in states) == pytest.approx(1.0, rel=1e-3)
    total = sum(row["probability"] * row["exceeds"] for row in states)
    assert total == pytest.approx(found["probability"], rel=1e-3)
    for rows in found["bears"].values():
        assert sum(row["loss"] for row in rows) == pytest.approx(found["expected_loss"], rel=1e-3)


def test_contributions_add_up_at_any_level(book: str, capsys: Any) -> None:
    assert run(["contributions", book, "--level", "0.975", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    split = found["contributions"]
    assert split["level"] == "0.975"
    for name, rows in split.items():
        if isinstance(rows, list):
            assert sum(row["cvar"] for row in rows) == pytest.approx(found["cvar"]), name
    assert {row["id"] for row in split["layers"]} == {"market", "operational"}
    venues = {row["id"]: row["cvar"] for row in split["counterparties"]}
    assets = {row["id"]: row["cvar"] for row in split["assets"]}
    assert venues["kestrel"] == pytest.approx(assets["ETH"])
    assert run(["contributions", book, "--by", "layers"]) == 0
    shown = capsys.readouterr().out
    assert "by layer" in shown
    assert "by scenario" not in shown


def test_sensitivity_ranks_what_a_bad_year_answers_to(book: str, capsys: Any) -> None:
    assert run(["sensitivity", book, "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    by = {row["entry"]: row for row in found["tables"]}
    depeg = by["P(depeg=yes | stress=stressed)"]
    assert depeg["cvar_slope"] > 0 > by["P(depeg=no | stress=stressed)"]["cvar_slope"]
    assert depeg["cvar"][0] < found["cvar"] < depeg["cvar"][1]
    # the entry counts in 3 years of 10, and a de-peg costs its mean in money
    each = -math.log(1 - 0.125) / 0.125 * 300_000
    assert depeg["ale_slope"] == pytest.approx(0.3 * each, rel=1e-6)
    paths = {(row["scenario"], row["path"]) for row in found["estimates"]}
    assert paths == {("sold-low", "magnitude"), ("theft", "frequency"), ("theft", "magnitude")}
    theft = next(row for row in found["estimates"] if row["path"] == "frequency")
    assert theft["cvar"][0] < found["cvar"] < theft["cvar"][1]
    assert theft["ale"][1] - theft["ale"][0] > 0
    assert {row["name"] for row in found["market"]} == {
        "volatility of prices",
        "what states do to prices",
    }


def test_screens_fit_their_width(book: str, tmp_path: Path) -> None:
    asked = (
        (["condition", book, "--on", "peg.depeg=yes"], conditions.condition),
        (["condition", book, "--above", "2M"], conditions.behind),
        (["sensitivity", book, "--no-estimates"], drawn.sensitivity),
    )
    for words, draw in asked:
        told = tmp_path / "told.json"
        assert run([*words, "--json", str(told)]) == 0
        for columns in (80, 110):
            sink = io.StringIO()
            Console(file=sink, width=columns).print(
                draw(json.loads(told.read_text()), width=columns)
            )
            lines = sink.getvalue().splitlines()
            assert max(map(len, lines)) <= columns
            assert not any("…" in line and "$" in line.split("…")[-1][:1] for line in lines)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["condition", "--on", "depeg=maybe"], "no such state"),
        (["condition", "--on", "depegged=yes"], "did you mean depeg"),
        (["condition", "--on", "depeg"], "write NODE=STATE"),
        (["condition", "--on", "never=yes"], "cannot happen"),
        (["condition", "--on", "depeg=yes", "--on", "depeg=no"], "both yes and no"),
        (["condition"], "--on NODE=STATE"),
        (["condition", "--on", "depeg=yes", "--above", "1M"], "not both"),
        (["condition", "--above", "much"], "80M"),
        (["condition", "--above", "-3M"], "80M"),
        (["condition", "--above", "900M"], "beyond the losses that are computed"),
        (["contributions", "--level", "1.5"], "between 0.5 and 1"),
        (["contributions", "--by", "colour"], "no way of splitting"),
        (["condition", "--on", "depeg=yes", "--horizon", "soon"], "soon"),
    ],
)
def test_what_is_wrong_is_said(book: str, words: list[str], said: str, capsys: Any) -> None:
    command, *rest = words
    assert run([command, book, *rest]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert said in " ".join(shown.err.split())


def test_book_without_positions_has_conditions_and_contributions(
    tmp_path: Path, capsys: Any
) -> None:
    where = tmp_path / "book.yaml"
    bare = BOOK.replace("positions: positions.csv\n", "").replace("prices: prices.csv\n", "")
    where.write_text(bare.replace("ETH: {kind: coin}", "ETH: {kind: coin, price: 2000}"))
    assert run(["condition", str(where), "--on", "depeg=yes", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["joined"] is False
    assert found["enterprise"] == found["without_market"]
    assert run(["contributions", str(where), "--json", "-"]) == 0
    split = json.loads(capsys.readouterr().out)
    rows = split["contributions"]["scenarios"]
    assert sum(row["cvar"] for row in rows) == pytest.approx(split["cvar"])
    assert run(["sensitivity", str(where)]) != 0
    assert "nothing that has prices" in " ".join(capsys.readouterr().err.split())
