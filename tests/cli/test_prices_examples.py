# SPDX-License-Identifier: Apache-2.0
"""``market check-data`` and ``prices fetch``: findings as a person and as a program meet them."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perilscope.cli import run
from perilscope.sources import exchange as venues

START = date(2024, 1, 1).toordinal()


def prices(folder: Path, name: str, spoil: Any = None, days: int = 400) -> str:
    rng = np.random.default_rng(7)
    x = 100.0 * np.exp(np.cumsum(0.03 * rng.standard_normal((days, 2)), axis=0))
    if spoil:
        spoil(x)
    rows = ["date,A,B"]
    for k, (a, b) in enumerate(x.tolist()):
        cells = ["" if value != value else repr(value) for value in (a, b)]
        rows.append(f"{date.fromordinal(START + k)},{cells[0]},{cells[1]}")
    (folder / name).write_text("\n".join(rows))
    return str(folder / name)


def tenfold(x: np.ndarray[Any, Any]) -> None:
    x[200, 1] *= 10.0


def asked(capsys: Any, *words: str) -> dict[str, Any]:
    assert run(["market", "check-data", *words, "--json", "-"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_findings_of_a_bare_file(capsys: Any, tmp_path: Path) -> None:
    file = prices(tmp_path, "p.csv", tenfold)
    found = asked(capsys, "--prices", file)
    assert [(row["asset"], row["verdict"]) for row in found["assets"]] == [
        ("A", "passes"), ("B", "excluded"),
    ]  # fmt: skip
    fault = next(f for f in found["findings"] if f["weight"] == "fails")
    assert fault["kind"] == "implausible-return"
    assert fault["where"].endswith("p.csv:202")
    assert fault["first"] == date.fromordinal(START + 200).isoformat()
    assert fault["size"] > 7.0
    assert asked(capsys, "--prices", file, "--accept", "B")["accepted"].keys() == {"B"}
    assert not asked(capsys, "--prices", file, "--to", "2024-06-30")["excluded"]
    assert not asked(capsys, "--prices", file, "--asset", "A")["excluded"]
    assert run(["market", "check-data", "--prices", file]) == 0
    shown = capsys.readouterr().out
    assert "B" in shown
    assert "excluded" in shown


def test_against_a_second_source(capsys: Any, tmp_path: Path) -> None:
    file, other = prices(tmp_path, "p.csv", tenfold), prices(tmp_path, "q.csv")
    found = asked(capsys, "--prices", file, "--second", other)
    assert [f["kind"] for f in found["findings"] if f["weight"] == "fails"] == ["glitch"]
    assert found["glitch_days"] == [{"day": "2024-07-19", "assets": 1}]


def test_of_a_book(capsys: Any, tmp_path: Path) -> None:
    prices(tmp_path, "prices.csv", tenfold)
    (tmp_path / "positions.csv").write_text("asset,quantity\nA,10\nB,5\n")
    book = tmp_path / "book.yaml"
    text = (
        "institution: {name: D, kind: hedge fund, net_assets: 1M}\ncurrency: USD\n"
        "as_of: 2025-02-03\nassets: {cash: {kind: wallet, worth: 1M, basis: bank, owner: coo}}\n"
        "scenarios: {t: {story: S., asset: cash, frequency: 1 in 50 years, magnitude: 10k, "
        "owner: coo}}\npositions: positions.csv\nprices: prices.csv\n"
    )
    book.write_text(text)
    assert list(asked(capsys, str(book))["excluded"]) == ["B"]
    assert run(["market", "morning", str(book), "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert any("B is LEFT OUT" in text for text in found["findings"])
    assert {row["asset"]: row["cvar"] for row in found["contributions"]}["B"] == 0.0
    book.write_text(text + "market: {accept: [B]}\n")
    assert run(["market", "morning", str(book), "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert any("IN SPITE OF" in text for text in found["findings"])
    assert {row["asset"]: row["cvar"] for row in found["contributions"]}["B"] > 0.0


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ([], 2),
        (["--prices", "nowhere.csv"], 1),
        (["--prices", "FILE", "--asset", "XYZ"], 2),
        (["--prices", "FILE", "--cutoff", "30"], 2),
        (["--prices", "FILE", "--zone", "Mars/Base"], 2),
        (["nobook"], 2),
    ],
)
def test_what_is_refused(capsys: Any, tmp_path: Path, words: list[str], code: int) -> None:
    file = prices(tmp_path, "p.csv")
    assert run(["market", "check-data", *[file if w == "FILE" else w for w in words]]) == code
    assert capsys.readouterr().err


class Venue:
    id = "nowhere"
    rateLimit = 0.0

    def load_markets(self) -> dict[str, Any]:
        return {"BTC/USDT": {}}

    def parse_timeframe(self, timeframe: str) -> float:
        return {"1d": 86400.0, "1h": 3600.0}[timeframe]

    def fetch_ohlcv(self, symbol: str, timeframe: str, since: int, limit: int) -> list[list[float]]:
        step = int(self.parse_timeframe(timeframe) * 1000)
        return [[float(since + k * step), 1.0, 2.0, 0.5, 1.5, 3.0] for k in range(limit)]


def test_what_is_fetched_can_be_read(
    capsys: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(venues, "exchange", lambda _name: Venue())
    out = tmp_path / "got.csv"
    words = ["prices", "fetch", "nowhere", "BTC/USDT", "--since", "2024-01-01"]
    assert run([*words, "--until", "2024-01-31", "--timeframe", "1h", "--out", str(out)]) == 0
    assert "744 bars" in capsys.readouterr().out
    found = asked(capsys, "--prices", str(out))
    assert found["days"] == 31
    assert any("quoted in USDT" in note for note in found["notes"])
    assert run([*words, "--out", str(out)]) == 0  # up to yesterday, never today
    last = out.read_text().splitlines()[-1][:10]
    assert last < datetime.now(UTC).date().isoformat()
    capsys.readouterr()
    assert run(["prices", "fetch", "nowhere", "XYZ", "--since", "2024-01-01"]) == 2
    assert "trades no XYZ" in capsys.readouterr().err


def test_a_book_counts_in_its_currency(capsys: Any, tmp_path: Path) -> None:
    stamp = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp() * 1000)
    (tmp_path / "prices").mkdir()
    bars = [[stamp + k * 86_400_000, 1, 1, 1, 100.0 + k % 7, 1] for k in range(300)]
    (tmp_path / "prices" / "BTC_USDT.json").write_text(json.dumps(bars))
    (tmp_path / "positions.csv").write_text("asset,quantity\nBTC,10\n")
    (tmp_path / "book.yaml").write_text(
        "institution: {name: D, kind: hedge fund, net_assets: 1M}\ncurrency: USD\n"
        "as_of: 2024-10-26\nassets: {cash: {kind: wallet, worth: 1M, basis: bank, owner: coo}}\n"
        "scenarios: {t: {story: S., asset: cash, frequency: 1 in 50 years, magnitude: 10k, "
        "owner: coo}}\npositions: positions.csv\nprices: prices\n"
    )
    words = ["market", "morning", str(tmp_path / "book.yaml"), "--json", "-"]
    assert run(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["gross"] == pytest.approx(10 * (100 + 299 % 7))
    assert any("prices are in USDT" in text for text in found["findings"])
    rows = [f"{date.fromordinal(START + k)},USDT,0.9" for k in range(300)]
    (tmp_path / "prices" / "usdt.csv").write_text("\n".join(["date,asset,close", *rows]))
    assert run(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["gross"] == pytest.approx(9 * (100 + 299 % 7))
    assert not any("prices are in USDT" in text for text in found["findings"])


def test_days_that_the_file_does_not_have_are_refused(capsys: Any, tmp_path: Path) -> None:
    file = prices(tmp_path, "p.csv")
    for words, said in (
        (("--from", "2024-06-01", "--to", "2024-05-01"), "--from 2024-06-01 is after"),
        (("--from", "2030-01-01"), "no prices from 2030-01-01"),
        (("--to", "2020-01-01"), "no prices from the first day to 2020-01-01"),
    ):
        assert run(["market", "check-data", "--prices", file, *words]) == 2
        assert said in capsys.readouterr().err


def test_a_price_that_never_changes_is_doubted(capsys: Any, tmp_path: Path) -> None:
    rows = [f"{date.fromordinal(START + k)},1.0" for k in range(40)]
    (tmp_path / "flat.csv").write_text("\n".join(["date,A", *rows]))
    found = asked(capsys, "--prices", str(tmp_path / "flat.csv"))
    assert found["assets"][0]["verdict"] == "warned"
    assert "on every day" in found["assets"][0]["reasons"][0]
    words = ["--prices", str(tmp_path / "flat.csv"), "--weights", "A=1", "--method", "historical"]
    assert run(["market", "risk", *words]) == 0
    assert "never moved" in capsys.readouterr().out
