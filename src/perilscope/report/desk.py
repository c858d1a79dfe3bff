# SPDX-License-Identifier: Apache-2.0
"""The desk's pages, drawn for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group
from rich.text import Text

from perilscope.cycle.amounts import level as level_
from perilscope.cycle.amounts import measured, money, move, share
from perilscope.report.columns import Cell, Column, figures, lay, words, wrapped
from perilscope.report.names import cleaned, limited

WIDTH = 110
WIDE = 100
"""Cells from which there is room for bars, and for buys beside sells."""
SHOWN = 12
"""Assets whose contributions stand on the morning page."""
_BAR = 12
_STYLE = {"breached": "bold red", "warned": "yellow", "kept": "", "unknown": "dim"}

Shown = Mapping[str, Any]


def limits(document: Shown, *, width: int = WIDTH) -> Group:
    """Draw every limit with use, headroom and what changed overnight."""
    run = cleaned(document)
    return Group(*head(run, width), *_limits(run, width), *findings(run, width))


def morning(document: Shown, *, width: int = WIDTH) -> Group:
    """Draw the morning page."""
    run = cleaned(document)
    lines: list[Text] = [*head(run, width), *_day(run, width), Text(), *_limits(run, width), Text()]
    lines += [*_sizes(run["sizes"], run["currency"], width), Text()]
    lines += [*_shares(run, width), Text(), *_stresses(run["stresses"], run["currency"], width)]
    return Group(*lines, *findings(run, width))


def sized(document: Shown, *, width: int = WIDTH) -> Group:
    """Draw the largest buy and sell of one asset."""
    run = cleaned(document)
    return Group(*head(run, width), *_sizes([run], run["currency"], width))


def traded(document: Shown, *, width: int = WIDTH) -> Group:
    """Draw every limit before and after a trade."""
    run = cleaned(document)
    currency = run["currency"]
    said = f"{run['trade']}: {money(run['worth'], currency)}. "
    unknown = [row for row in run["limits"] if row["state"] == "unknown"]
    if run["refused"]:
        broken = [row["measure"] for row in run["limits"] if row["refused"]]
        verdict = Text(f"{said}REFUSED by {', '.join(broken)}", "bold red")
    else:
        verdict = Text(f"{said}Every limit {'that is known ' if unknown else ''}allows it.", "bold")
    columns = (
        words("limit", 18, 46), figures("before"), figures("after"), figures("limit"),
        figures("used"), words("", 6, 10), words("owner", 6, 18),
    )  # fmt: skip
    rows = [
        [
            (limited(row), ""),
            (measured(row["before"], row["unit"], currency), "dim"),
            (measured(row["value"], row["unit"], currency), ""),
            (measured(row["limit"], row["unit"], currency), ""),
            (share(row["used"]), ""),
            ("refused" if row["refused"] else row["state"], _STYLE[row["state"]]),
            (row["owner"], ""),
        ]
        for row in run["limits"]
    ]
    lines = [verdict, *lay(columns, rows, width)]
    for row in unknown:
        lines += wrapped(f"{limited(row)}: {row['why']}", width, 3, style="yellow")
    for risk in run["risk"]:
        old, new = (money(x, currency) for x in risk["cvar"])
        text = (
            f"{risk['days']}-day CVaR {level_(str(risk['level']))}: {old} becomes {new}; the trade "
            f"adds {money(risk['incremental'], currency)} (its slope says "
            f"{money(risk['marginal'], currency)})."
        )
        lines += wrapped(text, width, 3)
    return Group(*head(run, width), *lines, *findings(run, width))


def stressed(document: Shown, *, width: int = WIDTH) -> Group:
    """Draw every episode replayed, the worst stretch and the reverse stress."""
    run = cleaned(document)
    currency = run["currency"]
    lines = [*head(run, width)]
    if run["shocked"]:
        lines += [*_own(run["shocked"], currency, width), Text()]
    lines += [*_stresses(run["episodes"], currency, width), Text()]
    window = run["worst_window"]
    if window:
        text = (
            f"Worst {window['days']} days of the price history for today's holdings: "
            f"{window['first']} to {window['last']}, {money(window['loss'], currency)}."
        )
        lines += wrapped(text, width, 3)
    back = run["reverse"]
    if back:
        moves = ", ".join(f"{m['asset']} {move(m['move'])}" for m in back["moves"][:8])
        text = (
            f"The mildest one-day move that costs {money(back['loss'], currency)} lies "
            f"{back['distance']:.1f} standard deviations of the portfolio away: {moves}."
        )
        lines += wrapped(text, width, 5)
    elif run["seen"]:
        lines += wrapped("No one-day move was found that costs as much.", width, 1)
    seen = run["seen"]
    if seen and seen["count"]:
        text = (
            f"Of all days and episodes {seen['count']} cost as much; the mildest of them is "
            f"{seen['name']}, {seen['distance']:.1f} standard deviations away, "
            f"{money(seen['loss'], currency)}."
        )
        lines += wrapped(text, width, 3)
    elif seen:
        lines += wrapped("No day of the history and no episode costs as much.", width, 1)
    return Group(*lines, *findings(run, width))


def _own(shocked: Shown, currency: str, width: int) -> Iterator[Text]:
    """What shocks of one's own cost."""
    word = "costs" if shocked["loss"] > 0.0 else "earns"
    text = f"{shocked['name']}: {word} {money(abs(shocked['loss']), currency)}"
    yield from wrapped(text, width, 3, style="bold")
    parts = sorted((m for m in shocked["moved"] if m["loss"]), key=lambda m: -abs(m["loss"]))[:8]
    told = ", ".join(f"{m['asset']} {_signed(-m['loss'], 'money', currency)}" for m in parts)
    yield from wrapped(told, width, 3, style="dim", indent="    ")


