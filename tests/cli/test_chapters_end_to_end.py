# SPDX-License-Identifier: Apache-2.0
"""Chapters of a run: what moved, the horizon in slices and capital, as their commands tell them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import perilscope
from perilscope.cli import run
from perilscope.cycle.amounts import money
from perilscope.report import terminal
from perilscope.report.schema import schema

BOOK = """
institution: {name: "Small <b>firm</b>"}
currency: USD
as_of: 2026-11-20
venues:
  exchange: {kind: exchange, holds: 10M, fails: {scenario: default, recovers: 40 %}}
assets: {desk: {kind: other}}
scenarios:
  default: {asset: exchange, frequency: 1 in 50 years, counts: at most one a year, magnitude: 3M}
  errors: {asset: desk, frequency: RATE per year, magnitude: 100k}
feedback:
  slices: 4
  nodes:
    stress:
      states: [calm, stressed]
      parents: [before stress]
      table: {calm: [0.9, 0.1], stressed: [0.3, 0.7]}
    exploit:
      parents: [before exploit, before stress]
      table: {no: {calm: [0.98, 0.02], stressed: [0.9, 0.1]}, yes: {calm: [0, 1], stressed: [0, 1]}}
  losses:
    exploited: {node: exploit, costs: 1M}
"""


def book(folder: Path, rate: float, text: str = BOOK) -> Path:
    path = folder / f"book-{rate:g}.yaml"
    path.write_text(text.replace("RATE", f"{rate:g}"))
    return path


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    folder = tmp_path_factory.mktemp("chapters")
    one, two = folder / "a", folder / "b"
    common = ["--engine", "exact", "--quiet"]
    assert run(["run", str(book(folder, 4)), "--out", str(one), *common]) == 0
    later = book(folder, 6)
    more = ["--since", str(one), "--capital"]
    assert run(["run", str(later), "--out", str(two), *more, *common]) == 0
    return one, two, later


def read(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "run.json").read_text())
    return found


def test_chapters_are_what_the_commands_tell(
    runs: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    one, two, path = runs
    found = read(two)
    jsonschema.validate(found, schema())
    asked = {
        "moved": ["diff", str(one), str(two)],
        "feedback": ["feedback", str(path)],
        "capital": ["capital", str(path)],
    }
    for key, command in asked.items():
        assert run([*command, "--json", "-"]) == 0
        assert found[key] == json.loads(capsys.readouterr().out), key
    moved = found["moved"]["measures"]["ale"]
    assert moved["moved"] == pytest.approx(2 * 100_000.0)  # two more errors of 100k a year
    assert [bar["name"] for bar in moved["bars"]] == ["errors"]
    # no slices in the first run were asked to be told apart from capital
    assert {"moved", "capital"}.isdisjoint(read(one))


def test_slices_by_hand(runs: tuple[Path, Path, Path]) -> None:
    """Exploited within four slices: every path of stress listed."""
    stay, fall, exploit = {0: 0.9, 1: 0.3}, {0: 0.1, 1: 0.7}, {0: 0.02, 1: 0.1}
    alive = {0: 1.0, 1: 0.0}  # before the first slice it is calm
    for _ in range(4):
        left = {s: p * (1.0 - exploit[s]) for s, p in alive.items()}
        alive = {
            0: sum(p * stay[s] for s, p in left.items()),
            1: sum(p * fall[s] for s, p in left.items()),
        }
    found = read(runs[1])["feedback"]
    assert found["law"]["mean"] == pytest.approx(1e6 * (1.0 - sum(alive.values())), rel=1e-9)


def test_report_has_the_chapters_and_their_pictures(runs: tuple[Path, Path, Path]) -> None:
    pages = [(folder / "report.html").read_text() for folder in runs[:2]]
    for key in ("moved", "feedback", "capital"):
        assert (f'href="#chapter-{key}"' in pages[1]) == (f'id="chapter-{key}"' in pages[1])
        assert f'id="chapter-{key}"' in pages[1]
    assert 'id="chapter-feedback"' in pages[0]
    assert 'id="chapter-moved"' not in pages[0]
    moved = pages[1].split('id="chapter-moved"')[1].split('id="chapter-feedback"')[0]
    assert moved.count("<svg") == 3
    assert "<b>firm" not in pages[1]
    places = re.findall(r'\bid="([^"]+)"', re.sub(r"<svg.*?</svg>", "", pages[1], flags=re.S))
    assert len(places) == len(set(places))


def test_summary_has_a_line_for_each(runs: tuple[Path, Path, Path]) -> None:
    found = read(runs[1])
    text = terminal.render(found)
    cvar = found["moved"]["measures"]["cvar_0.99"]
    assert cvar["moved"] > 0.0
    moved = money(cvar["moved"], "USD")
    assert f"Moved    a 1-in-100 loss +{moved} since 2026-11-20 (model +{moved})" in text
    capital = money(found["feedback"]["capital"]["capital"], "USD")
    assert f"Slices   {capital} lasts 4 slices with 99 %" in text
    assert "Moved" not in terminal.render(read(runs[0]))


def test_what_cannot_be_assessed_is_told_and_the_run_stands(tmp_path: Path) -> None:
    path = book(tmp_path, 4, BOOK.replace("costs: 1M", "costs: 'pareto(0.9, 1M)'"))
    assert (
        run(["run", str(path), "--out", str(tmp_path / "c"), "--engine", "exact", "--quiet"]) == 0
    )
    assert "no finite mean" in read(tmp_path / "c")["feedback"]["failed"]
    assert "no finite mean" in (tmp_path / "c" / "report.html").read_text()


def test_an_earlier_run_that_is_none_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = book(tmp_path, 4)
    command = ["run", str(path), "--out", str(tmp_path / "c"), "--since", str(tmp_path / "none")]
    assert run([*command, "--engine", "exact", "--quiet"]) == 2
    assert "no run at" in capsys.readouterr().err


def test_slices_from_python(tmp_path: Path) -> None:
    path = book(tmp_path, 4)
    found = perilscope.feedback(path, evidence={"stress": "stressed"})
    plain = perilscope.feedback(path, slices=2)
    assert (
        found.mean > perilscope.quantify(path, engine="exact").document["feedback"]["law"]["mean"]
    )
    assert found.cvar(0.99) == pytest.approx(1e6)
    assert plain.document["slices"] == 2
    assert "Capital that lasts" in str(plain)
    assert "slices" in plain.save(tmp_path / "slices.html").read_text()
    with pytest.raises(perilscope.MisuseError, match="no level"):
        plain.var(0.123)
    with pytest.raises(perilscope.MisuseError, match="feedback:"):
        perilscope.feedback(perilscope.declare(theft="1 in 20 years, 1M"))
