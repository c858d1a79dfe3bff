# SPDX-License-Identifier: Apache-2.0
"""What `elicit` shows: the law behind an estimate, the scores of a round, experts combined."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.cells import cell_len
from rich.text import Text

from perilscope.cycle import amounts
from perilscope.report.columns import Cell, figures, lay, words, wrapped
from perilscope.report.names import cleaned

_BLOCKS = " ▁▂▃▄▅▆▇█"
_ROWS = 6
_TIED = "\ue000%"  # a sign that no text holds, one cell wide
#: How the two tails are said: one case of many, and what it does beyond an amount.
_TAILS = {
    "money": ("event in {}", "costs more than", "costs less than"),
    "rate": ("chance in {}", "that it happens more often than", "that it happens less often than"),
    "probability": ("chance in {}", "that it is above", "that it is below"),
    "number": ("case in {}", "lies above", "lies below"),
}


def estimate(document: Mapping[str, Any], width: int) -> Text:
    """Draw what an interval or quantiles imply.

    Parameters
    ----------
    document : mapping
        From `perilscope.cycle.people.implied`.
    width : int
        Cells of a line.
    """
    shown = cleaned(document)
    show = _format(shown["kind"], shown["currency"])
    title = f" {shown['what'] or 'Your estimate'}: {shown['text']}"
    lines = [*wrapped(title, width, 3, style="bold", indent=" "), Text(f"   {_law(shown)}", "dim")]
    lines += [Text(), *_figures(shown, show, width), Text(), *_picture(shown, show), Text()]
    said = [*shown["notes"], *shown["warnings"]]
    lines += [each for sentence in said for each in _said(sentence, width, "yellow")]
    lines += _bet(shown, show, width)
    return _page([*lines, *_for_a_book([shown["line"]])])


def answered(row: Mapping[str, Any]) -> Text:
    """Draw how one answer of a round stands to the truth."""
    shown = cleaned(row)
    truth = _truth(shown)
    good = shown["right"] if "right" in shown else shown["inside"]
    word = ("right" if good else "wrong") if "right" in shown else ("in" if good else "OUTSIDE")
    return Text(f"   {word}: {truth}  ({shown['source']})\n", "green" if good else "yellow")


def training(document: Mapping[str, Any], width: int) -> Text:
    """Draw the scores of a round of training."""
    shown = cleaned(document)
    lines: list[Text] = []
    if shown["intervals"]:
        lines += [Text(" Intervals that should hold 9 times in 10", "bold")]
        lines += [each for text in _of_intervals(shown["intervals"]) for each in _said(text, width)]
        lines += _missed(shown["answers"], width)
    if shown["statements"]:
        lines += [Text(" Statements with your confidence", "bold")]
        lines += [each for text in _of_choices(shown["statements"]) for each in _said(text, width)]
        lines += _by_confidence(shown["statements"]["by_confidence"], width)
    lines += [Text(" Advice", "bold")]
    return _page([*lines, *(each for text in shown["advice"] for each in _said(text, width))])


def experts(document: Mapping[str, Any], width: int) -> Text:
    """Draw how experts did, how they were weighed, and what they say together."""
    shown = cleaned(document)
    lines = [*_performance(shown, width), Text()]
    alpha = (
        ""
        if shown["alpha"] is None
        else f"; no weight below a calibration of {_small(shown['alpha'])}"
    )
    lines += wrapped(f"Together: {shown['method_in_words']}{alpha}", width, 3, style="bold")
    lines += _targets(shown, width)
    lines += [each for note in shown["notes"] for each in _said(note, width, "yellow")]
    lines += _robust(shown["robustness"], width)
    books = [(f"# {each['item']}", each["line"]) for each in shown["targets"] if each["line"]]
    return _page([*lines, *_for_a_book([text for both in books for text in both])])


def questions(bank: Sequence[Mapping[str, Any]], width: int) -> Text:
    """Draw the questions of a bank with their ids, without the answers."""
    rows = [[(each["id"], "bold"), (each["text"], "")] for each in cleaned(list(bank))]
    return _page(lay([words("id", 20, 30), words("question", 20, 200)], rows, width))


# --- one estimate ---------------------------------------------------------------------------------


def _format(kind: str, currency: str) -> Callable[[float | None], str]:
    if kind == "money":
        return lambda value: amounts.money(value, currency)
    return {"rate": amounts.frequency, "probability": amounts.probability}.get(kind, amounts.number)


def _law(shown: Mapping[str, Any]) -> str:
    meant = {"money": "one event differs from the next", "number": "cases differ"}
    belief = meant.get(shown["kind"], "a belief: one value, which we do not know")
    return f"{shown['law']} law ({belief})"


def _figures(
    shown: Mapping[str, Any], show: Callable[[float | None], str], width: int
) -> list[Text]:
    found = shown["quantiles"]
    case, above, below = _TAILS[shown["kind"]]
    at = f"{min(100 * shown['mean_at'], 99):.0f}{' or more' * (shown['mean_at'] > 0.995)} in 100"
    mean = f"{show(shown['mean'])}; {at} lie below it"
    rows = [
        ("mean", mean if shown["mean"] is not None else "there is none: it is infinite"),
        ("median", f"{show(shown['median'])}; as often above as below"),
        ("half of all", f"{show(found['0.25'])} to {show(found['0.75'])}"),
        (f"1 {case.format(20)}", f"{below} {show(found['0.05'])}"),
        (f"1 {case.format(20)}", f"{above} {show(found['0.95'])}"),
        (f"1 {case.format(100)}", f"{above} {show(found['0.99'])}"),
    ]
    cells: list[list[Cell]] = [[(label, ""), (text, "bold")] for label, text in rows]
    lines = lay([words("", 12, 20), words("", 20, 90)], cells, width - 2)
    return [Text("  ", no_wrap=True, overflow="ignore").append_text(line) for line in lines]


def _picture(shown: Mapping[str, Any], show: Callable[[float | None], str]) -> list[Text]:
    """Draw how likely each stretch of the axis is, and where the marks lie on it."""
    picture = shown["picture"]
    masses, most = picture["masses"], max(picture["masses"])
    lines = []
    for row in range(_ROWS - 1, -1, -1):
        cells = [min(max(round(mass / most * 8 * _ROWS) - 8 * row, 0), 8) for mass in masses]
        lines.append(Text("   " + "".join(_BLOCKS[cell] for cell in cells).rstrip()))
    marks = [("5 %", shown["quantiles"]["0.05"]), ("median", shown["median"]),
             ("mean", shown["mean"]), ("95 %", shown["quantiles"]["0.95"])]  # fmt: skip
    axis, labels = _axis(picture, [(name, at) for name, at in marks if at is not None], show)
    labels += ["(logarithmic axis: equal steps are equal factors)"] if picture["log"] else []
    return [*lines, Text(f"   {axis}"), *(Text(f"   {each}", "dim") for each in labels)]


def _axis(
    picture: Mapping[str, Any], marks: Sequence[tuple[str, float]],
    show: Callable[[float | None], str],
) -> tuple[str, list[str]]:  # fmt: skip
    """The axis with its marks, and lines of labels under it; a label never runs into another."""
    size = len(picture["masses"])
    axis, rows = ["─"] * size, [""]
    for name, value in sorted(marks, key=lambda mark: mark[1]):
        place = _column(picture, value)
        if not 0 <= place < size:
            continue
        axis[place] = "┴"
        label = f"{name} {show(value)}"
        left = max(place - cell_len(label) // 2, 0)
        free = [n for n, text in enumerate(rows) if not text or cell_len(text) + 2 <= left]
        row = free[0] if free else len(rows)
        rows += [""] * (row == len(rows))
        rows[row] = rows[row].ljust(left) + label
    return "".join(axis), rows


def _column(picture: Mapping[str, Any], value: float) -> int:
    low, high, size = picture["low"], picture["high"], len(picture["masses"])
    if picture["log"]:
        return int(size * math.log(value / low) / math.log(high / low))
    return int(size * (value - low) / (high - low))


def _bet(shown: Mapping[str, Any], show: Callable[[float | None], str], width: int) -> list[Text]:
    low, high = show(shown["quantiles"]["0.05"]), show(shown["quantiles"]["0.95"])
    what = "the next event costs" if shown["kind"] == "money" else "the truth lies"
    text = (
        f"Would you bet? $1,000 if {what} between {low} and {high}, or $1,000 for a white "
        "ball from an urn with 9 white balls of 10. If you would rather draw, the interval is too "
        "narrow; if you would rather bet on the interval, it is too wide."
    )
    return _said(text, width)


# --- a round of training --------------------------------------------------------------------------


def _of_intervals(found: Mapping[str, Any]) -> list[str]:
    said = [
        f"{found['hits']} of {found['asked']} held the truth; {found['expected']:.3g} were to be "
        f"expected. Somebody whose intervals are right has "
        f"{_so_many(found['hits'], found['hits'] >= found['expected'])} with "
        f"{amounts.probability(found['probability'])}: {_VERDICTS[found['verdict']]}."
    ]
    for name, score in sorted(found["scores"].items(), reverse=True):
        unit = "years" if name == "dates" else "in natural logarithms"
        total, wide = score["width"] + score["penalty"], score["width"]
        apart = f" (ends a factor of {math.exp(min(wide, 700)):.2g} apart)"
        said.append(
            f"Interval score for {name}: {total:.3g} {unit}, of which width {wide:.3g}"
            f"{apart if name == 'amounts' else ''} and penalty for misses {score['penalty']:.3g}; "
            "less is better."
        )
    return said


def _so_many(count: int, many: bool) -> str:
    return f"{count} or more" if many else (f"{count} or fewer" if count else "none at all")


_VERDICTS = {
    "too sure": "too sure (intervals too narrow)",
    "not sure enough": "not sure enough (intervals too wide)",
    "as it should be": "nothing against it",
}


def _missed(answers: Sequence[Mapping[str, Any]], width: int) -> list[Text]:
    rows: list[list[Cell]] = []
    for each in answers:
        if each.get("inside") is False:
            said = f"{_plain(each['low'], each)} to {_plain(each['high'], each)}"
            rows.append([(each["question"], ""), (said, ""), (_truth(each), "yellow")])
    if not rows:
        return []
    columns = [words("outside", 20, 70), figures("you said"), figures("the truth")]
    return [*lay(columns, rows, width), Text()]


def _of_choices(found: Mapping[str, Any]) -> list[str]:
    verdict = found["verdict"].replace("as it should be", "nothing against it")
    return [
        f"{found['right']} of {found['asked']} right; your confidence promised "
        f"{found['expected']:.3g}. Somebody who is right as often as promised has "
        f"{_so_many(found['right'], found['right'] >= found['expected'] - 1e-9)} with "
        f"{amounts.probability(found['probability'])}: {verdict}.",
        f"Brier score {found['brier']:.3f} (0 is perfect, 0.25 a coin) = calibration "
        f"{found['reliability']:.3f} - discrimination {found['resolution']:.3f} + difficulty "
        f"{found['uncertainty']:.3f}.",
    ]


def _by_confidence(groups: Sequence[Mapping[str, Any]], width: int) -> list[Text]:
    rows: list[list[Cell]] = [
        [(f"{100 * each['confidence']:.0f} % sure", ""), (str(each["asked"]), ""),
         (str(each["right"]), ""), (amounts.share(each["right"] / each["asked"]), "bold")]
        for each in groups
    ]  # fmt: skip
    columns = [words("", 10, 20), figures("asked"), figures("right"), figures("share")]
    return [*lay(columns, rows, width), Text()]


def _truth(row: Mapping[str, Any]) -> str:
    if isinstance(row["truth"], bool):
        return str(row["truth"]).lower()
    unit = "" if row["unit"] == "year" else f" {row['unit']}"
    return _plain(row["truth"], row) + unit


def _plain(value: float, row: Mapping[str, Any]) -> str:
    return f"{value:.10g}" if row["unit"] == "year" else f"{value:,.10g}"


# --- several experts ------------------------------------------------------------------------------


def _performance(shown: Mapping[str, Any], width: int) -> list[Text]:
    seeds, levels = shown["seeds"], ", ".join(f"{100 * p:.10g} %" for p in shown["levels"])
    head = f" {len(shown['experts'])} experts, quantiles {levels}"
    head += f"; {seeds} seed questions" if seeds else "; no seed questions, so nobody is scored"
    columns = [words("", 8, 30), *map(figures, ("calibration", "information", "score"))]
    columns += [figures("seeds"), figures("weight")]
    rows: list[list[Cell]] = [
        [(each["name"], ""), *_scores(each), (amounts.share(each["weight"]), "bold")]
        for each in shown["experts"]
    ]
    if seeds:
        for each in shown["combinations"]:
            chosen = "<< chosen" if each["method"] == shown["method"] else ""
            rows.append([(f"together: {each['method']}", "bold"), *_scores(each), (chosen, "")])
    return [*wrapped(head, width, 3, style="bold", indent=" "), *lay(columns, rows, width)]


def _scores(did: Mapping[str, Any]) -> list[Cell]:
    values = [_small(did[key]) for key in ("calibration", "information", "score")]
    return [(value, "") for value in values] + [(str(did["seeds"]), "")]


def _small(value: float | None) -> str:
    return amounts.ABSENT if value is None else f"{value:.2g}"


def _targets(shown: Mapping[str, Any], width: int) -> list[Text]:
    headers = [f"{100 * level:.10g} %" for level in shown["levels"]]
    names = [each["name"] for each in shown["experts"]]
    rows: list[list[Cell]] = []
    for each in shown["targets"]:
        show = _format(each["kind"], "")
        if each["quantiles"] is None:
            continue
        values = [*each["quantiles"], each["mean"]]
        rows.append([(each["item"], "bold"), *((show(value), "bold") for value in values)])
        for name, answer in zip(names, each["answers"], strict=True):
            if answer:
                cells = [(show(value), "dim") for value in answer]
                rows.append([(f"  {name}", "dim"), *cells, ("", "")])
    fits = [each for target in shown["targets"] for note in target["notes"]
            for each in _said(note, width, "dim")]  # fmt: skip
    if not rows:
        return [Text("  there are no questions but seeds, so nothing is combined")]
    table = lay([words("", 10, 40), *map(figures, [*headers, "mean"])], rows, width)
    return [*table, Text(), *fits]


def _robust(rows: Sequence[Mapping[str, Any]], width: int) -> list[Text]:
    if not rows:
        return []
    keys = ("calibration", "information", "score")
    cells: list[list[Cell]] = [
        [(each["without"], ""), *((_small(each[key]), "") for key in keys)] for each in rows
    ]
    columns = [words("without", 10, 40), *map(figures, keys)]
    return [*lay(columns, cells, width), Text()]


# --- lines ----------------------------------------------------------------------------------------


def _said(text: str, width: int, style: str = "") -> list[Text]:
    """A paragraph and an empty line; a number is not parted from its percent sign."""
    lines = wrapped(text.replace(" %", _TIED), width, 99, indent="   ")
    shown = [Text(line.plain.replace(_TIED, " %"), style) for line in lines]
    return [*shown, Text()]


def _for_a_book(lines: Sequence[str]) -> list[Text]:
    """Lines to copy, which are never broken."""
    if not lines:
        return []
    kept = [Text(f"   {line}", no_wrap=True, overflow="ignore") for line in lines]
    return [Text(" For a book", "bold"), *kept]


def _page(lines: Sequence[Text]) -> Text:
    return Text("\n", no_wrap=True, overflow="ignore").join(lines)
