# SPDX-License-Identifier: Apache-2.0
"""Tables that are said in a few numbers a parent: canonical models.

In place of a row for each combination of parents' states, ``table`` may hold one of these, each a
mapping of parents; a state that is not named does nothing, and a bare number is for the parent's
last state::

    {noisy-or: {bad-audit: 30 %, bad-oracle: {weak: 5 %, broken: 60 %}}, leak: 1 %}
    {noisy-and: {key-stolen: 90 %, pin-known: 50 %}, most: 80 %}
    {noisy-max: {storm: {strong: [0.5, 0.3, 0.2]}}, leak: [0.9, 0.1, 0]}
    {logistic: {reserves: {doubtful: 12}, liquidity: 3}, overall: 3 %}
    {ranked: {audits: 2, team: 1}, spread: 0.1}

``logistic`` gives odds multipliers, and the chance of the last state either ``overall`` or
``otherwise``, where every parent is in its first state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Literal

from .estimate import Value
from .quantity import QuantityError, parse, plain
from .source import Path
from .words import listed, near, shown

Kind = Literal["noisy-or", "noisy-and", "noisy-max", "logistic", "ranked"]
KINDS: Mapping[str, tuple[str, ...]] = {
    "noisy-or": ("leak",),
    "noisy-and": ("most",),
    "noisy-max": ("leak",),
    "logistic": ("overall", "otherwise"),
    "ranked": ("spread",),
}
Row = tuple[Decimal, ...]
States = Mapping[str, tuple[str, ...]]
Report = Callable[..., None]
_TWO = ("noisy-or", "noisy-and", "logistic")
_OF_STATE: Mapping[str, tuple[str, Decimal]] = {
    "noisy-or": ("probability", Decimal(0)),
    "noisy-and": ("probability", Decimal(0)),
    "logistic": ("number", Decimal(1)),
}
_ONE = Decimal(1)


class Interaction(Value):
    """How parents act on a node, in a few numbers each.

    Parameters
    ----------
    kind : str
    by_parent : tuple of tuples
        For each parent, in order, its numbers: one for each state (noisy-or, noisy-and, logistic),
        one row over the node's states for each state, laid end to end (noisy-max), or one weight.
    rest : tuple of Decimal
        Leak, ``most``, chance or spread.
    says : str
        Which of its further keys ``rest`` is.
    """

    kind: Kind
    by_parent: tuple[Row, ...]
    rest: Row
    says: str


def is_interaction(written: Any) -> bool:
    """Whether a table is written in this way."""
    return isinstance(written, dict) and any(kind in written for kind in KINDS)


class Reader:
    """Reads the interaction of one node; what is wrong is reported once, and None returned."""

    def __init__(
        self, states: tuple[str, ...], parents: tuple[str, ...], of: States, report: Report
    ) -> None:
        self.states, self.parents, self.of, self.report = states, parents, of, report

    def read(self, written: dict[str, Any], path: Path) -> dict[str, Any] | None:
        """The parts of an `Interaction`."""
        kinds = [kind for kind in KINDS if kind in written]
        kind, more = kinds[0], KINDS[kinds[0]]
        for key in written:
            if key not in (kind, *more):
                mend = f"With `{kind}` there may stand: {', '.join(more)}."
                self.report((*path, key), f"`{key}` does not belong here", mend, key=True)
                return None
        if kind in _TWO and len(self.states) != 2:
            what = f"`{kind}` is for a node of two states; this one has {len(self.states)}"
            self.report(path, what, "`noisy-max` and `ranked` take more.")
            return None
        inner = written[kind]
        if not isinstance(inner, dict) or set(inner) != set(self.parents) or not self.parents:
            self._names(inner, (*path, kind))
            return None
        at = (*path, kind)
        by_parent = [self._parent(kind, n, inner[n], (*at, n)) for n in self.parents]
        says, rest = self._rest(kind, written, path)
        if rest is None or any(each is None for each in by_parent):
            return None
        return {"kind": kind, "by_parent": tuple(by_parent), "rest": rest, "says": says}

    def _names(self, inner: Any, path: Path) -> None:
        listed_parents = f"Parents: {listed(self.parents)}."
        if not isinstance(inner, dict):
            what = f"a mapping of parents is wanted, found {shown(inner)}"
            self.report(path, what, listed_parents)
            return
        for name in inner:
            if name not in self.parents:
                mend = f"{near(name, self.parents)}{listed_parents}"
                self.report((*path, name), f"`{name}` is no parent of this node", mend, key=True)
                return
        missing = [name for name in self.parents if name not in inner]
        what = f"nothing is said of {', '.join(missing) or 'any parent'}"
        self.report(path, what, listed_parents)

    def _parent(self, kind: str, name: str, written: Any, path: Path) -> Row | None:
        if kind == "ranked":
            return self._numbers([written], "number", [path], lambda x: x > 0, "above 0")
        states = self.of[name]
        by_state = written if isinstance(written, dict) else {states[-1]: written}
        for state in by_state:
            if state not in states:
                mend = f"{near(state, states)}Its states: {', '.join(states)}."
                self.report((*path, state), f"`{name}` has no state `{state}`", mend, key=True)
                return None
        if kind == "noisy-max":
            rows = [self._row(by_state.get(state), (*path, state)) for state in states]
            whole = [p for row in rows if row is not None for p in row]
            return tuple(whole) if all(row is not None for row in rows) else None
        dimension, usual = _OF_STATE[kind]
        cells = [by_state.get(state, str(usual)) for state in states]
        paths: list[Path] = [(*path, state) for state in states]
        if kind == "logistic":
            allowed = "that multiplies odds, above 0,"
            return self._numbers(cells, dimension, paths, lambda x: x > 0, allowed)
        return self._numbers(cells, dimension, paths, lambda x: 0 <= x <= 1, "between 0 and 1")

    def _row(self, written: Any, path: Path) -> Row | None:
        if written is None:  # a state that does nothing
            return (_ONE, *(Decimal(0) for _ in self.states[1:]))
        if not isinstance(written, list) or len(written) != len(self.states):
            mend = f"In the order {', '.join(self.states)}."
            self.report(path, f"a row of {len(self.states)} probabilities is wanted", mend)
            return None
        paths: list[Path] = [(*path, k) for k in range(len(written))]
        row = self._numbers(written, "probability", paths, lambda x: 0 <= x <= 1, "between 0 and 1")
        if row is not None and abs(sum(row) - _ONE) > Decimal("1e-9"):
            self.report(path, f"this row sums to {float(sum(row)):.9g}, not 1")
            return None
        return row

    def _rest(self, kind: str, written: dict[str, Any], path: Path) -> tuple[str, Row | None]:
        says = next((key for key in KINDS[kind] if key in written), KINDS[kind][0])
        at = (*path, says)
        if kind == "noisy-max":
            return says, self._row(written.get(says), at)
        usual = {"noisy-or": "0", "noisy-and": "1", "ranked": "0.1"}
        if kind == "logistic" and sum(key in written for key in KINDS[kind]) != 1:
            what = "the chance of the last state is given once"
            self.report(path, what, "As `overall: 3 %` or `otherwise: 0.2 %`.")
            return says, None
        cell = written.get(says, usual.get(kind))
        if kind == "ranked":
            return says, self._numbers([cell], "number", [at], lambda x: x > 0, "above 0")
        open_ = kind == "logistic"
        allowed = "between 0 and 1" + (", neither of them" if open_ else "")
        fits = (lambda x: 0 < x < 1) if open_ else (lambda x: 0 <= x <= 1)
        return says, self._numbers([cell], "probability", [at], fits, allowed)

    def _numbers(
        self,
        cells: list[Any],
        dimension: str,
        paths: list[Path],
        fits: Callable[[Decimal], bool],
        allowed: str,
    ) -> Row | None:
        found = []
        for cell, path in zip(cells, paths, strict=True):
            try:
                value = plain(parse(str(cell), dimension).node)
                if value is None or not fits(value):
                    raise QuantityError(f"a number {allowed} is wanted, found {shown(cell)}")
            except QuantityError as error:
                self.report(path, error.what, error.mend)
                return None
            found.append(value)
        return tuple(found)
