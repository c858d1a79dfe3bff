# SPDX-License-Identifier: Apache-2.0
"""Write docs/backtests-on-real-prices.md: a rolling year of models on ten assets, every statistic.

    python docs/make_backtests.py PRICES.csv

The prices are not part of the project; the page holds figures alone and says where they are from.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from perilscope.cycle.desk.backtest import compared, tested
from perilscope.cycle.desk.rolling import Rolling, Source, forecasts
from perilscope.cycle.desk.samples import Asked
from perilscope.sources.files import read_prices

ASSETS = ("BTC", "ETH", "BNB", "XRP", "SOL", "ADA", "DOGE", "AVAX", "LINK", "LTC")
MODELS = ("historical", "age-weighted", "volatility-weighted", "normal", "t", "ewma", "fhs",
          "conditional-evt")  # fmt: skip
LAST, DAYS, WINDOW, LEVEL = date(2024, 12, 6), 365, 365, 0.975
PAGE = Path(__file__).parent / "backtests-on-real-prices.md"
SMALL = 0.05
OTHER = ("p_value_exact", "p_value_simulated")

Found = dict[str, dict[str, Any]]


def measured(path: Path) -> tuple[Found, dict[str, Any]]:
    """Model -> asset -> document, and asset -> ranking."""
    history = read_prices(path)
    first = LAST - timedelta(days=DAYS + WINDOW)
    asked = Asked(level=LEVEL, methods=MODELS, first=first, last=LAST)
    found: Found = {model: {} for model in MODELS}
    ranks = {}
    for asset in ASSETS:
        start = time.perf_counter()
        source = Source(asset, history, {asset: 1.0}, asked)
        told, failed, _ = forecasts(source, Rolling(asked, DAYS, WINDOW))
        assert not failed, failed
        for each in told:
            found[each.name][asset] = tested(replace(each, findings=()), LEVEL, 1)
        ranks[asset] = compared(told, LEVEL, 1)
        print(f"{asset}: {time.perf_counter() - start:.0f} s", file=sys.stderr)
    return found, ranks


def number(value: float) -> str:
    """A statistic in few digits."""
    if value == 0.0 or 1e-3 <= abs(value) < 1e5:
        return f"{value:.3g}" if abs(value) < 1e3 else f"{value:.0f}"
    return f"{value:.1e}"


def chance(p: float) -> str:
    """A p-value; bold where it is small."""
    text = "<.001" if p < 0.001 else f"{p:.3f}".lstrip("0") or "0"
    return f"**{text}**" if p < SMALL else text


def best_p(row: Mapping[str, Any]) -> float | None:
    """The exact or simulated p-value where there is one, else the published law's."""
    for name in OTHER:
        if row["parameters"].get(name) is not None:
            return float(row["parameters"][name])
    return None if row["p_value"] is None else float(row["p_value"])


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """A table of Markdown."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows] + [""]


def ranking(found: Found, ranks: Mapping[str, Any]) -> list[str]:
    """Mean FZ0 of every model and asset, the confidence set in bold, and exceptions."""
    rows, counts = [], []
    for model in MODELS:
        cells, hits = [model], [model]
        for asset in ASSETS:
            row = next(r for r in ranks[asset]["ranking"] if r["name"] == model)
            text = f"{row['mean']:.3f}"
            cells.append(f"**{text}**" if row["in_confidence_set"] else text)
            hits.append(str(found[model][asset]["exceptions"]))
        rows.append(cells)
        counts.append(hits)
    expected = f"{DAYS * (1 - LEVEL):.1f}"
    return [
        "## Scores\n",
        "Mean FZ0, lower is better; bold: in the 90 % model confidence set of the asset.\n",
        *table(["model", *ASSETS], rows),
        f"Exceptions in {DAYS} days; {expected} are expected.\n",
        *table(["model", *ASSETS], counts),
    ]


def rejections(found: Found) -> list[str]:
    """On how many of the assets each test rejects each model at 5 %."""
    names = [name for name, row in next(iter(found[MODELS[0]].values()))["tests"].items()]
    rows = []
    for name in ordered(found):
        if name not in names:
            continue
        cells, any_p = [name], False
        for model in MODELS:
            tests = [found[model][asset]["tests"][name] for asset in ASSETS]
            p = [best_p(row) for row in tests if row["applicable"]]
            values = [each for each in p if each is not None]
            any_p = any_p or bool(values)
            few = "" if len(values) == len(ASSETS) else f" of {len(values)}"
            cells.append(f"{sum(each < SMALL for each in values)}{few}" if values else "–")
        if any_p:
            rows.append(cells)
    return [
        "## Rejections at 5 %\n",
        "On how many of the ten assets a test rejects, by the exact or simulated p-value where "
        "there is one. A right model would be rejected on 0 or 1, sometimes 2; assets move "
        "together, so the ten are not independent.\n",
        *table(["test", *MODELS], rows),
    ]


def ordered(found: Found) -> list[str]:
    """Names of tests in the order of the catalogue."""
    families = next(iter(found[MODELS[0]].values()))["families"]
    return [name for family in families for name in family["tests"] if not name.startswith("pla")]


def whole(found: Found) -> list[str]:
    """Every statistic of every model and asset."""
    lines = [
        "## Every statistic\n",
        "Statistic and p-value (exact or simulated where there is one); bold below 5 %; – where a "
        "test does not apply.\n",
    ]
    for model in MODELS:
        rows = []
        for name in ordered(found):
            cells = [name]
            for asset in ASSETS:
                row = found[model][asset]["tests"][name]
                if not row["applicable"]:
                    cells.append("–")
                    continue
                p = best_p(row)
                text = number(row["statistic"])
                cells.append(text if p is None else f"{text} {chance(p)}")
            if any(cell != "–" for cell in cells[1:]):
                rows.append(cells)
        lines += [f"### {model}\n", *table(["test", *ASSETS], rows)]
    return lines


def page(found: Found, ranks: Mapping[str, Any], source: str) -> str:
    """The whole page."""
    first = found[MODELS[0]][ASSETS[0]]["first"]
    head = f"""\
# A rolling year on real prices

{len(MODELS)} models forecast VaR and CVaR at {100 * LEVEL:g} % of one day, each day from the
{WINDOW} daily returns before it and from nothing later, for {len(ASSETS)} assets
from {first} to {LAST}.
Written by `docs/make_backtests.py`; the names of the tests are those of
[the guide](guides/backtests.md).

Prices: daily closes in USD (23:59 UTC) of {source}.
They are not part of this project; only figures computed from them are shown.

One year at 97.5 % has nine exceptions. So few tell apart what is clearly wrong and little else:
read the page for how tests and models behave, not for a verdict on an asset.
"""
    lines = [head, *ranking(found, ranks), *rejections(found), *whole(found)]
    return "\n".join(lines).rstrip("\n") + "\n"


def main() -> None:
    """Measure and write."""
    found, ranks = measured(Path(sys.argv[1]))
    source = "Yahoo Finance, in the collection Alexshch09/Stocks-prices"
    PAGE.write_text(page(found, ranks, source), encoding="utf-8")


if __name__ == "__main__":
    main()
