# SPDX-License-Identifier: Apache-2.0
"""The answer on one screen: what a year costs, where it comes from, what money buys, limits.

The summary is drawn from the run document alone and fits ``height`` lines: the lists share
what the fixed lines leave, and a list that does not fit ends in a line that sums up the rest.
"""

from __future__ import annotations

import io
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from perilscope.cycle import amounts
from perilscope.report import lists
from perilscope.report import register as circulated
from perilscope.report.columns import allot, figures, lay, words, wrapped
from perilscope.report.names import basis, cleaned, shortened, visible
from perilscope.report.words import question

WIDTH = 110
HEIGHT = 40
_SAID = 4
"""Most lines for the sentences under the register; one that does not fit is left to the report."""
_WARNED = 2
"""Most lines for warnings, where the lists leave any; the report has them all."""
_BEFORE = 36
"""Most columns that stand before the remark on what a year costs."""
Document = Mapping[str, Any]


def render(
    document: Document,
    *,
    width: int | None = None,
    colour: bool = False,
    height: int = HEIGHT,
    report: str = "",
    book: str = "BOOK",
    out: str = "out",
) -> str:
    """Return the summary of a run as text.

    Parameters
    ----------
    document : mapping
        The run document.
    width : int or None
        Columns of the terminal; 110 where there is none.
    colour : bool
        Whether to write terminal colour codes.
    height : int
        Most lines the summary takes.
    report : str
        Path of the HTML report, shown when given.
    book, out : str
        What the next commands name.

    Returns
    -------
    str
        Lines ending in a line break; without colour it holds no control characters.
    """
    lines = summary(
        document, width=width or WIDTH, height=height, report=report, book=book, out=out
    )
    return as_text(lines, width or WIDTH, colour=colour)


def as_text(lines: Sequence[Text], width: int, *, colour: bool) -> str:
    """Return lines as one string, with or without terminal colour codes."""
    if not colour:
        return "".join(f"{line.plain.rstrip()}\n" for line in lines)
    sink, console = _console(width, colour=True)
    for line in lines:
        console.print(line, soft_wrap=True)
    return sink.getvalue()


def register(document: Document, *, width: int | None = None, colour: bool = False) -> str:
    """Return the register as risk teams circulate it, as a text table."""
    sink, console = _console(width or WIDTH, colour=colour)
    console.print(circulated.table(document))
    return "".join(f"{line.rstrip()}\n" for line in sink.getvalue().splitlines())


def _console(width: int, *, colour: bool) -> tuple[io.StringIO, Console]:
    sink = io.StringIO()
    console = Console(
        file=sink, width=max(width, 40), force_terminal=colour, legacy_windows=False,
        color_system="standard" if colour else None, highlight=False, emoji=False, markup=False,
    )  # fmt: skip
    return sink, console


def summary(
    document: Document,
    *,
    width: int = WIDTH,
    height: int = HEIGHT,
    report: str = "",
    book: str = "BOOK",
    out: str = "out",
) -> list[Text]:
    """Return the lines of the summary; see :func:`render`."""
    run = cleaned(document)
    head = [*_head(run, width), Text(), *_costs(run, width)]
    said = _sentences(run, width)
    foot = [*_market(run, width), *_asked(run, width), *_trust(run, width), *_errors(run, width)]
    last = _next(run, width, report, book, out)
    every = (
        lists.scenarios(run, narrow=width < 104),
        lists.controls(run),
        lists.covers(run),
        lists.limits(run),
    )
    shown = [each for each in every if each.rows]
    fixed = (
        len(head)
        + len(said)
        + len(foot)
        + len(last)
        + 1
        + sum(1 + each.header_lines for each in shown)
    )
    given = allot(
        height - fixed, [len(each.rows) for each in shown], [each.least for each in shown]
    )
    lines = head
    for each, rows in zip(shown, given, strict=True):
        lines += [Text(), *lay(each.columns, each.cut(rows), width)]
        if each is every[0]:
            lines += said
    spare = height - len(lines) - 1 - len(foot) - len(last)
    warned = (
        _labelled("Warnings", "; ".join(_grave(run, "warning")), width, min(spare, _WARNED))
        if spare > 0
        else []
    )
    return [*lines, Text(), *foot, *warned, *last]


