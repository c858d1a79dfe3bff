# SPDX-License-Identifier: Apache-2.0
"""What moved between two runs: parts that add up and are what a hand finds."""

from __future__ import annotations

import json
import math
import shutil
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from perilscope.cycle.inputs import INPUTS_FILE, collect, reopen
from perilscope.cycle.questions.moved import MEASURES, moved
from perilscope.cycle.run import quantify, save
from perilscope.cycle.settings import Settings
from perilscope.cycle.workspace import open_workspace
from perilscope.errors import MisuseError, StoreError
from perilscope.report import charts, waterfall

BOOK = """
institution: {name: Two Losses}
currency: USD
as_of: 2026-11-20
incidents: log.csv
observed_since: 2026-01-01
assets: {desk: {kind: other}}
networks: [networks/peg.yaml]
scenarios:
  depeg: {asset: desk, frequency: from peg.depeg, counts: at most one a year, magnitude: 1M}
  error:
    asset: desk
    frequency: "belief(gamma(4, 2)) per year"
    magnitude: 100k
"""
PEG = """
id: peg
nodes:
  reserves: {states: [sound, doubtful], table: [0.9, 0.1]}
  depeg:
    parents: [reserves]
    table: {sound: [0.99, 0.01], doubtful: [0.6, 0.4]}
"""
LOG = "date,scenario,outcome,amount\n2026-05-01,error,loss,90000\n2026-07-01,error,loss,120000\n"


def made(folder: Path, name: str, *, evidence: tuple[str, ...] = (), **changed: str) -> Path:
    """A run of the small book with pieces of its text replaced; returns its folder."""
    book = folder / f"book-{name}"
    (book / "networks").mkdir(parents=True)
    (book / "book.yaml").write_text(changed.get("book", BOOK))
    (book / "networks" / "peg.yaml").write_text(changed.get("peg", PEG))
    (book / "log.csv").write_text(changed.get("log", LOG))
    settings = Settings(engine="exact", evidence=evidence)
    out = folder / name
    save(quantify(book, settings), out, {}, collect(book, settings, open_workspace(book, settings)))
    shutil.rmtree(book)  # a run stands by itself
    return out


def adds_up(found: dict[str, Any]) -> None:
    for name in MEASURES:
        each = found["measures"][name]
        total = math.fsum(bar["value"] for bar in each["bars"])
        scale = max(abs(each["from"]), abs(each["to"]), 1.0)
        assert total == pytest.approx(each["moved"], abs=1e-9 * scale)
        assert math.fsum(each["kinds"].values()) == pytest.approx(total, abs=1e-9 * scale)
    moves = math.fsum(row["moved"] for row in found["contributions"])
    assert moves == pytest.approx(found["measures"]["cvar_0.99"]["moved"], rel=1e-6, abs=1e-3)


def test_evidence_alone_bears_the_whole_move_as_bayes_says(tmp_path: Path) -> None:
    a = made(tmp_path, "a")
    b = made(tmp_path, "b", evidence=("reserves=doubtful",))
    found = moved(reopen(a), reopen(b))
    adds_up(found)
    ale = found["measures"]["ale"]
    assert [bar["name"] for bar in ale["bars"]] == ["peg.reserves=doubtful"]
    assert ale["moved"] == pytest.approx(1e6 * (0.4 - (0.9 * 0.01 + 0.1 * 0.4)), rel=1e-9)
    assert found["measures"]["cvar_0.99"]["kinds"]["evidence"] > 0.0
    assert found["method"]["reproduced"]
    now = {(row["node"], row["state"]): row["to"] for row in found["nodes"]}
    assert now["peg.depeg", "yes"] == pytest.approx(0.4)


def test_four_kinds_at_once_are_told_apart_as_a_hand_finds(tmp_path: Path) -> None:
    """The average is a sum of two products, so each part has a closed form."""
    later = BOOK.replace("2026-11-20", "2026-12-20").replace("100k", "150k")
    longer = LOG + "2026-08-01,error,loss,80000\n"
    a = made(tmp_path, "a")
    b = made(tmp_path, "b", book=later, log=longer, evidence=("reserves=doubtful",))
    found = moved(reopen(a), reopen(b))
    adds_up(found)
    kinds = found["measures"]["ale"]["kinds"]
    assert found["method"]["orders"] == "all orders"
    assert kinds["evidence"] == pytest.approx(1e6 * (0.4 - 0.049), rel=1e-9)

    def rate(late: bool, more: bool) -> float:  # gamma-Poisson: (4 + n) / (2 + years)
        days = 354 if late else 324
        return (4 + 2 + more) / (2 + days / 365.25)

    def ale(late: bool, more: bool, dear: bool) -> float:
        return rate(late, more) * (150e3 if dear else 100e3)

    # Shapley over three changes by the formula over sets
    def share(which: int) -> float:
        total = 0.0
        others = [i for i in range(3) if i != which]
        for mask in range(4):
            on = [False] * 3
            for bit, i in enumerate(others):
                on[i] = bool(mask >> bit & 1)
            weight = (2, 1, 1, 2)[mask] / 6
            before = ale(*on)
            on[which] = True
            total += weight * (ale(*on) - before)
        return total

    assert kinds["time"] == pytest.approx(share(0), rel=2e-3)  # days are counted from noon or not
    assert kinds["data"] == pytest.approx(share(1), rel=2e-3)
    assert kinds["model"] == pytest.approx(share(2), rel=2e-3)