def contributed(document: Shown, *, width: int = WIDTH) -> Group:
    """Draw what each asset, venue and strategy adds to CVaR."""
    run = cleaned(document)
    currency = run["currency"]
    said = (
        f"{run['days']}-day CVaR {level_(str(run['level']))} {money(run['cvar'], currency)} "
        f"(VaR {money(run['var'], currency)}); each list adds up to both. +- is one standard error."
    )
    lines = [*head(run, width), *wrapped(said, width, 2)]
    for kind, rows in run["contributions"].items():
        if len(rows) > 1:
            columns = (
                words(f"by {kind}", 10, 30), figures("adds to", "CVaR"), figures("+-"),
                figures("share"), figures("adds to", "VaR"), figures("+-"), _bars(),
            )  # fmt: skip
            lines += lay(
                columns,
                [
                    [
                        (row["name"], ""),
                        (money(row["cvar"], currency), ""),
                        (money(row["cvar_error"], currency), "dim"),
                        (share(row["share"]), ""),
                        (money(row["var"], currency), ""),
                        (money(row["var_error"], currency), "dim"),
                        (_filled(row["share"]), "dim"),
                    ]
                    for row in rows
                ],
                width,
            )
    return Group(*lines, *findings(run, width))


def proposed(document: Shown, *, width: int = WIDTH) -> Group:
    """Draw proposed weights and the trades that lead there."""
    run = cleaned(document)
    currency = run["currency"]
    old, new = (money(x, currency) for x in run["cvar"])
    figure = f"{run['days']}-day CVaR {level_(str(run['level']))}"
    text = f"For {run['asked']}: {figure} {old} becomes {new}."
    columns = (
        words("asset", 8, 16), figures("now"), figures("then"), figures("trade"),
        figures("units"), figures("bears of", "the CVaR"), _bars(),
    )  # fmt: skip
    rows = [
        [
            (row["asset"], ""),
            (money(row["before"], currency), "dim"),
            (money(row["after"], currency), ""),
            (_signed(row["worth"], "money", currency), ""),
            (_units(row["units"]), "dim"),
            (share(row["share"]), ""),
            (_filled(row["share"]), "dim"),
        ]
        for row in run["trades"]
    ]
    lines = [*head(run, width), *wrapped(text, width, 2), *lay(columns, rows, width)]
    return Group(*lines, *findings(run, width))