def _head(run: Document, width: int) -> list[Text]:
    book = run["book"]
    limits = run.get("limits", [])
    broken = sum(1 for limit in limits if limit["breached"])
    parts = [
        (str(book["name"] or "Risk book"), "bold"),
        (f"as of {run['as_of']}", ""),
        (f"next {amounts.horizon(run['horizon_years'])}", ""),
        (str(run["currency"]), ""),
        (f"book {str(book['hash'])[:6]}", "dim"),
    ]
    if broken:
        parts.append((f"{broken} of {len(limits)} limits BREACHED", "bold red"))
    else:
        kept = f"all limits kept ({len(limits)})" if limits else "no limits declared"
        parts.append((kept, "green" if limits else "dim"))
    rest = sum(len(text) + 3 for text, _ in parts[1:])
    room = max(width - rest - 1, 28)
    name = shortened(parts[0][0], room)
    lines = [Text(" ", no_wrap=True, overflow="ignore").append(name, "bold")]
    for text, style in parts[1:]:
        if cell_len(lines[-1].plain) + 3 + len(text) > width:
            lines.append(Text("  ", no_wrap=True, overflow="ignore").append(text, style))
        else:
            lines[-1].append("   ").append(text, style)
    return lines


def _costs(run: Document, width: int) -> list[Text]:
    whole, currency = basis(run), run["currency"]
    title = Text(
        f" What {'a year' if run['horizon_years'] == 1 else 'it'} costs",
        style="bold",
        no_wrap=True,
        overflow="ignore",
    )
    title.append(f"  ({_added(run, width)})", "not bold dim")
    years = run["horizon_years"]
    span = amounts.span(years)
    rows = [_average(run, whole, currency, width)]
    for level in ("0.95", "0.99"):
        then = f"and then costs {amounts.money(whole['cvar'][level], currency)} on average"
        amount = amounts.money(whole["var"][level], currency)
        label = f"1 {span} in {amounts.one_in(level)} exceeds"
        rows.append([(label, ""), (amount, "bold"), (then if whole["cvar"][level] > 0 else "", "")])
    columns = [words("", 12, 40), figures(), words("", 20, width)]
    lines = [title, *(_indented(line) for line in lay(columns, rows, width - 2))]
    for text, style in _caveats(run):
        lines += wrapped(text, width, 2, style=style, indent="   ")
    return lines


def _added(run: Document, width: int) -> str:
    """Say what is added to what, in the run's words where they fit the line."""
    said = str(run.get("added") or "").strip().rstrip(".")
    said = said[:1].lower() + said[1:]
    if said and len(said) <= width - 22:
        return said
    if _joined(run):
        held = "the market" if (run.get("market") or {}).get("methods") else "prices of tokens"
        plain = f"operational and protocol losses; joined with {held} below"
        return plain if len(plain) <= width - 22 else "without market risk"
    if not (run.get("market") or {}).get("methods"):
        return "operational and protocol losses"
    plain = "operational and protocol losses; market risk stands below, never added"
    return plain if len(plain) <= width - 22 else "market risk is never added"


def _indented(line: Text) -> Text:
    return Text("  ", no_wrap=True, overflow="ignore").append_text(line)


def _average(run: Document, whole: Document, currency: str, width: int) -> list[tuple[str, str]]:
    """Say the average, how often anything is lost, by what mostly, and where the average may lie.

    What does not fit the line gives way: first what loses mostly, then the interval.
    """
    chance = whole["probability_of_loss"]
    span = amounts.span(run["horizon_years"])
    if chance <= 0:
        often = "nothing is lost"
    elif chance < 0.005:
        often = f"something is lost in {amounts.chance(chance)} {span}s"
    elif chance >= 0.995:
        often = f"something is lost in nearly every {span}"
    else:
        often = f"something is lost in {chance * 100:.0f} {span}s of 100"
    rates = [(each["happens"]["per_year"], each["id"]) for each in run["scenarios"]]
    most = max(rates, default=(0.0, ""))
    mostly = f", mostly {most[1]}" if 0 < sum(rate for rate, _ in rates) < 2 * most[0] else ""
    low, high = (
        amounts.money(end, currency) for end in whole.get("ale_interval") or (whole["ale"],) * 2
    )
    lies = f"90 % credible: {low} to {high}; " if low != high else ""
    fitting = [
        said for said in (lies + often + mostly, lies + often) if len(said) <= width - _BEFORE
    ]
    said = fitting[0] if lies and fitting else often + mostly
    return [("an average year", ""), (amounts.money(whole["ale"], currency), "bold"), (said, "")]


def _caveats(run: Document) -> list[tuple[str, str]]:
    said = []
    if run.get("evidence"):
        given = ", ".join(f"{node} = {state}" for node, state in run["evidence"].items())
        said.append((f"given {given}", "yellow"))
    for failed in run.get("failed", [])[:2]:
        said.append((f"LEFT OUT: {failed['id']}: {failed['reason']}", "bold red"))
    more = len(run.get("failed", [])) - 2
    if more > 0:
        said.append((f"LEFT OUT: and {more} more, see the report", "bold red"))
    return said


