# SPDX-License-Identifier: Apache-2.0
"""Exact inference by messages in a tree of cliques: every marginal from two messages an edge.

The tree and the order of all products and sums are fixed when a network is compiled, so the same
network and findings give the same bits. Messages are kept; what is known changes only those that
lead away from it, so a what-if costs a path and not a tree, and what is taken back restores every
bit.

Tables may have a trailing axis and may be complex: a product of transforms of losses given states
travels through the tree as probabilities do.

Source: Shafer and Shenoy, "Probability propagation" (1990); Koller and Friedman (2009), chapter 10.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from perilscope.engines.networks.network import Factor
from perilscope.engines.networks.triangulation import Cliques, Scope, cliques

Table = npt.NDArray[Any]

_SMALL = 1 << 14
"""Cells of a table that is cheaper to keep than to make again for each node of its clique."""


class Junction:
    """A tree of cliques with the tables of a network in it, and what is known of its variables.

    Parameters
    ----------
    factors : iterable of Factor
        Tables over named variables whose product is the joint law.
    sizes : mapping of str to int
        States of each variable, in the order of declaration.

    Examples
    --------
    >>> rain = Factor(("rain",), np.array([0.8, 0.2]))
    >>> wet = Factor(("rain", "wet"), np.array([[0.9, 0.1], [0.0, 1.0]]))
    >>> tree = Junction([rain, wet], {"rain": 2, "wet": 2})
    >>> tree.know({"wet": np.array([0.0, 1.0])})
    >>> law, log_weight = tree.marginal("rain")
    >>> law.round(6).tolist(), round(math.exp(log_weight), 12)
    ([0.285714, 0.714286], 0.28)
    """

    def __init__(
        self, factors: Iterable[Factor], sizes: Mapping[str, int], found: Cliques | None = None
    ) -> None:
        own = list(factors)
        self.sizes = dict(sizes)
        self.cliques = found or cliques([factor.names for factor in own], sizes)
        self._near = self._edges()
        self._home = self._homes()
        self._tables = self._filled(own)
        self._known: dict[str, Table] = {}
        self._messages: dict[tuple[int, int], tuple[Table, float]] = {}
        self._beliefs: dict[int, tuple[Table, float]] = {}
        self._plans = {edge: self._plan(*edge) for edge in self._directed()}
        self._tops = self._found_roots()
        self._roots = [i for i, up in enumerate(self.cliques.parents) if up < 0]
        self._weights: dict[int, float] = {}

    # --- the tree, fixed when it is made

    def _edges(self) -> list[tuple[int, ...]]:
        near: list[list[int]] = [[] for _ in self.cliques.scopes]
        for i, up in enumerate(self.cliques.parents):
            if up >= 0:
                near[i].append(up)
                near[up].append(i)
        return [tuple(sorted(around)) for around in near]

    def _directed(self) -> list[tuple[int, int]]:
        return [(i, j) for i, around in enumerate(self._near) for j in around]

    def _homes(self) -> dict[str, int]:
        """The smallest clique that holds each variable."""
        found: dict[str, int] = {}
        cells = [math.prod(self.sizes[n] for n in scope) for scope in self.cliques.scopes]
        for i in sorted(range(len(cells)), key=lambda i: (cells[i], i)):
            for name in self.cliques.scopes[i]:
                found.setdefault(name, i)
        return found

    def _filled(self, factors: Sequence[Factor]) -> list[Table]:
        """Every factor in the first clique that holds all its variables."""
        scopes = [frozenset(scope) for scope in self.cliques.scopes]
        holding: dict[str, list[int]] = {}
        for i, scope in enumerate(self.cliques.scopes):
            for name in scope:
                holding.setdefault(name, []).append(i)
        tables: list[Table] = [
            np.ones([*(self.sizes[n] for n in scope), 1]) for scope in self.cliques.scopes
        ]
        self._placed: list[list[tuple[Scope, Table]]] = [[] for _ in tables]
        self._where: dict[Scope, int] = {}
        for factor in factors:
            if not factor.names:
                raise ValueError("a factor without variables has no place in the tree")
            rarest = min(factor.names, key=lambda name: len(holding[name]))
            wanted = frozenset(factor.names)
            i = next(i for i in holding[rarest] if wanted <= scopes[i])
            own = factor.along(self.cliques.scopes[i])[..., None]
            tables[i] = tables[i] * own
            self._placed[i].append((factor.names, own))
            self._where[factor.names] = i
        return tables

    def _plan(self, i: int, j: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Axes of clique i that are summed out towards j, and the shape that fits clique j."""
        there = self.cliques.scopes[j]
        here = self.cliques.scopes[i]
        axes = tuple(k for k, name in enumerate(here) if name not in there)
        shape = tuple(self.sizes[name] if name in here else 1 for name in there)
        return axes, shape

    # --- what is known

    def know(self, vectors: Mapping[str, npt.ArrayLike]) -> None:
        """Replace what is known: a vector over the states of each variable, likelihoods or 0 and 1.

        A vector may have a trailing axis and be complex. Only messages that lead away from what
        changed are found anew.
        """
        new = {name: np.asarray(vector) for name, vector in vectors.items()}
        changed = [
            name
            for name in {**self._known, **new}
            if not _same(self._known.get(name), new.get(name))
        ]
        self._known = new
        for name in changed:
            self._forget(self._home[name])
            self._weights.pop(self._tops[self._home[name]], None)

    @property
    def known(self) -> Mapping[str, Table]:
        """What is known, as vectors."""
        return self._known

    def _forget(self, start: int) -> None:
        """Let go of the messages that lead away from a clique, and of all that rests on them."""
        self._beliefs.clear()
        waiting = [(start, -1)]
        while waiting:
            here, came = waiting.pop()
            for there in self._near[here]:
                if there != came:
                    self._messages.pop((here, there), None)
                    waiting.append((there, here))

    # --- messages

    def _local(self, i: int, without: Scope | None = None) -> Table:
        """A clique's own table with what is known there, perhaps without one of its factors."""
        table = self._tables[i]
        if without is not None:
            table = np.ones_like(table)
            for names, own in self._placed[i]:
                table = table if names == without else table * own
        for k, name in enumerate(self.cliques.scopes[i]):
            vector = self._known.get(name)
            if vector is not None and self._home[name] == i:
                shape = [1] * table.ndim
                shape[k] = self.sizes[name]
                if vector.ndim > 1:
                    shape[-1] = vector.shape[-1]
                table = table * vector.reshape(shape)
        return table

    def _message(self, i: int, j: int) -> tuple[Table, float]:
        """What clique i says to clique j: a table and the logarithm of its scale."""
        for edge in self._wanted(i, j):
            table, scale = self._gathered(*edge)
            axes, shape = self._plans[edge]
            said = table.sum(axis=axes) if axes else table
            said, more = _scaled(said)
            self._messages[edge] = said.reshape([*shape, said.shape[-1]]), scale + more
        return self._messages[i, j]

    def _wanted(self, i: int, j: int) -> list[tuple[int, int]]:
        """Messages that are missing before i can speak to j, the farthest first."""
        order: list[tuple[int, int]] = []
        waiting = [(i, j)] if (i, j) not in self._messages else []
        while waiting:
            here, there = waiting.pop()
            order.append((here, there))
            for other in self._near[here]:
                if other != there and (other, here) not in self._messages:
                    waiting.append((other, here))
        return order[::-1]

    def _gathered(
        self, i: int, apart_from: int = -1, without: Scope | None = None
    ) -> tuple[Table, float]:
        """A clique's table with all messages to it but one, perhaps without one of its factors."""
        table, scale = self._local(i, without), 0.0
        for other in self._near[i]:
            if other != apart_from:
                said, more = self._messages[other, i]
                table, scale = table * said, scale + more
        return table, scale

    def _belief(self, i: int) -> tuple[Table, float]:
        """A clique's table with every message to it; small ones are kept for its other nodes."""
        if i in self._beliefs:
            return self._beliefs[i]
        for other in self._near[i]:
            if (other, i) not in self._messages:
                self._message(other, i)
        found = self._gathered(i)
        if found[0].size <= _SMALL:
            self._beliefs[i] = found
        return found

    # --- answers

    def clique(self, names: Sequence[str]) -> int | None:
        """A clique that holds some variables, the smallest; None where there is none."""
        if len(names) == 1:
            return self._home.get(names[0])
        wanted = set(names)
        fits = [i for i, scope in enumerate(self.cliques.scopes) if wanted <= set(scope)]
        return min(fits, key=lambda i: (self._tables[i].size, i), default=None)

    def weights(self, names: Sequence[str]) -> tuple[Table, float]:
        """P(names, what is known) for variables of one clique, over a scale.

        Returns
        -------
        (array, float)
            One axis per name in their order and a trailing one; times exp of the float, and the
            weight of the other parts of the network, it is the probability.
        """
        i = self.clique(names)
        if i is None:
            raise ValueError(f"no clique holds {', '.join(names)}")
        table, scale = self._belief(i)
        scope = self.cliques.scopes[i]
        axes = tuple(k for k, name in enumerate(scope) if name not in names)
        left = [name for name in scope if name in names]
        summed = table.sum(axis=axes) if axes else table
        order = [left.index(name) for name in names]
        return summed.transpose([*order, len(order)]), scale

    def marginal(self, name: str) -> tuple[Table, float]:
        """The law of one variable given what is known, and log P(what is known).

        The weight is -inf, and the law zero, where what is known cannot happen.
        """
        table, scale = self.weights([name])
        # tables of canonical nodes have signs and phases, of which nothing but rounding is left
        vector = np.maximum(np.real(table[..., 0]), 0.0)
        total = float(vector.sum())
        own = self._tops[self._home[name]]
        rest = math.fsum(self._weight(root) for root in self._roots if root != own)
        if not total > 0.0 or rest == -math.inf:
            return np.zeros_like(vector), -math.inf
        return vector / total, scale + math.log(total) + rest

    def log_weight(self) -> float:
        """Log P(what is known); -inf where it cannot happen."""
        return math.fsum(weights) if -math.inf not in (weights := self._all()) else -math.inf

    def transform(self, log_over: float = 0.0) -> Table:
        """The sum of everything over all variables, along the trailing axis, over exp(log_over)."""
        total: Table = np.ones(1)
        for root in self._roots:
            table, scale = self._belief(root)
            total = total * table.sum(axis=tuple(range(table.ndim - 1)))
            log_over -= scale
        return total * math.exp(-log_over)

    def slopes(self, names: Scope) -> Table:
        """D log P(what is known) / d entry for the factor over these names, in its shape."""
        i = self._where[names]
        self._belief(i)
        table, scale = self._gathered(i, without=names)
        weight = self._weight(self._tops[i])
        scope = self.cliques.scopes[i]
        axes = tuple(k for k, name in enumerate(scope) if name not in names)
        left = [name for name in scope if name in names]
        summed = (table.sum(axis=axes) if axes else table)[..., 0]
        found: Table = summed.transpose([left.index(name) for name in names])
        return found * math.exp(scale - weight)

    def _all(self) -> list[float]:
        return [self._weight(root) for root in self._roots]

    def _found_roots(self) -> list[int]:
        """The root that each clique hangs on."""
        found = list(range(len(self.cliques.scopes)))
        for i in reversed(found):  # parents stand after their children
            up = self.cliques.parents[i]
            found[i] = found[up] if up >= 0 else i
        return found

    def _weight(self, root: int) -> float:
        if root not in self._weights:
            table, scale = self._belief(root)
            total = float(np.real(table.sum()))
            self._weights[root] = scale + math.log(total) if total > 0.0 else -math.inf
        return self._weights[root]

    def most_probable(self) -> tuple[dict[str, int], float]:
        """The most probable states of all variables given what is known, and log P of them.

        Ties go to the states that are declared first.
        """
        best: dict[int, tuple[Table, Table]] = {}
        total = 0.0
        for i, scope in enumerate(self.cliques.scopes):  # children stand before parents
            table = self._local(i)[..., 0]
            for child in self._near[i]:
                if child in best and self.cliques.parents[child] == i:
                    shape = self._plans[child, i][1]
                    table = table * best[child][0].reshape(shape)
            table, scale = _scaled(table)
            total += scale
            separator = self.cliques.separators[i]
            best[i] = _highest(table, scope, separator), table
            if self.cliques.parents[i] < 0:
                top = float(best[i][0])
                total += math.log(top) if top > 0.0 else -math.inf
        return self._traced(best), total

    def _traced(self, best: Mapping[int, tuple[Table, Table]]) -> dict[str, int]:
        found: dict[str, int] = {}
        for i in reversed(range(len(self.cliques.scopes))):
            scope = self.cliques.scopes[i]
            table = best[i][1]
            at = tuple(found.get(name, slice(None)) for name in scope)
            left = [name for name in scope if name not in found]
            if left:
                inside = table[at]
                place = np.unravel_index(int(np.argmax(inside)), inside.shape)
                found.update(zip(left, map(int, place), strict=True))
        return found

    def sample(self, rng: np.random.Generator, number: int) -> dict[str, npt.NDArray[np.int64]]:
        """States of all variables given what is known, drawn from the top of the tree down."""
        found: dict[str, npt.NDArray[np.int64]] = {}
        for i in reversed(range(len(self.cliques.scopes))):  # parents stand after their children
            scope = self.cliques.scopes[i]
            old, new = [n for n in scope if n in found], [n for n in scope if n not in found]
            if not new:
                continue
            table = np.maximum(np.real(self._belief(i)[0][..., 0]), 0.0)
            shape = [math.prod(self.sizes[n] for n in names) for names in (old, new)]
            rows = table.transpose([scope.index(n) for n in (*old, *new)]).reshape(shape)
            row = np.zeros(number, dtype=np.int64)
            for name in old:
                row = row * self.sizes[name] + found[name]
            place = _drawn(rows, row, rng.random(number))
            for name in reversed(new):
                place, found[name] = np.divmod(place, self.sizes[name])
        return found


def _drawn(
    rows: Table, row: npt.NDArray[np.int64], u: npt.NDArray[np.float64]
) -> npt.NDArray[np.int64]:
    """A place in a row of weights for each u, rows end to end on one axis."""
    reached = np.cumsum(rows, axis=1)
    last = reached[:, -1:]
    reached = np.divide(reached, last, out=np.ones_like(reached), where=last > 0.0)
    along = (reached + np.arange(len(rows))[:, None]).ravel()
    place = np.searchsorted(along, row + u, side="right") - row * rows.shape[1]
    return np.asarray(np.clip(place, 0, rows.shape[1] - 1), dtype=np.int64)


def _highest(table: Table, scope: Scope, separator: Scope) -> Table:
    axes = tuple(k for k, name in enumerate(scope) if name not in separator)
    highest: Table = table.max(axis=axes) if axes else table
    return highest


def _scaled(table: Table) -> tuple[Table, float]:
    """A table with its largest entry 1, and the logarithm of what it was."""
    top = float(np.abs(table).max())
    return (table / top, math.log(top)) if top > 0.0 else (table, 0.0)


def _same(one: Table | None, two: Table | None) -> bool:
    if one is None or two is None:
        return one is two
    return one.shape == two.shape and bool(np.all(one == two))