def head(run: Shown, width: int = WIDTH) -> Iterator[Text]:
    """Draw the first line of every page of the desk."""
    currency = run["currency"]
    parts = [f"as of {run['as_of']}", f"{run['positions']} positions"]
    parts += [f"{what} {money(run[what], currency)}" for what in ("gross", "net")]
    parts.append(f"worth {money(run['positions_worth'], currency)}")
    if run["net_assets"]:
        parts.append(f"net assets {money(run['net_assets'], currency)}")
    line = Text(f"{run['book']}", "bold")
    for part in parts:
        if line.cell_len + len(part) + 3 > width:
            yield line
            line = Text(" " * 2)
        line.append(f"   {part}", "dim")
    yield line


def _limits(run: Shown, width: int) -> Iterator[Text]:
    if not run["limits"]:
        yield from wrapped("The book has no limits that positions can be held against.", width, 2)
        return
    currency = run["currency"]
    columns: tuple[Column, ...] = (
        words("limit", 18, 46), figures("now"), figures("overnight"), figures("limit"),
        figures("headroom"), figures("used"), _bars(), words("owner", 6, 18),
    )  # fmt: skip
    wide = width >= WIDE
    if not wide:  # the name of a limit matters more than a bar
        columns = columns[:6] + columns[7:]
    rows = []
    for row in run["limits"]:
        style = _STYLE[row["state"]]
        was = row["yesterday"]
        change = None if was is None or row["value"] is None else row["value"] - was
        unit = row["unit"]
        rows.append(
            [
                (limited(row), style),
                (measured(row["value"], unit, currency), style),
                (_signed(change, unit, currency), "dim"),
                (measured(row["limit"], unit, currency), ""),
                (_signed(row["headroom"], unit, currency, plus=False), style),
                (share(row["used"]), style),
                *([(_filled(row["used"]), style)] if wide else []),
                (row["owner"], ""),
            ]
        )
    yield from lay(columns, rows, width)
    for row in run["limits"]:
        if row["why"]:
            yield from wrapped(f"{row['measure']}: {row['why']}", width, 3, style="yellow")


def _signed(value: float | None, unit: str, currency: str, *, plus: bool = True) -> str:
    if value is None:
        return "–"
    text = measured(abs(value), unit, currency)
    return ("-" if value < 0.0 else "+" if plus else "") + text


def _bars() -> Column:
    return Column(("",), right=False, least=4, most=_BAR)


def _filled(used: float | None) -> str:
    return "█" * min(round((used or 0.0) * _BAR), _BAR)


def _day(run: Shown, width: int) -> Iterator[Text]:
    currency, result = run["currency"], run["result"]
    if result:
        word = "lost" if result["loss"] > 0.0 else "made"
        beyond = "beyond" if result["exceeded"] else "within"
        amount = money(abs(result["loss"]), currency)
        text = (
            f"Since the close before, today's holdings {word} {amount}: {beyond} the 1-day VaR "
            f"{level_(str(result['level']))} of {money(result['var'], currency)} that stood then."
        )
        yield from wrapped(text, width, 3, style="bold red" if result["exceeded"] else "")
    for risk in run["risk"]:
        text = (
            f"{risk['days']}-day {level_(str(risk['level']))}: VaR "
            f"{_between(risk, 'var', currency)}, CVaR {_between(risk, 'cvar', currency)}"
        )
        yield from wrapped(text, width, 1, style="dim")
    yield from _champions(run.get("champions") or (), width)


def _champions(rows: Sequence[Shown], width: int) -> Iterator[Text]:
    """Which model the tournament believes of what; a change of the last week stands out."""
    new = [row for row in rows if row["new"] and row["before"]]
    for row in new:
        text = (
            f"Champion of {row['subject']} CHANGED on {row['on']}: {row['champion']}, before "
            f"{row['before']}: {row['why']}"
        )
        yield from wrapped(text, width, 3, style="bold yellow")
    kept = [row for row in rows if row not in new]
    if kept:
        told = ", ".join(f"{row['subject']} {row['champion']} since {row['on']}" for row in kept)
        yield from wrapped(f"Models believed: {told}", width, 3, style="dim")