def _sentences(run: Document, width: int) -> list[Text]:
    lines: list[Text] = []
    for sentence in run.get("sentences", []):
        room = _SAID - len(lines)
        fit = wrapped(sentence, width, 9, style="italic", indent="   ")
        if room > 0 and (len(fit) <= room or not lines):
            lines += wrapped(sentence, width, room, style="italic", indent="   ")
    return lines


def _market(run: Document, width: int) -> list[Text]:
    market = run.get("market") or {}
    if not market.get("methods"):
        text = "no positions declared, so no market risk is measured"
        return _labelled("Market", text, width, 1) + _together(run, width)
    method, currency = market["default_method"], run["currency"]
    days = market["methods"][method]
    parts: list[str] = []
    for count in sorted(days, key=int):
        figure = days[count].get("0.99")
        if figure:
            parts.append(_figure(count, figure, currency, first=not parts))
    text = ", ".join(parts) + f", of {amounts.money(market['value'], currency)} held"
    lines = _labelled("Market", text, width, 2)
    shocks = market.get("depeg", {})
    if shocks:
        largest = max(shocks, key=lambda name: _lifted(shocks[name]))
        lines += _labelled("", _lift(largest, shocks[largest], currency), width, 1)
    span = f"{method}, {market['days_used']:,} days to {market['last']}"
    note = f"; {market['note']}" if market.get("note") else ""
    lines += _labelled("", span + note, width, 1, style="dim")
    return lines + _together(run, width)


def _asked(run: Document, width: int) -> list[Text]:
    """A line for each chapter that was asked for: what moved, the horizon in slices."""
    lines, currency = [], run["currency"]

    def signed(value: float) -> str:
        return ("+" if value > 0.0 else "") + amounts.money(value, currency)

    if run.get("moved"):
        found = run["moved"]["measures"]["cvar_0.99"]
        kinds = [f"{kind} {signed(x)}" for kind, x in found["kinds"].items() if x]
        text = f"a 1-in-100 loss {signed(found['moved'])} since {run['moved']['a']['as_of']}"
        lines += _labelled("Moved", text + f" ({', '.join(kinds)})" * bool(kinds), width, 1)
    slices = run.get("feedback")
    if slices:
        text = f"not assessed: {slices['failed']}" if "failed" in slices else _lasting(slices)
        lines += _labelled("Slices", text, width, 1)
    return lines


def _lasting(found: Document) -> str:
    capital, currency = found["capital"], found["currency"]
    return (
        f"{amounts.money(capital['capital'], currency)} lasts {found['slices']} slices with "
        f"{amounts.probability(capital['survival'])}; in none of the figures above"
    )


def _joined(run: Document) -> bool:
    """Whether the run has one law of everything, the market with it."""
    return "contributions" in run["enterprise"]


def _together(run: Document, width: int) -> list[Text]:
    """Say what everything together costs in a bad period, and how much of that is the market's."""
    if not _joined(run):
        return []
    whole, currency = run["enterprise"], run["currency"]
    layers = {each["id"]: each["share"] for each in whole["contributions"]["layers"]}
    span = amounts.span(run["horizon_years"])
    held = bool((run.get("market") or {}).get("methods"))
    text = (
        f"{'with the market' if held else 'with thefts at the price of their day'} "
        f"1 {span} in 100 exceeds "
        f"{amounts.money(whole['var']['0.99'], currency)} and then costs "
        f"{amounts.money(whole['cvar']['0.99'], currency)} on average"
    )
    low, high = whole["uncertainty"]["0.99"]["cvar_interval"]
    text += f" (90 % interval {amounts.money(low, currency)} to {amounts.money(high, currency)})"
    share = layers.get("market", 0.0)
    if share < 0.0:
        text += f", {amounts.share(-share)} of it offset by gains of the market"
    elif held:
        text += f", {amounts.share(share)} of it the market"
    return _labelled("All", text, width, 2)


def _figure(days: str, figure: Document, currency: str, *, first: bool) -> str:
    text = f"{days}-day {'VaR 99 % ' if first else ''}{amounts.money(figure['var'], currency)}"
    interval = figure.get("var_interval")
    if first and interval:
        low, high = (amounts.money(each, currency) for each in interval)
        text += f" (90 % interval {low} to {high})"
    return text


def _lifted(each: Document) -> float:
    return float(each["cvar_with"] - each["cvar_without"])


def _lift(name: str, each: Document, currency: str) -> str:
    level = f"{each['days']}-day CVaR {amounts.level(each['level'])}" if "level" in each else "CVaR"
    chance = amounts.chance(each["probability_horizon"])
    return (
        f"shock {name} ({chance}) adds {amounts.money(_lifted(each), currency)} to a {level} of "
        f"{amounts.money(each['cvar_without'], currency)}"
    )


