# SPDX-License-Identifier: Apache-2.0
"""The law of market, operational and protocol losses together, exactly.

    phi(w) = sum over states of prices m of  M_m(w) prod over parts c of
             [ sum over the part's joint states x that make m of P(x) phi_c,x(w) ].

Networks are independent of each other, so states are listed network by network; only the states of
prices, which several networks may make together, are listed jointly. Parts that no state of prices
touches stand outside. New evidence changes the weights P(x) alone.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from perilscope.engines.grid import Grid, Transform
from perilscope.engines.joint import cells
from perilscope.engines.joint.law import SignedLaw
from perilscope.engines.joint.many import Many
from perilscope.engines.joint.parts import Interface, Pattern, Rungs, Scenarios, State, ones, parted
from perilscope.engines.joint.window import Window, window
from perilscope.engines.loss import LEVELS, LossLaw, Pair
from perilscope.engines.register import Register
from perilscope.engines.transforms import Transforms
from perilscope.errors import AssessmentError

Array = npt.NDArray[np.float64]
Weights = Sequence[Array]

MOST_MARKETS = 256
"""States of prices that are listed."""
SURE, RARE = 1e-7, 2e-5
"""Probability left beyond the window that is sought, and that is borne."""
_LOOK = 2**13
_WIDEN = 4.0
_WIDENINGS = 6
_CELLS = (1, 4, 16, 64, 256)
_APART = 5e-4
"""Difference of plain and linear cells in CVaR that is small enough not to split them further."""


@dataclass(frozen=True)
class _Market:
    """The market on one grid under one state of prices, with what is counted in tokens."""

    linear: Transform
    plain: Transform
    combinations: tuple[tuple[int, ...], ...]
    prices: Array
    offs: tuple[Array, ...] = ()


class Side:
    """Everything on one grid: parts by pattern, markets by state of prices."""

    def __init__(self, joint: Joint, transforms: Transforms, halved: bool = False) -> None:
        self._joint, self.transforms, self._halved = joint, transforms, halved
        self.grid: Grid = transforms.grid
        self._mixtures: dict[int, Transform] = {}

    @cached_property
    def patterns(self) -> list[Any]:
        """Of each part, by pattern; of parts counted in tokens nothing."""
        joint = self._joint
        return [
            np.empty((0, 0), dtype=np.complex128)
            if part.token
            else part.transforms(self.transforms, joint.register.lines)
            for part in joint.parts
        ]

    def market(self, rungs: Rungs, *, plain: bool = False) -> Transform:
        """The market, by combination of patterns of what is counted in tokens."""
        found = self._joint.market(rungs)
        z = found.plain if plain else found.linear
        if not self._halved:
            return z
        return np.stack([self._joint.window.halved(row) for row in z])

    def fixed(self, weights: Weights, leave: int = -1) -> Transform:
        """Product of the parts that no state of prices touches, but for one."""
        found = ones(self.grid)
        for c, part in enumerate(self._joint.parts):
            if not part.coupled and c != leave:
                found = found * self._mixture(c, weights)
        return found

    def _mixture(self, c: int, weights: Weights) -> Transform:
        """A part that no state of prices touches; one of very many patterns is kept."""
        part, own = self._joint.parts[c], self._joint.weights
        kept = part.many and all(weights[i] is own[i] for i in part.interfaces)
        if kept and c in self._mixtures:
            return self._mixtures[c]
        found = _mixed(part.table(weights)[()], self.patterns[c])
        if kept:
            self._mixtures[c] = found
        return found

    def moved(
        self, weights: Weights, *, leave: int = -1, plain: bool = False
    ) -> dict[Rungs, Transform]:
        """Sum over the states of prices, by the rungs of the part that is left out."""
        joint = self._joint
        tables = [part.table(weights) if part.coupled else {} for part in joint.parts]
        found: dict[Rungs, Transform] = {}
        for rungs in joint.markets:
            term = self._term(rungs, tables, leave, plain)
            if term is not None:
                mine = joint.rungs_of(leave, rungs) if leave >= 0 else ()
                found[mine] = found[mine] + term if mine in found else term
        return found

    def _term(
        self, rungs: Rungs, tables: Sequence[Mapping[Rungs, Array]], leave: int, plain: bool
    ) -> Transform | None:
        joint = self._joint
        chances = {
            c: tables[c][joint.rungs_of(c, rungs)]
            for c, part in enumerate(joint.parts)
            if part.coupled and c != leave
        }
        if any(not chance.any() for chance in chances.values()):
            return None
        mass = self._weighing(chances)
        term = _mixed(mass, self.market(rungs, plain=plain))
        for c, chance in chances.items():
            if not joint.parts[c].token:
                term = term * _mixed(chance, self.patterns[c])
        return term

    def _weighing(self, chances: Mapping[int, Array]) -> Array:
        """Weights of the combinations of patterns of what is counted in tokens."""
        mass = np.ones(1)
        for c in self._joint.tokened:
            mass = np.outer(mass, chances[c]).ravel()
        return mass

    def total(self, weights: Weights, *, plain: bool = False) -> Transform:
        """Transform of the sum of everything, on the window."""
        moved = self.moved(weights, plain=plain)
        return self.fixed(weights) * sum(moved.values(), np.zeros(1, dtype=np.complex128))

    def law(self, weights: Weights, *, plain: bool = False) -> Array:
        """Law of the sum of everything."""
        return self.grid.back(self.total(weights, plain=plain))


class Joint:
    """Lines of loss, what drives them, and the market that the same networks move.

    Parameters
    ----------
    register : Register
        The lines with their caps; its mixtures are those of the interfaces that drive lines.
    interfaces : sequence of Interface
        Independent of each other; every mixture of the register is one of them.
    scenarios : Scenarios
        The market.
    tokens : mapping of line to token
        Lines whose losses, and whose holdings, are counted in one token.
    wide : Window, optional
        Chosen from the lines and the market when absent.
    cells : int
        Cells of prices; 0 for as many as are wanted.

    Raises
    ------
    AssessmentError
        No window is both wide and fine enough, or too many states would have to be listed.
    """

    def __init__(
        self,
        register: Register,
        interfaces: Sequence[Interface],
        scenarios: Scenarios,
        tokens: Mapping[str, str] | None = None,
        *,
        wide: Window | None = None,
        cells: int = 0,
    ) -> None:
        self.interfaces, self.scenarios = tuple(interfaces), scenarios
        self.tokens = dict(tokens or {})
        self.parts = parted(register.components, self.interfaces, self.tokens)
        self.tokened = tuple(c for c, part in enumerate(self.parts) if part.token)
        self.markets = self._listed()
        self.weights: list[Array] = [each.weights for each in self.interfaces]
        self.count = cells or _CELLS[0]
        self._losses: dict[Rungs, Array] = {}
        self._prices: dict[Rungs, Mapping[str, Array]] = {}
        self._begin(register, wide or self._wide(register))
        if self.tokened and not cells:
            self._refine()

    def _begin(self, register: Register, wide: Window) -> None:
        self.window = wide
        self.register = register.on(wide.grid)
        self.fine = Side(self, self.register.fine)
        self.coarse = Side(self, self.register.coarse, halved=True)
        self.rough = Side(self, self.register.rough, halved=True)
        self._forget()

    def _forget(self) -> None:
        self._markets: dict[Rungs, _Market] = {}
        self._averages: dict[Rungs, tuple[float, float]] = {}
        self._priced: list[cells.Priced] | None = None

    # --- states of prices

    def _listed(self) -> tuple[Rungs, ...]:
        """States of prices, over the interfaces that move them, in order."""
        movers = [each for each in self.interfaces if each.moves]
        count = math.prod(len(set(each.rungs)) for each in movers)
        if count > MOST_MARKETS:
            raise AssessmentError(
                f"{count:,} joint states of the networks move prices; at most {MOST_MARKETS} are "
                "listed: let fewer nodes move prices"
            )
        return tuple(itertools.product(*(sorted(set(each.rungs)) for each in movers)))

    @cached_property
    def _movers(self) -> list[int]:
        return [i for i, each in enumerate(self.interfaces) if each.moves]

    def rungs_of(self, c: int, rungs: Rungs) -> Rungs:
        """The part of a state of prices that one part's interfaces make."""
        return tuple(rungs[self._movers.index(i)] for i in self.parts[c].moving)

    def losses(self, rungs: Rungs) -> Array:
        """What the portfolio loses in each scenario under a state of prices."""
        if rungs not in self._losses:
            self._losses[rungs] = self.scenarios.parts(rungs).sum(axis=1)
        return self._losses[rungs]

    def prices(self, rungs: Rungs) -> Mapping[str, Array]:
        """Price of each token that losses are counted in, in each scenario."""
        if rungs not in self._prices:
            known = self.scenarios.prices(rungs)
            self._prices[rungs] = {token: known[token] for token in set(self.tokens.values())}
        return self._prices[rungs]

    def _average(self, rungs: Rungs) -> tuple[float, float]:
        """Mean loss of the market, and what cutting gains at the window's end adds to it."""
        if rungs not in self._averages:
            losses, weights = self.losses(rungs), self.scenarios.weights
            plain = float(weights @ losses)
            self._averages[rungs] = plain, float(weights @ self.window.clamped(losses)) - plain
        return self._averages[rungs]

    def chance(self, rungs: Rungs, weights: Weights | None = None) -> float:
        """Probability of a state of prices."""
        found = 1.0
        for i, rung in zip(self._movers, rungs, strict=True):
            mine = (self.weights if weights is None else weights)[i]
            at = [k for k, each in enumerate(self.interfaces[i].rungs) if each == rung]
            found *= math.fsum(mine[at].tolist())
        return found

    def market(self, rungs: Rungs) -> _Market:
        """The market on the window under one state of prices."""
        if rungs not in self._markets:
            self._markets[rungs] = self._made(rungs)
        return self._markets[rungs]

    def _made(self, rungs: Rungs) -> _Market:
        losses, weights = self.losses(rungs), self.scenarios.weights
        if not self.tokened:
            z = self.window.transform(losses, weights)[None, :]
            return _Market(z, z, ((),), np.empty(0))
        found = cells.coupled(
            self.window,
            losses,
            weights,
            self.prices(rungs),
            self.priced,
            self.matter,
            self.count,
        )
        return _Market(found.linear, found.plain, found.combinations, found.prices, found.offs)

    @property
    def priced(self) -> list[cells.Priced]:
        """The parts that are counted in tokens, at any price."""
        if self._priced is None:
            lines, fine = self.register.lines, self.register.fine
            self._priced = [cells.Priced(self.parts[c], lines, fine) for c in self.tokened]
        return self._priced

    @cached_property
    def matter(self) -> dict[str, float]:
        """What is expected to be lost in each token, at today's price."""
        found: dict[str, float] = {}
        for c in self.tokened:
            part = self.parts[c]
            lost = math.fsum(self.register.means[key] for key in part.keys)
            found[part.token] = found.get(part.token, 0.0) + lost
        return found

    def _refine(self) -> None:
        """Split the cells of prices until plain and linear ones agree."""
        for count in _CELLS:
            self.count = count
            self._markets = {}
            both = [self._measured(self.weights, plain=plain).cvar(0.99) for plain in (False, True)]
            if abs(both[0] - both[1]) <= _APART * abs(both[0]):
                break

    # --- the window

    def _wide(self, register: Register) -> Window:
        """A window for everything, from looks with few points."""
        losses = [self.losses(rungs) for rungs in self.markets]
        gain = max(max(float(-each.min()) for each in losses), 0.0)
        loss = max(max(float(each.max()) for each in losses), 0.0)
        own = register.grid.range
        gain, reach = 1.01 * gain + 1e-9 * own, own
        held, tokens, parts = self.tokened, self.tokens, self.parts
        self.tokened, self.tokens = (), {}
        self.parts = parted(register.components, self.interfaces, {})
        try:
            for _ in range(_WIDENINGS):
                step = (gain + loss + reach) / (_LOOK - 8)
                look = Window(Grid(step, _LOOK), 2 * math.ceil(gain / step / 2.0))
                self._begin(register, look)
                law = self._measured(self.weights)
                if law.beyond <= SURE:
                    break
                reach *= _WIDEN
        finally:
            self.tokened, self.tokens, self.parts = held, tokens, parts
        if law.beyond > RARE:
            raise AssessmentError(
                "no window is wide enough for the tail of the losses together: "
                f"{law.beyond:.1e} would lie beyond {law.window.high:.3g}"
            )
        top = self._top(law)
        if self.tokened:
            top += own * max(self._dearest(), 1.0)
        scale = law.var(0.95) - law.var(0.5)
        self._forget()
        return window(gain, top, max(scale, 1e-6 * (gain + top)))

    @staticmethod
    def _top(law: SignedLaw) -> float:
        """Where hardly anything lies beyond."""
        k = int(np.searchsorted(law.moved.cumulative, 1.0 - SURE))
        return max(law.window.low + (k + 2) * law.step, law.step)

    def _dearest(self) -> float:
        """How dear a token that losses are counted in becomes, but for 1 scenario in 10,000."""
        found = 0.0
        for rungs in self.markets:
            for token, each in self.prices(rungs).items():
                if token in self.matter:
                    found = max(found, float(np.quantile(each, 0.9999)))
        return found

    # --- the law

    def mean(self, weights: Weights) -> tuple[float, float]:
        """Exact mean of the sum, and what cutting gains at the window's end adds to it."""
        free = [key for part in self.parts if not part.token for key in part.keys]
        found = [self._line_mean(key, weights) for key in free]
        tables = [part.table(weights) for part in self.parts]
        cut = 0.0
        for rungs in self.markets:
            chance = self.chance(rungs, weights)
            if chance <= 0.0:
                continue
            plain, added = self._average(rungs)
            found.append(chance * plain)
            cut += chance * added
            for place, c in enumerate(self.tokened):
                table = tables[c][self.rungs_of(c, rungs)]
                whole = math.fsum(table.tolist())
                if whole > 0.0:
                    market = self.market(rungs)
                    mean = market.prices[place] * self._token_means[place] + market.offs[place]
                    found.append(chance * float(table @ mean) / whole)
        return math.fsum(found), cut

    def line_mean(self, key: str) -> float:
        """Exact mean of a line; of one counted in tokens, at the prices of the scenarios."""
        c = next(c for c, part in enumerate(self.parts) if key in part.keys)
        part = self.parts[c]
        if not part.token:
            return self.register.means[key]
        table, place = part.table(self.weights), self.tokened.index(c)
        found = 0.0
        for rungs in self.markets:
            mine = table[self.rungs_of(c, rungs)]
            whole = math.fsum(mine.tolist())
            chance = self.chance(rungs)
            if whole > 0.0 and chance > 0.0:
                price = float(self.market(rungs).prices[place])
                found += chance * price * float(mine @ self._pattern_means(c)[key]) / whole
        return found

    def own_mean(self, weights: Weights) -> float:
        """Mean of all lines, without the market and at today's prices."""
        free = [key for part in self.parts if not part.token for key in part.keys]
        found = [self._line_mean(key, weights) for key in free]
        for place, c in enumerate(self.tokened):
            for table in self.parts[c].table(weights).values():
                found.append(float(table @ self._token_means[place]))
        return math.fsum(found)

    def mean_given(self, c: int, state: State) -> float:
        """Mean of the sum, as the window holds it, given one state of a part."""
        part = self.parts[c]
        if not part.coupled:  # nothing else answers to it
            means = self._pattern_means(c)
            table = part.table(self.weights)[()]
            apart = [float(each[state.pattern] - table @ each) for each in means.values()]
            return self._held_mean + math.fsum(apart)
        known = list(self.weights)
        for place, i in enumerate(part.interfaces):
            known[i] = np.eye(len(known[i]))[state.at[place]]
        mean, cut = self.mean(known)
        return mean + cut

    @cached_property
    def _held_mean(self) -> float:
        """Mean of the sum as the window holds it."""
        return math.fsum(self.mean(self.weights))

    def _line_mean(self, key: str, weights: Weights) -> float:
        """Exact mean of a line; with other weights from its means in each pattern."""
        if weights is self.weights:
            return self.register.means[key]
        c = next(c for c, part in enumerate(self.parts) if key in part.keys)
        part = self.parts[c]
        if not part.interfaces:
            return self.register.means[key]
        chance = sum(table for table in part.table(weights).values())
        return float(np.asarray(chance) @ self._pattern_means(c)[key])

    @functools.cached_property
    def _by_pattern(self) -> dict[int, dict[str, Array]]:
        return {}

    def _pattern_means(self, c: int) -> dict[str, Array]:
        """Mean of each line of a part in each pattern, exact but for capped holdings."""
        if c not in self._by_pattern:
            part, register = self.parts[c], self.register
            found = {key: np.zeros(len(part.patterns)) for key in part.keys}
            units = [] if part.component is None else [unit.keys for unit in part.component.units]
            if part.component is not None and part.component.shared:
                units = [part.keys]
            known: dict[Pattern, Mapping[str, float]] = {}
            for j, pattern in enumerate(part.patterns):
                for keys in units:  # given a pattern units are independent of each other
                    own = tuple((key, hit) for key, hit in pattern if key in keys)
                    at = (*own, *((key, True) for key in keys if key not in dict(own)))
                    if at not in known:
                        known[at] = self._means_given(register, keys, dict(own))
                    for key in keys:
                        found[key][j] = known[at][key]
            self._by_pattern[c] = found
        return self._by_pattern[c]

    @staticmethod
    def _means_given(
        register: Register, keys: Sequence[str], own: Mapping[str, bool]
    ) -> Mapping[str, float]:
        """Means of a few lines where it is known which of them have events."""
        lines = [register.lines[key] for key in keys]
        mixtures = [((1.0, own),)] if own else []
        return Register(lines, mixtures=mixtures, caps=register.caps, grid=register.grid).means

    @cached_property
    def _token_means(self) -> list[Array]:
        """Of each part counted in tokens, its mean in each pattern at today's price."""
        return [
            np.asarray(sum(self._pattern_means(c).values(), np.zeros(len(self.parts[c].patterns))))
            for c in self.tokened
        ]

    def _measured(self, weights: Weights, *, plain: bool = False) -> SignedLaw:
        """The law without a word on its error."""
        mean, cut = self.mean(weights)
        return SignedLaw(
            self.window, self.fine.law(weights, plain=plain), mean=mean, sd=math.nan, cut=cut
        )

    def law(self, weights: Weights | None = None) -> SignedLaw:
        """Law of the sum of everything, under the interfaces' weights or others.

        Parameters
        ----------
        weights : sequence of array, optional
            One for each interface.
        """
        known = self.weights if weights is None else [np.asarray(w) for w in weights]
        mass, half = self.fine.law(known), self.coarse.law(known)
        mean, cut = self.mean(known)
        apart = self._apart(known) if self.tokened else {}
        moved = mean + cut - self.window.low
        grids = self.window.grid, self.window.grid.coarse()

        def bare(grid: Grid, mass: Array) -> LossLaw:
            return LossLaw(grid, mass, mean=moved, sd=math.inf, none=0.0)

        def others(this: LossLaw, x: float) -> list[Pair]:
            plain, less = bare(grids[0], mass), bare(grids[1], half)
            pairs = [(this, plain)]
            if not this.smooth(x):
                pairs.append((plain, less))
            if self._believed:
                pairs.append((less, bare(grids[1], self.rough.law(known))))
            return pairs

        law = SignedLaw(
            self.window, mass, mean=mean, sd=self._spread(mass, mean), cut=cut,
            coarse=None if self.window.grid.lattice else half, others=others, apart=apart,
        )  # fmt: skip
        if law.beyond > RARE:
            raise AssessmentError(
                f"{law.beyond:.1e} of the losses together lie beyond the window, which ends at "
                f"{self.window.high:.3g}"
            )
        return law

    @cached_property
    def _believed(self) -> bool:
        """Whether any line has beliefs, so that nodes of integrals matter."""
        return any(line.beliefs for line in self.register.lines.values())

    def _spread(self, mass: Array, mean: float) -> float:
        """Standard deviation, by the law on the window; infinite where a line's is."""
        if not math.isfinite(self.register.moments()[1]):
            return math.inf
        places = self.window.low + self.window.grid.places
        return math.sqrt(max(math.fsum((mass * (places - mean) ** 2).tolist()), 0.0))

    def _apart(self, weights: Weights) -> dict[float, float]:
        """What cells with and without the linear term differ by, by level."""
        both = [self._measured(weights, plain=plain) for plain in (False, True)]
        found = {}
        for level in LEVELS:
            gaps = [abs(a(level) - b(level)) for a, b in _pairs(*both)]
            found[level] = max(gaps)
        return found


def _pairs(one: SignedLaw, two: SignedLaw):  # type: ignore[no-untyped-def]
    return (one.var, two.var), (one.cvar, two.cvar)


def _mixed(weights: Array, transforms: Any) -> Transform:
    """Mixture of the rows of transforms."""
    if isinstance(transforms, Many):
        return np.asarray(weights @ transforms)
    if len(weights) == 1:
        return np.asarray(transforms[0] * weights[0])
    found: Transform = np.asarray(weights @ transforms.view(np.float64)).view(np.complex128)
    return found