def _between(risk: Shown, key: str, currency: str) -> str:
    """A figure with its 90 % interval."""
    low, high = (money(x, currency) for x in risk[f"{key}_interval"])
    return f"{money(risk[key], currency)} ({low} to {high})"


def _sizes(rows: Sequence[Shown], currency: str, width: int) -> Iterator[Text]:
    if width < WIDE:
        yield from _narrow_sizes(rows, currency, width)
        return
    columns = (
        words("largest trade", 8, 14), figures("held"), figures("buy"), figures("worth"),
        words("until", 10, 26), figures("sell"), figures("worth"), words("until", 10, 26),
    )  # fmt: skip
    lines = []
    for row in rows:
        cells = [(row["asset"], ""), (_units(row["held"]), "dim")]
        for side in ("buy", "sell"):
            cells += _side(row[side], currency)
        lines.append(cells)
    yield from lay(columns, lines, width)


def _narrow_sizes(rows: Sequence[Shown], currency: str, width: int) -> Iterator[Text]:
    """Buys and sells below one another: the limit that binds is what is asked for."""
    columns = (
        words("largest trade", 8, 14), figures("held"), words("", 4, 4), figures("units"),
        figures("worth"), words("until", 10, 46),
    )  # fmt: skip
    lines = []
    for row in rows:
        for side in ("buy", "sell"):
            name, held = (row["asset"], _units(row["held"])) if side == "buy" else ("", "")
            lines.append([(name, ""), (held, "dim"), (side, ""), *_side(row[side], currency)])
    yield from lay(columns, lines, width)


def _side(found: Shown, currency: str) -> list[Cell]:
    """Units, worth and the limit that binds."""
    if found["units"] is None:
        return [("any", ""), ("", ""), ("no limit binds", "dim")]
    return [
        (_units(found["units"]), "bold" if not found["units"] else ""),
        (money(found["worth"], currency), ""),
        (found["binding"], "dim"),
    ]


def _units(value: float) -> str:
    if not value:
        return "none"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _shares(run: Shown, width: int) -> Iterator[Text]:
    currency = run["currency"]
    columns = (
        words("1-day CVaR by asset", 10, 20), figures("holding"), figures("adds"),
        figures("share"), _bars(),
    )  # fmt: skip
    rows = [
        [
            (row["asset"], ""),
            (money(row["value"], currency), "dim"),
            (money(row["cvar"], currency), ""),
            (share(row["share"]), ""),
            (_filled(row["share"]), "dim"),
        ]
        for row in run["contributions"][:SHOWN]
    ]
    yield from lay(columns, rows, width)
    if len(run["contributions"]) > SHOWN:
        rest = run["contributions"][SHOWN:]
        adds = money(sum(row["cvar"] for row in rest), currency)
        yield from wrapped(f"and {len(rest)} more, which add {adds}", width, 1, style="dim")


def _stresses(rows: Sequence[Shown], currency: str, width: int) -> Iterator[Text]:
    columns = (
        words("if it came again", 16, 46), figures("days"), figures("loss"),
        words("most of it", 16, 60),
    )  # fmt: skip
    lines = []
    for row in rows:
        most = [m for m in row["moved"] if m["loss"] > 0.0][:3]
        told = ", ".join(map(_seen, most))
        lines.append(
            [
                (row["name"], ""),
                (str(row["days"]), "dim"),
                (money(row["loss"], currency), ""),
                (told, "dim"),
            ]
        )
    yield from lay(columns, lines, width)


def _seen(moved: Shown) -> str:
    how = "" if moved["how"] == "observed" else f" ({moved['how']})"
    return f"{moved['asset']} {move(moved['move'])}{how}"


def findings(run: Shown, width: int) -> Iterator[Text]:
    """Draw what a reader of the figures must know."""
    for text in run.get("findings", ()):
        yield from wrapped(f"note: {text}", width, 4, style="yellow")