def _trust(run: Document, width: int) -> list[Text]:
    tail = [item for item in run.get("grades", {}).get("tail", {}).items() if item[1] > 0]
    tail.sort(key=lambda item: -item[1])
    parts = [f"{amounts.share(part)} {grade or 'not stated'}" for grade, part in tail]
    text = f"the 1-in-100 figure rests on {', '.join(parts)}." if parts else ""
    asks: dict[str, list[str]] = {}
    for each in run.get("improve", [])[:4]:
        asks.setdefault(each["id"], []).append(question(each["factor"]))
    if asks:
        wanted = "; ".join(f"{name} ({' '.join(said)})" for name, said in asks.items())
        text += f" Ask next: {wanted}"
    lines = _labelled("Trust", text.strip() or "no estimates to grade", width, 2)
    return lines + _labelled("", _agreement(run), width, 2)


def _grave(run: Document, kind: str) -> list[str]:
    """The errors, or the warnings, of the report, each with what it is about."""
    grave = [each for each in run.get("findings", []) if each["severity"] == kind]
    about = [(each["where"].split(".", 1)[-1], each["what"]) for each in grave]
    return [what if name in what else f"{name}: {what}" for name, what in about]


def _errors(run: Document, width: int) -> list[Text]:
    """Errors, always; scenarios that are left out stand above the figures."""
    out = {each["reason"] for each in run.get("failed", [])}
    said = [text for text in _grave(run, "error") if not any(why in text for why in out)]
    return _labelled("Errors", "; ".join(said), width, 3, style="red") if said else []


def _agreement(run: Document) -> str:
    checks = {key: value for key, value in run.get("checks", {}).items() if value is not None}
    simulated = basis(run).get("simulated") or {}
    if not checks:
        return "one engine only: the figures were not checked by the other"
    worst = max(checks, key=lambda key: abs(checks[key]))
    gap = abs(checks[worst])
    years = f"{simulated['years']:,} simulated years" if simulated.get("years") else "simulation"
    verdict = "agree" if gap <= 4 else "DISAGREE"
    where = f", {worst}" if gap > 4 else ""
    said = f"exact and {years} {verdict} (largest gap {gap:.1f} standard errors{where})"
    return said + _net_agrees(run) + _together_agree(run)


def _net_agrees(run: Document) -> str:
    """Whether the engines agree on what covers leave, in a few words."""
    found = (run.get("net") or {}).get("simulated")
    if not found or found["gap"] is None:  # None: simulation alone tells it
        return ""
    verdict = "too" if abs(found["gap"]) <= 4 else f"{found['years']:,} DISAGREE"
    return f"; net of covers {verdict} ({abs(found['gap']):.1f})"


def _together_agree(run: Document) -> str:
    """Of everything together: whether the two ways agree, in a few words."""
    found = (run.get("enterprise") or {}).get("simulated") or {}
    gap = found.get("gap")
    if gap is None or "strata" not in found:
        return ""
    verdict = "too" if abs(gap) <= 4 else f"{found['years']:,} DISAGREE"
    return f"; joined {verdict} ({abs(gap):.1f})"


def _next(run: Document, width: int, report: str, book: str, out: str) -> list[Text]:
    folder, source = shlex.quote(visible(out)), shlex.quote(visible(book))
    parts = [
        f"perilscope show {folder} --register",
        f"perilscope monitor {source} --since {folder}",
    ]
    if report:
        counts = [(kind, len(_grave(run, kind))) for kind in ("error", "warning")]
        grave = [f"{count} {kind}{'s' * (count > 1)}" for kind, count in counts if count]
        told = f" ({', '.join(grave)})" if grave else ""
        parts.append(f"report: {visible(report)}{told}")
    line, *more = [" Next     ", " " * 10]
    lines = [Text(line, style="bold", no_wrap=True, overflow="ignore")]
    for part in parts:
        if len(lines[-1].plain) > 10 and len(lines[-1].plain) + len(part) + 5 > width:
            lines.append(Text(more[0], no_wrap=True, overflow="ignore"))
        lines[-1].append(" " * (5 if len(lines[-1].plain) > 10 else 0)).append(part, "not bold")
    return lines


def _labelled(label: str, text: str, width: int, most: int, *, style: str = "") -> list[Text]:
    lines = wrapped(text, width, most, style=style, indent=" " * 10)
    if lines and label:
        first = Text(f" {label:<9}", style="bold", no_wrap=True, overflow="ignore")
        lines[0] = first.append(lines[0].plain[10:], "not bold")
    return lines
