# SPDX-License-Identifier: Apache-2.0
"""Nodes without full tables in our own form: their numbers under the key ``model``.

::

    {"name": "loss", ..., "model": {"kind": "noisy-max", "effects": [[[1.0, 0.0], ...], ...],
                                    "leak": [0.99, 0.01]}}
    {"kind": "noisy-min", "effects": [...], "leak": [0.01, 0.99]}  the same, states worst first
    {"kind": "noisy-and", "passes": [[0.0, 0.9], ...], "most": 1.0}
    {"kind": "logistic", "intercept": -4.0, "weights": [[0.0, 1.1], ...]}
    {"kind": "ranked", "weights": [2.0, 1.0], "spread": 0.1}

One list for each parent, in their order, with one number (or row) for each of its states.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from perilscope.engines.networks.canonical import Canonical, Logistic, NoisyAnd, NoisyMax, NoisyMin
from perilscope.engines.networks.network import AnyNode
from perilscope.engines.networks.ranked import Ranked
from perilscope.errors import PerilscopeError
from perilscope.formats.draft import Place, RefusedError, Shape, Tabled
from perilscope.formats.json_text import want, want_key

_KEYS: Mapping[str, tuple[str, str]] = {
    "noisy-max": ("effects", "leak"),
    "noisy-min": ("effects", "leak"),
    "noisy-and": ("passes", "most"),
    "logistic": ("weights", "intercept"),
    "ranked": ("weights", "spread"),
}


def spelled(node: Canonical) -> dict[str, Any]:
    """The numbers of a node as plain values."""
    match node:
        case NoisyMax():
            effects = [np.asarray(law).tolist() for law in node.effects]
            kind = "noisy-min" if isinstance(node, NoisyMin) else "noisy-max"
            return {"kind": kind, "effects": effects, "leak": list(node.leak)}
        case NoisyAnd():
            passes = [[float(p) for p in row] for row in node.passes]
            return {"kind": "noisy-and", "passes": passes, "most": node.most}
        case Logistic():
            weights = [[float(x) for x in row] for row in node.weights]
            return {"kind": "logistic", "weights": weights, "intercept": node.intercept}
        case Ranked():
            whole = [float(weight) for weight in node.weights]
            return {"kind": "ranked", "weights": whole, "spread": node.spread}
        case _:
            raise AssertionError(f"no form for a node of {type(node).__name__}")


def canonical(
    found: dict[str, Any], name: str, parents: tuple[str, ...], place: Place, path: str
) -> Tabled:
    """A node that a file gives as a model; what is wrong in its numbers is told when it is made."""
    at = f"{path}.model"
    if "table" in found:
        raise RefusedError(place, at, "a node has a table or a model, not both")
    model = want(found["model"], dict, at, "an object")
    kind = want_key(model, "kind", str, at, "a text")
    if kind not in _KEYS:
        raise RefusedError(place, f"{at}.kind", f"no kind is called {kind!a}", ", ".join(_KEYS))
    inner, rest = _KEYS[kind]
    others = sorted(set(model) - {"kind", inner, rest})
    if others:
        known = f"known are kind, {inner}, {rest}"
        raise RefusedError(place, at, f"unknown key {others[0]!a}", known)
    rows = want_key(model, inner, list, at, "a list")
    last = want_key(model, rest, list if rest == "leak" else float, at, "a number")
    flat: Callable[[Any, str], Any] = _numbers if kind != "ranked" else _number

    def made(own: str, states: tuple[str, ...], names: tuple[str, ...], sizes: Shape) -> AnyNode:
        deep = [flat(row, f"{at}.{inner}[{k}]") for k, row in enumerate(rows)]
        try:
            match kind:
                case "noisy-max" | "noisy-min":
                    leak = tuple(_numbers(last, f"{at}.leak"))
                    what = NoisyMin if kind == "noisy-min" else NoisyMax
                    return what(own, states, names, sizes, tuple(deep), leak)
                case "noisy-and":
                    return NoisyAnd(own, states, names, sizes, tuple(deep), last)
                case "logistic":
                    return Logistic(own, states, names, sizes, last, tuple(deep))
                case _:
                    return Ranked(own, states, names, sizes, tuple(deep), last)
        except PerilscopeError as error:
            raise RefusedError(place, at, str(error)) from None

    return Tabled(name, parents, place, _no_numbers, lambda _row, _width: place, made)


def _no_numbers(_shape: Shape) -> Any:
    raise AssertionError("a model has no table")


def _numbers(value: Any, path: str) -> Any:
    """A list of numbers, or of lists of them."""
    items = want(value, list, path, "a list")
    if items and isinstance(items[0], list):
        return [_numbers(item, f"{path}[{k}]") for k, item in enumerate(items)]
    return [_number(item, f"{path}[{k}]") for k, item in enumerate(items)]


def _number(value: Any, path: str) -> Any:
    return want(value, float, path, "a number")
