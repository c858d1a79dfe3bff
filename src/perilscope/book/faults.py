# SPDX-License-Identifier: Apache-2.0
"""What the validator found, told in our own words at the place in the file."""

from __future__ import annotations

from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from .frozen import FrozenDict
from .library import Library
from .model import Book
from .source import Path
from .words import near, shown

# Names a model has and a file has not: wrappers that shorthand leaves out.
WRAPPERS = frozenset(
    {"estimate", "value", "primary", "parts", "every", "per_year", "once", "kind", "by", "factor"}
)
WRITTEN_AS = {"flaw": "vulnerability", "vulnerability": "susceptibility", "life_years": "life"}
HIDDEN = frozenset({"id", "every_days", "through_protected", "parts"})

# Every type of error pydantic knows, by the beginning of its name. What a marker of ours refuses
# brings its own words and is not in this table.
WORDS: dict[str, str] = {
    "model_type": "a mapping is wanted here",
    "model_attributes_type": "a mapping is wanted here",
    "model_": "a mapping is wanted here",
    "mapping_type": "a mapping is wanted here",
    "dict_type": "a mapping of names to entries is wanted here",
    "dict_attributes_type": "a mapping is wanted here",
    "dataclass_": "a mapping is wanted here",
    "named_tuple_type": "a list is wanted here",
    "tuple_type": "a list is wanted here",
    "list_type": "a list is wanted here",
    "set_": "a list is wanted here",
    "frozen_set_type": "a list is wanted here",
    "iterable_type": "a list is wanted here",
    "iteration_error": "a list is wanted here",
    "string_": "text is wanted here",
    "bytes_": "text is wanted here",
    "literal_error": "this word is not allowed",
    "enum": "this word is not allowed",
    "union_tag_": "this does not fit any of the ways it can be written",
    "missing": "an entry is missing",
    "extra_forbidden": "unknown entry",
    "no_such_attribute": "unknown entry",
    "invalid_key": "a key is a word",
    "bool_": "`yes` or `no` is wanted here",
    "int_": "a whole number is wanted here",
    "float_": "a number is wanted here",
    "decimal_": "a number is wanted here",
    "complex_": "a number is wanted here",
    "finite_number": "a finite number is wanted here",
    "multiple_of": "a number is wanted here",
    "greater_than": "the number is too small",
    "less_than": "the number is too large",
    "too_long": "too many items",
    "too_short": "too few items",
    "date_": "a date is wanted here",
    "datetime_": "a date is wanted here",
    "time_": "a time is wanted here",
    "timezone_": "a time is wanted here",
    "url_": "an address is wanted here",
    "uuid_": "an identifier is wanted here",
    "json_": "text is wanted here",
    "none_required": "nothing is wanted here",
    "is_instance_of": "a value of another kind is wanted here",
    "is_subclass_of": "a value of another kind is wanted here",
    "callable_type": "a value of another kind is wanted here",
    "frozen_": "this does not change",
    "recursion_loop": "an entry contains itself",
    "get_attribute_error": "this cannot be read",
    "missing_": "an argument is missing",
    "multiple_argument_values": "an argument is given twice",
    "unexpected_": "an argument is not known",
    "arguments_type": "a mapping is wanted here",
    "default_factory_not_called": "an earlier fault stands in the way",
    "value_error": "this value is not allowed",
    "assertion_error": "this value is not allowed",
    "needs_python_object": "this cannot be read",
    "recursion_depth_exceeded": "an entry contains itself",
    "ordered_dict_type": "a mapping is wanted here",
    "counter_type": "a mapping is wanted here",
    "deque_type": "a list is wanted here",
    "fraction_": "a number is wanted here",
    "ellipsis_error": "this value is not allowed",
}


def words(kind: str) -> str | None:
    """Return our words for a type of error, or None if it is not in the table."""
    if kind in WORDS:
        return WORDS[kind]
    stems = [stem for stem in WORDS if kind.startswith(stem) and stem.endswith("_")]
    stems += [stem for stem in WORDS if kind.startswith(f"{stem}_") or kind == stem.rstrip("_")]
    return WORDS[max(stems, key=len)] if stems else None


