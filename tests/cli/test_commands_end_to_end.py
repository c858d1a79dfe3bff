# SPDX-License-Identifier: Apache-2.0
"""Commands, exit codes, and what happens to wrong input."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from perilscope.cli import run

EXAMPLE = Path(__file__).parents[2] / "examples" / "hedge-fund"

GOOD = """\
institution: {name: Small, kind: fund, net_assets: 10M}
currency: USD
as_of: 2026-01-31
assets:
  wallet: {kind: wallet, worth: 2M, basis: policy}
scenarios:
  theft:
    asset: wallet
    frequency: 1 in 4 years
    magnitude: 100k
    owner: ciso
limits:
  - {measure: expected loss per year, at_most: 20k, owner: board}
"""


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "book.yaml"
    path.write_text(GOOD, encoding="utf-8")
    return path


def call(*arguments: object) -> int:
    return run([str(a) for a in arguments])


def test_run_writes_a_run_and_a_report(book: Path, tmp_path: Path, capsys: Any) -> None:
    assert call("run", book, "--years", 1000, "--out", tmp_path / "out") == 0
    assert "theft" in capsys.readouterr().out
    document = json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))
    assert document["enterprise"]["ale"] == 25_000
    assert "<script" not in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_with_a_dash_standard_output_holds_the_document_alone(
    book: Path, tmp_path: Path, capsys: Any
) -> None:
    assert call("run", book, "--years", 1000, "--out", tmp_path / "o", "--json", "-") == 0
    out = capsys.readouterr()
    assert json.loads(out.out)["book"]["name"] == "Small"
    assert "theft" in out.err


def test_a_breach_fails_only_when_asked(book: Path, tmp_path: Path) -> None:
    arguments = ("run", book, "--engine", "exact", "--quiet", "--out", tmp_path / "o")
    assert call(*arguments) == 0
    assert call(*arguments, "--fail-on-breach") == 3


def test_a_scenario_that_fails_is_named_and_the_others_are_assessed(
    tmp_path: Path, capsys: Any
) -> None:
    text = GOOD.replace("currency: USD", "currency: USD\ntokens: {XYZ: {kind: coin}}").replace(
        "limits:",
        "  other: {asset: wallet, frequency: 1 in 9 years, magnitude: 40 XYZ}\nlimits:",
    )
    path = tmp_path / "book.yaml"
    path.write_text(text, encoding="utf-8")
    assert (
        call(
            "run", path, "--engine", "exact", "--out", tmp_path / "o", "--json", tmp_path / "r.json"
        )
        == 4
    )
    document = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert [f["id"] for f in document["failed"]] == ["other"]
    assert "XYZ" in document["failed"][0]["reason"]
    assert document["enterprise"]["leaves_out"] == ["other"]
    assert document["enterprise"]["ale"] == 25_000


@pytest.mark.parametrize(
    ("old", "new", "place", "says"),
    [
        ("frequency: 1 in 4 years", "frequency: -2 per year", ":9:16", "negative"),
        ("frequency: 1 in 4 years", "frequency: 0.25", ":9:16", "per"),
        ("asset: wallet", "asset: walet", ":8:12", "wallet"),
        ("magnitude: 100k", "magnitude: nan", ":10:16", "nan"),
        ("owner: ciso", "ownr: ciso", ":11:5", "owner"),
        ("as_of: 2026-01-31", "as_of: 31/01/2026", ":3:8", "date"),
        ("    owner: ciso", "    owner: ciso\n    owner: coo", ":12:5", "twice"),
        ("basis: policy", "basis: &a policy", ":5:", "anchor"),
    ],
)
def test_a_broken_book_is_refused_with_the_place(
    old: str, new: str, place: str, says: str, tmp_path: Path, capsys: Any
) -> None:
    path = tmp_path / "book.yaml"
    path.write_text(GOOD.replace(old, new), encoding="utf-8")
    assert call("run", path, "--out", tmp_path / "o") == 1
    said = capsys.readouterr().err
    assert place in said
    assert says in said
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "no-such-book.yaml"),
        ("run",),
        ("show", "no-such-run"),
        ("run", "BOOK", "--engine", "guess"),
        ("run", "BOOK", "--years", "3"),
        ("run", "BOOK", "--seed", "x"),
        ("run", "BOOK", "--evidence", "depeg"),
        ("run", "BOOK", "--evidence", "depeg=yes"),
        ("run", "BOOK", "--horizon", "soon"),
        ("nonsense",),
    ],
)
def test_wrong_use_is_two_and_says_why(
    arguments: tuple[str, ...], book: Path, tmp_path: Path, capsys: Any
) -> None:
    given = [str(book) if a == "BOOK" else a for a in arguments]
    if given[0] == "run" and len(given) > 1:
        given += ["--out", str(tmp_path / "o")]
    assert call(*given) in (1, 2)
    if "no-such-book.yaml" not in given:
        assert call(*given) == 2
    assert capsys.readouterr().err.strip()
    assert not (tmp_path / "o").exists()


def test_new_makes_a_book_that_runs_and_overwrites_nothing(tmp_path: Path, capsys: Any) -> None:
    assert call("new", tmp_path / "mine") == 0
    assert call("check", tmp_path / "mine") == 0
    assert call("run", tmp_path / "mine", "--engine", "exact", "--out", tmp_path / "o") == 0
    before = (tmp_path / "mine" / "book.yaml").read_bytes()
    assert call("new", tmp_path / "mine") == 2
    assert (tmp_path / "mine" / "book.yaml").read_bytes() == before


def test_schema_is_a_schema(capsys: Any) -> None:
    from jsonschema import Draft202012Validator

    assert call("schema") == 0
    Draft202012Validator.check_schema(json.loads(capsys.readouterr().out))


def test_show_tells_again_what_run_told(book: Path, tmp_path: Path, capsys: Any) -> None:
    call("run", book, "--engine", "exact", "--out", tmp_path / "o")
    told = capsys.readouterr().out
    assert call("show", tmp_path / "o") == 0
    again = capsys.readouterr().out
    assert [line for line in told.splitlines() if "theft" in line] == [
        line for line in again.splitlines() if "theft" in line
    ]
    assert call("show", tmp_path / "o", "--register") == 0
    assert "1 in 4 years" in capsys.readouterr().out


def test_monitor_compares_with_the_log(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "log.csv").write_text(
        "date,scenario,outcome,amount,source\n2026-03-01,theft,loss,120000,ticket\n",
        encoding="utf-8",
    )
    path = tmp_path / "book.yaml"
    path.write_text(
        GOOD.replace("currency: USD", "currency: USD\nincidents: log.csv"), encoding="utf-8"
    )
    call("run", path, "--engine", "exact", "--out", tmp_path / "o", "--quiet")
    capsys.readouterr()
    code = call("monitor", path, "--since", tmp_path / "o", "--on", "2026-07-31", "--json", "-")
    assert code == 0
    found = json.loads(capsys.readouterr().out)
    theft = found["scenarios"][0]
    assert (theft["happened"], theft["lost"]) == (1, 120_000)
    years = 181 / 365.25
    assert theft["events"]["mean"] == pytest.approx(0.25 * years, rel=1e-9)
    assert found["limits"][0]["state"] == "breached"


def test_help_is_quick_and_names_every_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "perilscope", "--help"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
    )
    assert done.returncode == 0
    commands = "new check schema run quick explain show monitor elicit"
    for command in commands.split():
        assert command in done.stdout


HEAVY = (
    "pandas", "matplotlib", "sklearn", "pyagrum", "numba", "duckdb", "scipy.stats",
    "scipy.optimize", "IPython", "pytest", "hypothesis", "sqlalchemy", "pyarrow", "polars",
)  # fmt: skip


def test_a_run_imports_nothing_heavy(book: Path, tmp_path: Path) -> None:
    program = (
        "import sys\nfrom perilscope.cli import run\n"
        f"out = {str(tmp_path / 'o')!r}\n"
        f"assert run(['run', {str(book)!r}, '--years', '1000', '--quiet', '--out', out]) == 0\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_importing_the_package_imports_nothing_else() -> None:
    program = (
        "import sys, perilscope\n"
        "print([m for m in ('numpy', 'pydantic', 'typer', 'rich') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "[]", done.stderr
