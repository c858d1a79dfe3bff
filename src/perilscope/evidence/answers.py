# SPDX-License-Identifier: Apache-2.0
"""Files of experts' answers, as YAML or CSV: text -> a :class:`Study`, or every fault."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

from perilscope.book import source
from perilscope.book.quantity import QuantityError
from perilscope.errors import DataError, MisuseError
from perilscope.evidence.judgements import Answer, Item, Kind, Scale, Study, wrong
from perilscope.evidence.questions import number
from perilscope.evidence.table import Faults, read_table

#: More than this is no panel of experts but a mistake, and would take minutes.
MOST_EXPERTS, MOST_ITEMS = 200, 1000
_LEVEL = re.compile(r"p(\d{1,2}(?:\.\d{1,6})?)")
_KEYS = ("question", "truth", "scale", "kind", "answers")


def parse_study(name: str, data: bytes) -> Study:
    """The answers in a YAML file, or in a CSV file where its name ends so.

    Parameters
    ----------
    name : str
        Name of the file as the user gave it.
    data : bytes

    Raises
    ------
    DataError
        With every fault and its place.

    Examples
    --------
    >>> text = b'''
    ... experts: [ciso, quant]
    ... quantiles: [5 %, 50 %, 95 %]
    ... items:
    ...   phish-2025: {truth: 12, answers: {ciso: [4, 10, 30], quant: [8, 11, 16]}}
    ...   theft: {answers: {ciso: [200k, 1M, 6M], quant: [100k, 2M, 9M]}}
    ... '''
    >>> study = parse_study("panel.yaml", text)
    >>> study.items[1].answers[0], study.items[1].scale
    ((200000.0, 1000000.0, 6000000.0), 'log')
    """
    csv = name.lower().endswith(".csv")
    return _Csv(name).read(data) if csv else _Yaml(name, data).read()


def _level(text: str) -> float:
    value = number(text)
    if not 0 < value < 1:
        raise QuantityError(f"a quantile level must lie between 0 and 100 %; here {text}")
    return value


def _one_of(allowed: tuple[str, ...]) -> Callable[[Any], Any]:
    def read(text: Any) -> Any:
        if text not in allowed:
            raise QuantityError(f"{text!r} is not one of {', '.join(allowed)}")
        return text

    return read


def _scale(numbers: Sequence[float]) -> Scale:
    """Sums of money and rates are told apart by factors, so log wherever it can be."""
    return "log" if all(number > 0 for number in numbers) else "uniform"


@dataclass
class _Asked:
    """One question while it is read; ``place`` is where faults of the whole point to."""

    place: Any
    fields: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)


def _study(
    experts: Sequence[str],
    levels: Sequence[float],
    asked: Mapping[str, _Asked],
    weights: Sequence[float],
    fault: Callable[[Any, str, str], None],
) -> Study | None:
    """The study, or None and a fault for each thing that makes it none."""
    items = []
    for name, each in asked.items():
        truth, answers = each.fields.get("truth"), [each.answers.get(e) for e in experts]
        numbers = [v for a in answers if a for v in a] + ([] if truth is None else [truth])
        try:
            items.append(Item(
                name, tuple(answers), truth, each.fields.get("scale") or _scale(numbers),
                each.fields.get("kind") or "money", each.fields.get("question") or "",
            ))  # fmt: skip
        except MisuseError as error:
            fault(each.place, str(error), "")
    if len(experts) > MOST_EXPERTS or len(asked) > MOST_ITEMS:
        said = f"at most {MOST_EXPERTS} experts and {MOST_ITEMS} questions are combined"
        fault(None, said, "leave out what is not needed")
        return None
    if len(items) < len(asked):
        return None
    try:
        return Study(tuple(experts), tuple(levels), tuple(items), tuple(weights))
    except MisuseError as error:
        fault(None, str(error), "")
        return None


class _Yaml:
    """Reads the YAML form: experts, quantiles, items and perhaps weights."""

    def __init__(self, name: str, data: bytes) -> None:
        self.source = source.read(name, data)

    def read(self) -> Study:
        tree = self.source.tree
        if self.source.faults:
            raise DataError(self.source.faults)
        if not isinstance(tree, dict):
            self.fault((), "this file holds no mapping", "Write experts:, quantiles: and items:.")
            raise DataError(self.source.faults)
        self.known((), tree, ("experts", "quantiles", "items", "weights"))
        experts = [str(each) for each in self.list_of("experts", tree)]
        levels = [self.take(("quantiles", n), text, _level)
                  for n, text in enumerate(self.list_of("quantiles", tree))]  # fmt: skip
        asked = {}
        for name, fields in self.mapping(("items",), tree.get("items")).items():
            asked[name] = self.item(("items", name), fields, experts, len(levels))
        given = self.mapping(("weights",), tree.get("weights") or {})
        self.known(("weights",), given, experts)
        weights = [self.take(("weights", e), given[e], number) if e in given else 0.0
                   for e in experts] if given else []  # fmt: skip
        study = None
        if not self.source.faults:
            study = _study(experts, levels, asked, weights, self.fault)
        if study is None or self.source.faults:
            raise DataError(self.source.faults)
        return study

    def item(self, path: source.Path, fields: Any, experts: Sequence[str], count: int) -> _Asked:
        """One question with its answers."""
        found = _Asked(path)
        fields = self.mapping(path, fields)
        self.known(path, fields, _KEYS)
        readers: dict[str, Callable[[Any], Any]] = {
            "truth": number,
            "scale": _one_of(get_args(Scale)),
            "kind": _one_of(get_args(Kind)),
            "question": str,
        }
        for key, read in readers.items():
            if key in fields:
                found.fields[key] = self.take((*path, key), fields[key], read)
        answers = self.mapping((*path, "answers"), fields.get("answers"))
        self.known((*path, "answers"), answers, experts)
        for expert, values in answers.items():
            at = (*path, "answers", expert)
            if not isinstance(values, list) or len(values) != count:
                self.fault(at, f"{count} quantiles are wanted here, one for each level")
                continue
            answer = tuple(self.take((*at, n), v, number) for n, v in enumerate(values))
            said = "" if None in answer else wrong(answer, "uniform", "number")
            if said:
                self.fault(at, said)
            found.answers[expert] = answer
        return found

    def take(self, path: source.Path, text: Any, read: Callable[[Any], Any]) -> Any:
        """One value, or None with a fault."""
        try:
            return read(text)
        except QuantityError as error:
            self.fault(path, error.what, error.mend)
            return None

    def list_of(self, key: str, tree: Mapping[str, Any]) -> list[Any]:
        found = tree.get(key)
        if isinstance(found, list) and found and all(isinstance(each, str) for each in found):
            return found
        like = {"experts": "experts: [ciso, quant]", "quantiles": "quantiles: [5 %, 50 %, 95 %]"}
        self.fault((key,), f"`{key}` is a list", f"Write it like {like[key]}.")
        return []

    def mapping(self, path: source.Path, found: Any) -> dict[str, Any]:
        if isinstance(found, dict):
            return found
        self.fault(path, f"`{path[-1]}` is a mapping", "See the guide on estimates from people.")
        return {}

    def known(self, path: source.Path, found: Mapping[str, Any], allowed: Sequence[str]) -> None:
        for key in found:
            if key not in allowed:
                self.fault((*path, key), f"`{key}` is not known here",
                           f"Known: {', '.join(allowed)}.")  # fmt: skip

    def fault(self, path: Any, what: str, mend: str = "") -> None:
        at = path or ()
        self.source.fault(self.source.place(at), at, what, mend)


class _Csv:
    """Reads the CSV form: one row for each question and expert; ``truth`` may stand once."""

    def __init__(self, name: str) -> None:
        self.faults = Faults(name)

    def read(self, data: bytes) -> Study:
        table = read_table(self.faults.name, data, self.faults)
        columns = [column.casefold() for column in table.columns]
        levels = self.header(columns, table.line)
        asked: dict[str, _Asked] = {}
        experts: dict[str, None] = {}
        for line, row in table.records({column: at for at, column in enumerate(columns)}):
            self.row(line, row, list(levels), asked, experts)
        self.faults.refuse()
        order = sorted(levels, key=lambda column: levels[column])
        at = [list(levels).index(column) for column in order]
        for each in asked.values():
            each.answers = {e: tuple(a[n] for n in at) for e, a in each.answers.items()}
        study = _study(list(experts), [levels[c] for c in order], asked, (), self.fault)
        self.faults.refuse()
        assert study is not None
        return study

    def header(self, columns: Sequence[str], line: int) -> dict[str, float]:
        """The columns of quantiles with their levels."""
        levels = {c: float(m[1]) / 100 for c in columns if (m := _LEVEL.fullmatch(c))}
        known = ("item", "expert", "truth", "scale", "kind", "question", *levels)
        for column in columns:
            if column not in known or columns.count(column) > 1:
                self.faults.add(line, f"the column {column!r} is not known, or stands twice")
        if "item" not in columns or "expert" not in columns or not levels:
            self.faults.add(line, "columns are missing", "write item, expert, p5, p50, p95, truth")
        elif not all(0 < level < 1 for level in levels.values()):
            self.faults.add(line, "a quantile level must lie between p0 and p100")
        self.faults.refuse()
        return levels

    def row(
        self, line: int, row: Mapping[str, str], levels: Sequence[str],
        asked: dict[str, _Asked], experts: dict[str, None],
    ) -> None:  # fmt: skip
        """One answer, with what else its row says of the question."""
        name, expert = row["item"], row["expert"]
        if not name or not expert:
            self.faults.add(line, "a row names an item and an expert")
            return
        experts.setdefault(expert)
        each = asked.setdefault(name, _Asked(line))
        if expert in each.answers:
            self.faults.add(line, f"{expert} answers {name} twice")
        readers: dict[str, Callable[[Any], Any]] = {
            "truth": number, "scale": _one_of(get_args(Scale)),
            "kind": _one_of(get_args(Kind)), "question": str,
        }  # fmt: skip
        for key, read in readers.items():
            value = self.take(line, key, row[key], read) if row.get(key) else None
            if value is not None and each.fields.setdefault(key, value) != value:
                self.faults.add(line, f"{name} has another {key} further up", path=key)
        values = [self.take(line, c, row[c], number) for c in levels if row[c]]
        if len(values) != len(levels):
            if values:
                self.faults.add(line, "some quantiles are missing", "give all of them, or none")
        elif None not in values:
            each.answers[expert] = tuple(v for v in values if v is not None)

    def take(self, line: int, path: str, text: str, read: Callable[[Any], Any]) -> Any:
        try:
            return read(text)
        except QuantityError as error:
            self.faults.add(line, error.what, error.mend, path=path)
            return None

    def fault(self, place: Any, what: str, mend: str = "") -> None:
        self.faults.add(place or 0, what, mend)
