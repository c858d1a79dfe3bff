# SPDX-License-Identifier: Apache-2.0
"""Why the figures of two runs differ: a waterfall that adds up, from runs of every mixture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from perilscope.cycle.assess import assess
from perilscope.cycle.document import document
from perilscope.cycle.inputs import Made
from perilscope.cycle.questions.changes import (
    KINDS,
    Change,
    Inputs,
    all_together,
    changes,
    merged,
    mixture,
)
from perilscope.cycle.questions.reading import Reading, read
from perilscope.cycle.settings import LEVELS, Settings
from perilscope.engines.portfolio.attribution import Shares, shares
from perilscope.errors import AssessmentError, MisuseError, PerilscopeError

Document = dict[str, Any]
Progress = Callable[[str, int, int], None]

MEASURES = ("ale", *(f"{name}_{level:g}" for name in ("var", "cvar") for level in LEVELS))
PROGRAM = "program"
"""What is left when the inputs are put in: another version of the program, or another machine."""
_SAME = 1e-9


class _UnfitError(Exception):
    """A mixture of old and new that cannot be assessed."""


def moved(a: Made, b: Made, progress: Progress = lambda _w, _d, _o: None) -> Document:
    """What moved from run ``a`` to run ``b``, and why.

    Parameters
    ----------
    a, b : Made
        The earlier and the later run.
    progress : callable
        Told of the runs that are made on the way.

    Returns
    -------
    dict
        ``measures`` by name with ``from``, ``to``, ``moved`` and the ``bars`` that add up to it.

    Raises
    ------
    MisuseError
        The runs count in different currencies.
    """
    if a.document["currency"] != b.document["currency"]:
        one, two = a.document["currency"], b.document["currency"]
        raise MisuseError(f"the first run counts in {one}, the second in {two}: nothing to compare")
    bars, method = _attributed(a, b, progress)
    before, after = (_figures(made.document) for made in (a, b))
    measures = {}
    for i, name in enumerate(MEASURES):
        move = float(after[i] - before[i])
        own = [
            {
                "kind": kind,
                "name": label,
                "value": float(value[i]),
                "least": float(least[i]),
                "most": float(most[i]),
            }
            for kind, label, value, least, most in bars
        ]
        measures[name] = {
            "from": float(before[i]),
            "to": float(after[i]),
            "moved": move,
            "error": _error(a, b, name),
            "kinds": _by_kind(own),
            "bars": own,
        }
    return {
        "format": 1,
        "book": b.document["book"]["name"],
        "currency": b.document["currency"],
        "horizon_years": b.document["horizon_years"],
        "a": _told(a),
        "b": _told(b),
        "measures": measures,
        "contributions": _contributions(a.document, b.document),
        "nodes": _nodes(a.document, b.document),
        "method": method,
    }


def _told(made: Made) -> Document:
    found = made.document
    return {
        "book": found["book"]["name"],
        "book_hash": found["book"]["hash"],
        "as_of": found["as_of"],
        "horizon_years": found["horizon_years"],
        "evidence": list(_placed(made).evidence),
        "version": found["provenance"].get("perilscope", ""),
        "inputs_kept": made.workspace is not None,
    }


def _figures(found: Mapping[str, Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    whole = found["enterprise"]
    pairs = [(name, f"{level:g}") for name in ("var", "cvar") for level in LEVELS]
    return np.array([whole["ale"], *(whole[name][level] for name, level in pairs)])


def _error(a: Made, b: Made, name: str) -> float | None:
    """How far the move may be off because both figures are: their errors added, in money."""
    if name == "ale":
        return 0.0
    measure, level = name.split("_")
    total = 0.0
    for whole in (a.document["enterprise"], b.document["enterprise"]):
        relative = whole["error"].get(level)
        if relative is None:
            return None
        total += relative * abs(whole[measure][level])
    return total


def _by_kind(bars: Sequence[Document]) -> dict[str, float]:
    found = dict.fromkeys(KINDS, 0.0)
    for bar in bars:
        found[bar["kind"]] = found.get(bar["kind"], 0.0) + bar["value"]
    return found


# --- what changed, and what each change did

Bar = tuple[str, str, Any, Any, Any]


def _attributed(a: Made, b: Made, progress: Progress) -> tuple[list[Bar], Document]:
    move = _figures(b.document) - _figures(a.document)
    if a.workspace is None or b.workspace is None:
        return _unsplit(a, b, move)
    old, new = (a.workspace, _placed(a)), (b.workspace, _placed(b))
    pieces = changes(old, new)
    for found in (pieces, merged(pieces), all_together(pieces)) if pieces else ([],):
        try:
            told, start = _shared(old, found, (a.document, b.document), progress)
        except _UnfitError:
            continue
        bars = [(c.kind, c.name, told.moved[i], told.least[i], told.most[i])
                for i, c in enumerate(found)]  # fmt: skip
        rest = move - told.moved.sum(axis=0)
        scale = np.abs(_figures(a.document)) + np.abs(_figures(b.document))
        same = bool(np.all(np.abs(rest) <= _SAME * np.maximum(scale, 1e-300)))
        if not same:
            bars.append((PROGRAM, "another version of the program", rest, rest, rest))
        elif bars:
            kind, name, value, least, most = bars[-1]
            bars[-1] = (kind, name, value + rest, least, most)
        said = "all orders" if told.orders > 2 or len(found) < 3 else "an order and its reverse"
        first = bool(np.allclose(start, _figures(a.document), rtol=_SAME, atol=0.0))
        return bars, {
            "split": "by running every mixture of old and new again",
            "orders": said,
            "reproduced": first and same,
            "note": "" if found == pieces or not pieces else "some pieces fit only together",
        }
    return _unsplit(a, b, move)


def _placed(made: Made) -> Settings:
    """The settings with evidence by the full names of nodes, as the document has them."""
    known = made.document.get("evidence", {})
    items = []
    for item in made.settings.evidence:
        node, _, state = item.partition("=")
        full = [place for place in known if place == node or place.endswith(f".{node}")]
        items.append(f"{full[0] if len(full) == 1 else node}={state}")
    return replace(made.settings, evidence=tuple(items))


def _shared(
    old: Inputs, found: Sequence[Change], documents: Sequence[Document], progress: Progress
) -> tuple[Shares, Any]:
    failed = {each["id"] for made in documents for each in made["failed"]}
    done = 0
    start: list[Any] = []

    def value(chosen: frozenset[int]) -> Any:
        nonlocal done
        figures = _run(mixture(old, [found[i] for i in sorted(chosen)]), failed)
        done += 1
        progress("runs", done, max(done + 1, 2 * len(found)))
        if not chosen:
            start.append(figures)
        return figures

    return shares(value, len(found)), start[0]


def _run(inputs: Inputs, failed: set[str]) -> Any:
    """The figures of one mixture, found without what only the report wants."""
    workspace, settings = inputs
    plain = replace(settings, tornado="", band=False)
    try:
        if settings.engine == "simulation":
            result = document(assess(workspace, plain))
            left_out, figures = {each["id"] for each in result["failed"]}, _figures(result)
        else:
            known = read(workspace, replace(plain, engine="exact"))
            left_out, figures = {each.id for each in known.joined.failed}, _exact(known)
    except (PerilscopeError, KeyError) as error:
        raise _UnfitError(str(error)) from error
    if left_out - failed:
        raise _UnfitError("a scenario cannot be assessed in this mixture")
    return figures


def _exact(known: Reading) -> Any:
    """As the document of a run has them; a market that cannot be joined is left out there too."""
    try:
        law = known.law
    except AssessmentError:
        law = known.plain
    tail = [f(level) for f in (law.var, law.cvar) for level in LEVELS]
    return np.array([known.plain.mean / known.book.horizon_years, *tail])


def _unsplit(a: Made, b: Made, move: Any) -> tuple[list[Bar], Document]:
    """All of the move as one bar, under the name of all that differs."""
    one, two = a.document, b.document
    kinds = [
        kind
        for kind, differs in (
            ("time", one["as_of"] != two["as_of"]),
            ("data", _digests(one) != _digests(two)),
            ("evidence", one.get("evidence") != two.get("evidence")),
            ("model", _model_differs(one, two)),
        )
        if differs
    ]
    versions = one["provenance"].get("perilscope") != two["provenance"].get("perilscope")
    if versions:
        kinds.append(PROGRAM)
    name = " and ".join(kinds) or "nothing that the runs say of themselves"
    kind = kinds[0] if len(kinds) == 1 else (name if kinds else PROGRAM)
    why = next((made.why for made in (a, b) if made.workspace is None), "mixtures do not run")
    bars: list[Bar] = [(kind, name, move, move, move)] if kinds or np.any(move) else []
    return bars, {
        "split": "not split: nothing was run again",
        "orders": "",
        "reproduced": False,
        "note": "" if len(kinds) == 1 else f"{why}, so what each of them did is not known",
    }


def _model_differs(one: Document, two: Document) -> bool:
    """Whether books differ otherwise than by their date, as far as hashes tell."""
    same_date = one["as_of"] == two["as_of"]
    books = bool(one["book"]["hash"] != two["book"]["hash"]) and same_date
    return books or bool(one["horizon_years"] != two["horizon_years"])


def _digests(found: Document) -> list[str]:
    return sorted(each["sha256"] for each in found["provenance"].get("data", []))


# --- where it shows


def _contributions(one: Document, two: Document) -> list[Document]:
    """What each scenario bears of CVaR 99 %, in both runs; what bears the rest comes last."""
    before, after = (_borne(found) for found in (one, two))
    rows: list[Document] = []
    for key in dict.fromkeys([*after, *before]):
        was, now = before.get(key, 0.0), after.get(key, 0.0)
        rows.append({"id": key, "from": was, "to": now, "moved": now - was})
    rest = [row for row in rows if row["id"] == REST]
    told = sorted((r for r in rows if r["id"] != REST), key=lambda r: (-abs(r["moved"]), r["id"]))
    return [*told, *rest]


REST = "other layers"


def _borne(found: Document) -> dict[str, float]:
    whole = found["enterprise"]["cvar"]["0.99"]
    split = found["enterprise"].get("contributions")
    if split:  # market, operational and protocol losses as one
        return {each["id"]: each["cvar"] for each in split["scenarios"]}
    own = {each["id"]: each["share_of_tail"] * whole for each in found["scenarios"]}
    left = whole - sum(own.values())
    if abs(left) > 1e-6 * abs(whole):
        own[REST] = left
    return own


def _nodes(one: Document, two: Document) -> list[Document]:
    """Nodes that drive losses or prices and are thought of otherwise now."""
    driving = {each["driven_by"] for found in (one, two) for each in found["scenarios"]}
    driving |= {key for found in (one, two) for key in found["market"].get("depeg", {})}
    rows = []
    for place in sorted(filter(None, driving)):
        net, _, node = place.partition(".")
        before, after = (found["networks"].get(net, {}).get(node, {}) for found in (one, two))
        for state in after:
            if abs(after[state] - before.get(state, after[state])) > 1e-12:
                rows.append(
                    {"node": place, "state": state, "from": before[state], "to": after[state]}
                )
    return rows