def test_nothing_changed_moves_nothing(tmp_path: Path) -> None:
    a, b = made(tmp_path, "a"), made(tmp_path, "b")
    found = moved(reopen(a), reopen(b))
    adds_up(found)
    assert found["measures"]["cvar_0.99"]["bars"] == []
    assert found["nodes"] == []


def test_a_new_scenario_and_changed_tables_are_pieces_of_the_model(tmp_path: Path) -> None:
    more = BOOK + "  fee: {asset: desk, frequency: 1 per year, magnitude: 5k}\n"
    a = made(tmp_path, "a")
    b = made(tmp_path, "b", book=more, peg=PEG.replace("[0.9, 0.1]", "[0.8, 0.2]"))
    found = moved(reopen(a), reopen(b))
    adds_up(found)
    bars = {bar["name"]: bar["value"] for bar in found["measures"]["ale"]["bars"]}
    assert bars["fee"] == pytest.approx(5e3)
    assert bars["network peg"] == pytest.approx(1e6 * 0.1 * 0.39)


def test_without_inputs_one_kind_of_change_is_still_told(tmp_path: Path) -> None:
    a = made(tmp_path, "a")
    b = made(tmp_path, "b", evidence=("reserves=doubtful",))
    (a / INPUTS_FILE).unlink()
    found = moved(reopen(a), reopen(b))
    adds_up(found)
    assert found["measures"]["ale"]["kinds"]["evidence"] == found["measures"]["ale"]["moved"]
    assert not found["method"]["reproduced"]


def test_without_inputs_several_kinds_are_not_split_by_guess(tmp_path: Path) -> None:
    a = made(tmp_path, "a")
    later = BOOK.replace("2026-11-20", "2026-12-20")
    b = made(tmp_path, "b", book=later, evidence=("reserves=doubtful",))
    (b / INPUTS_FILE).write_bytes(b"PK but damaged")
    found = moved(reopen(a), reopen(b))
    adds_up(found)
    assert [bar["name"] for bar in found["measures"]["ale"]["bars"]] == ["time and evidence"]
    assert "cannot be read" in found["method"]["note"]


def test_what_a_run_did_not_say_is_found_to_be_the_program(tmp_path: Path) -> None:
    a, b = made(tmp_path, "a"), made(tmp_path, "b")
    told = json.loads((b / "run.json").read_text())
    told["enterprise"]["ale"] *= 1.01
    told["provenance"]["perilscope"] = "9.9"
    (b / "run.json").write_text(json.dumps(told))
    found = moved(reopen(a), reopen(b))
    assert found["measures"]["ale"]["kinds"]["program"] == found["measures"]["ale"]["moved"] > 0.0
    assert not found["method"]["reproduced"]


def test_other_currencies_and_no_run_are_refused(tmp_path: Path) -> None:
    a = made(tmp_path, "a")
    b = made(tmp_path, "b", book=BOOK.replace("USD", "EUR"))
    with pytest.raises(MisuseError, match="counts in USD, the second in EUR"):
        moved(reopen(a), reopen(b))
    with pytest.raises(StoreError, match="no run at"):
        reopen(tmp_path / "nowhere")


def test_the_waterfall_is_drawn_where_it_adds_up(tmp_path: Path) -> None:
    a = made(tmp_path, "a")
    b = made(tmp_path, "b", evidence=("reserves=doubtful",))
    found = moved(reopen(a), reopen(b))
    steps = waterfall.steps(found["measures"]["cvar_0.99"])
    assert steps[0].end == steps[1].start
    assert steps[1].end == pytest.approx(steps[2].end)
    drawn = charts.svg(waterfall.chart(found))
    assert "peg.reserves=doubtful" in drawn


def test_figures_of_other_horizons_are_named_as_such(tmp_path):
    """Losses of a quarter are of a period, and a changed horizon stands in the head."""
    quarter = BOOK.replace("as_of:", "horizon: 3 months\nas_of:")
    a, b = made(tmp_path, "a"), made(tmp_path, "b", book=quarter)
    found = moved(reopen(a), reopen(b))
    assert found["a"]["horizon_years"] == 1.0
    assert found["b"]["horizon_years"] == 0.25
    assert waterfall.labels(found)["var_0.99"] == "1 period in 100 exceeds"
    console = Console(width=100, record=True, file=StringIO())
    console.print(waterfall.render(found))
    text = console.export_text()
    assert "over 12 months, then over 3 months" in text
    assert "1 period in 100" in text
    assert "1 year in 100" not in text
    assert [bar["name"] for bar in found["measures"]["ale"]["bars"]] == ["horizon"]