def report(error: ValidationError, library: Library, tree: dict[str, Any]) -> None:
    """Note every fault of a validation in the library."""
    for found in error.errors(include_url=False):
        kind, loc, ctx = found["type"], found["loc"], found.get("ctx", {})
        path = _written(loc, tree, kind in ("missing", "extra_forbidden"))
        key = "[key]" in loc or kind in ("missing", "extra_forbidden")
        if "what" in ctx:
            what, mend = str(ctx["what"]), str(ctx["mend"])
        else:
            what, mend = _tell(kind, loc, path, found["input"], ctx)
        library.fault(path, what, mend, key=key)


_PARTS = {
    *("threat_event_frequency", "vulnerability", "susceptibility"),
    *("contact_frequency", "probability_of_action"),
    *("threat_capability", "resistance_strength", "primary", "secondary"),
    *("productivity", "response", "replacement"),
    *("competitive_advantage", "fines_and_judgements", "reputation"),
}
"""What a factor can be made of."""


def _tell(
    kind: str, loc: tuple[str | int, ...], path: Path, value: Any, ctx: dict[str, Any]
) -> tuple[str, str]:
    if kind == "missing":
        return f"`{path[-1]}` is missing", "Add it here."
    if kind == "extra_forbidden":
        names = _allowed(loc)
        if "value" in names and path[-1] in _PARTS:
            what = f"an amount and what it is made of: `{path[-1]}` stands beside `value`"
            return what, "Write the one or the other."
        mend = f"{near(str(path[-1]), names)}Allowed: {', '.join(names)}."
        return f"unknown entry `{path[-1]}`", mend
    if kind == "literal_error":
        names = [n.strip("'") for n in str(ctx["expected"]).replace(" or ", ", ").split(", ")]
        names = [n for n in names if n]
        return (
            f"{shown(value)} is not allowed",
            f"{near(str(value), names)}Allowed: {', '.join(names)}.",
        )
    return f"{words(kind) or 'this is not allowed here'}, found {shown(value)}", ""


def _written(loc: tuple[str | int, ...], tree: Any, own: bool) -> Path:
    """Return the path in the file for a place in the models.

    Tags of alternatives, key marks and the wrappers that shorthand leaves out are dropped.
    """
    path: list[str | int] = []
    node = tree
    for n, step in enumerate(loc):
        last = n == len(loc) - 1
        if isinstance(node, dict) and step in node:
            pass
        elif isinstance(node, dict) and WRITTEN_AS.get(str(step)) in node:
            step = WRITTEN_AS[str(step)]
        elif isinstance(node, list) and isinstance(step, int) and step < len(node):
            path.append(step)
            node = node[step]
            continue
        elif isinstance(step, str) and step[:1] in "<[":
            continue
        elif last and own and isinstance(node, dict):
            path.append(WRITTEN_AS.get(str(step), step) if step == "flaw" else step)
            break
        elif isinstance(node, dict) and step in WRAPPERS:
            continue
        else:
            break
        path.append(step)
        node = node[step]
    return tuple(path)


def _allowed(loc: tuple[str | int, ...]) -> list[str]:
    """Return the names allowed beside an unknown entry, following the place through the models."""
    here: list[Any] = [Book]
    for step in loc[:-1]:
        here = [found for one in here for found in _step(one, step)] or here
    names: dict[str, None] = {}
    for model in here:
        if isinstance(model, type) and issubclass(model, BaseModel):
            for name in model.model_fields:
                if name not in HIDDEN:
                    names["vulnerability" if name == "flaw" else name] = None
    return list(names)


def _step(kind: Any, step: str | int) -> list[Any]:
    if isinstance(step, str) and step[:1] == "<":
        return [kind] if getattr(kind, "__name__", "") == step[1:-1] else []
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        found = kind.model_fields.get(str(step))
        return _kinds(found.annotation) if found else []
    if get_origin(kind) is FrozenDict:
        return _kinds(get_args(kind)[1])
    if get_origin(kind) is tuple:
        return _kinds(get_args(kind)[0])
    return []


def _kinds(annotation: Any) -> list[Any]:
    """Return the models, mappings and lists inside an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in (FrozenDict, tuple):
        return [annotation]
    return [kind for inner in get_args(annotation) for kind in _kinds(inner)]
