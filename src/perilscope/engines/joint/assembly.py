# SPDX-License-Identifier: Apache-2.0
"""The law of market, operational and protocol losses together, exactly.

    phi(w) = sum over states of prices m of  M_m(w) prod over parts c of
             [ sum over the part's joint states x that make m of P(x) phi_c,x(w) ].

Networks are independent of each other, so states are listed network by network; only the states of
prices, which several networks may make together, are listed jointly. Parts that no state of prices
touches stand outside. New evidence changes the weights P(x) alone.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from perilscope.engines.aggregate.compound import Compound, Mixture
from perilscope.engines.aggregate.register import Register
from perilscope.engines.aggregate.transforms import Transforms
from perilscope.engines.aggregate.unlisted import Unlisted
from perilscope.engines.grids.grid import Grid, Transform
from perilscope.engines.grids.loss import LEVELS, LossLaw, Pair
from perilscope.engines.joint import cells, reach, stretched
from perilscope.engines.joint.cells import Cell, Coupled
from perilscope.engines.joint.clouds import Clouds
from perilscope.engines.joint.dearer import dearer, grown
from perilscope.engines.joint.groups import affordable
from perilscope.engines.joint.law import SignedLaw
from perilscope.engines.joint.markets import Markets
from perilscope.engines.joint.means import Means, PricedAt
from perilscope.engines.joint.parts import Interface, Rungs, Scenarios, State, parted
from perilscope.engines.joint.prices import Priced
from perilscope.engines.joint.side import Side, Weights
from perilscope.engines.joint.spread import spread, weighed
from perilscope.engines.joint.window import Window
from perilscope.errors import AssessmentError
from perilscope.once import cached_property

Array = npt.NDArray[np.float64]

_CELLS = (1, 4, 16, 64, 256)
_APART_FROM_THE_LAW = 64
"""Cells of prices for all that is asked beside a law that is made without any."""
_NEAR = (0.9, 0.95, 1.0, 1.05, 1.1)
"""Where the error of a level is looked for, in the probability of exceeding it."""
_TIMES = 2.0
"""What differences of laws are taken times to be on the safe side, as those of grids are."""
_APART = 5e-4
"""Difference of plain and linear cells in CVaR that is small enough not to split them further."""
_LEFT = 1.0 / 3.0
"""Share that is left of what four times as many cells changed: of two tokens each is cut in two,
what cells leave goes by the square of their width, so a fourth is left and three are gone."""


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
        Lines whose losses, and whose holdings, are counted in a token. Those that a holding ties
        to losses counted otherwise, or that too many joint states drive, stand at today's price;
        the attribute ``tokens`` has the others.
    wide : Window, optional
        Chosen from the lines and the market when absent.
    cells : int
        Cells of prices that the law is made with; 0 for none: losses in tokens are put on the
        window scenario by scenario, where that is affordable, else with as many as are wanted.
    known : Markets, optional
        The scenarios under each state of prices, where they are known already.

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
        known: Markets | None = None,
    ) -> None:
        self.interfaces, self.scenarios = tuple(interfaces), scenarios
        parts = parted(register.components, self.interfaces, tokens or {})
        self.parts = affordable(parts, register.lines, lambda: register.fine)
        # losses tied to others that are not counted in the same token stand at today's price
        self.tokens = {key: token for part in self.parts for key, token in part.counted.items()}
        self.tokened = tuple(c for c, part in enumerate(self.parts) if part.counted)
        self._states = known or Markets(self.interfaces, scenarios)
        self.markets = self._states.states
        self.weights: list[Array] = [each.weights for each in self.interfaces]
        self.count = cells or _APART_FROM_THE_LAW
        self.clouds: Clouds | None = None
        self._left: dict[float, float] = {}
        self.window = wide or self._chosen(register)
        self.register = register.on(self.window.grid)
        self.means = Means(
            self.register, self.parts, self._states, self.window, self.weights, self.market
        )
        self.fine = self._side(self.register.fine)
        self.coarse = self._side(self.register.coarse, halved=True)
        self.rough = self._side(self.register.rough, halved=True)
        self._markets: dict[Rungs, Coupled] = {}
        if self.tokened and not cells:
            clouds = Clouds(self.window, self.priced, len(scenarios.weights))
            if clouds.affordable:
                self.clouds = clouds
            else:
                self._refine()

    def _side(self, transforms: Transforms, halved: bool = False) -> Side:
        def priced(rungs: Rungs, plain: bool) -> Transform:
            z = self._on_window(rungs, plain)
            return np.stack([self.window.halved(row) for row in z]) if halved else z

        return Side(self.parts, self.register.lines, transforms, self._states, priced)

    def _on_window(self, rungs: Rungs, plain: bool) -> Transform:
        return self.market(rungs).read(plain)

    def celled(self, count: int) -> Joint:
        """The same with its law made with so many cells of prices, on the finest grid.

        What no cell touches is shared.
        """
        if not self.tokened or (count == self.count and self.clouds is None):
            return self
        _ = self.priced  # which both then share
        other = copy.copy(self)
        other.count, other._markets, other.clouds = count, {}, None
        other.means = Means(
            self.register, self.parts, self._states, self.window, self.weights, other.market
        )
        other.fine = self.fine.with_(self.register.lines, {}, other._on_window)
        del other.coarse, other.rough  # their market has the cells of before
        return other

    def _chosen(self, register: Register) -> Window:
        """A window for everything, from looks in which everything is counted in money."""

        def look(wide: Window, bands: Sequence[reach.Band]) -> SignedLaw:
            other = Joint(register, self.interfaces, self.scenarios, wide=wide, known=self._states)
            laws = [chance * other._at(prices).law(other.weights) for chance, prices in bands]
            return SignedLaw(wide, np.asarray(sum(laws)), mean=math.nan, sd=math.nan)

        return reach.wide(look, register.grid.range, self._states, self.tokens)

    def _at(self, prices: Mapping[str, float]) -> Side:
        """Everything with some lines, and what they are held in, at other prices by line."""
        lines = {
            key: dearer(line, prices.get(key, 1.0)) for key, line in self.register.lines.items()
        }
        self.fine.driven(self.weights)  # what no price touches is kept, and made but once
        changed = {
            c: grown(part, prices)
            for c, part in enumerate(self.parts)
            if not prices.keys().isdisjoint(part.keys)
        }
        return self.fine.with_(lines, changed)

    # --- states of prices

    def rungs_of(self, c: int, rungs: Rungs) -> Rungs:
        """The part of a state of prices that one part's interfaces make."""
        return self._states.made_by(self.parts[c], rungs)

    def losses(self, rungs: Rungs) -> Array:
        """What the portfolio loses in each scenario under a state of prices."""
        return self._states.losses(rungs)

    def prices(self, rungs: Rungs) -> Mapping[str, Array]:
        """Price of each token against today's, in each scenario."""
        return self._states.prices(rungs)

    def chance(self, rungs: Rungs, weights: Weights | None = None) -> float:
        """Probability of a state of prices."""
        return self._states.chance(rungs, self.weights if weights is None else weights)

    def market(self, rungs: Rungs) -> Coupled:
        """The market on the window under one state of prices."""
        if rungs not in self._markets:
            self._markets.update(self._made(rungs))
        return self._markets[rungs]

    def _made(self, rungs: Rungs) -> dict[Rungs, Coupled]:
        """The market under this state of prices, and under those with the same token prices."""
        weights = self.scenarios.weights
        if not self.tokened:
            z = self.window.transform(self.losses(rungs), weights)[None, :]
            return {rungs: Coupled(z, z, {}, ())}
        if self.clouds is not None:
            made, losses = self._patterns(rungs), self.losses(rungs)
            prices = self.counted(rungs)
            law = stretched.coupled(self.window, losses, weights, prices, self.clouds, made)
            alike = next(states for states in self.alike if rungs in states)
            same = [x for x in alike if np.array_equal(self.losses(x), losses)]
            return {x: law for x in same if x == rungs or self._patterns(x) == made}
        return self.coupled(rungs, self.priced)

    def _patterns(self, rungs: Rungs) -> list[set[int]]:
        """Of each part in tokens, the patterns that a state of prices may go with."""
        return [self.parts[c].made(self.rungs_of(c, rungs)) for c in self.tokened]

    def coupled(self, rungs: Rungs, priced: Sequence[Priced]) -> dict[Rungs, Coupled]:
        """The market with what is counted in tokens, under all states with these token prices."""
        alike = next(states for states in self.alike if rungs in states)
        return cells.coupled(
            self.window,
            {each: self.losses(each) for each in alike},
            self.scenarios.weights,
            self.counted(rungs),
            priced,
            self.matter,
            self.count,
        )

    def cells(self, rungs: Rungs) -> Iterator[Cell]:
        """Scenarios by cell of prices; all together where nothing is counted in tokens."""
        weights = self.scenarios.weights
        if self.tokened:
            yield from cells.gathered(self.counted(rungs), weights, self.matter, self.count)
        else:
            yield Cell(np.arange(len(weights)), weights, {}, {})

    def counted(self, rungs: Rungs) -> dict[str, Array]:
        """The prices of the tokens that losses are counted in."""
        return {token: self.prices(rungs)[token] for token in self.matter}

    @cached_property
    def alike(self) -> list[list[Rungs]]:
        """States of prices, together where these tokens cost the same in them."""
        found: list[list[Rungs]] = []
        for rungs in self.markets:
            mine = self.counted(rungs)
            for states in found:
                first = self.counted(states[0])
                if all(np.array_equal(first[token], each) for token, each in mine.items()):
                    states.append(rungs)
                    break
            else:
                found.append([rungs])
        return found

    @cached_property
    def priced(self) -> list[Priced]:
        """The parts that are counted in tokens, at any price."""
        lines, fine = self.register.lines, self.register.fine
        return [Priced(self.parts[c], lines, fine) for c in self.tokened]

    def tables(self, rungs: Rungs) -> list[Array]:
        """Probabilities of the patterns of each part in tokens, in a state of prices."""
        return [self.parts[c].table(self.weights)[self.rungs_of(c, rungs)] for c in self.tokened]

    @cached_property
    def matter(self) -> dict[str, float]:
        """What is expected to be lost in each token, at today's price."""
        found: dict[str, float] = {}
        for c in self.tokened:
            part = self.parts[c]
            for key, token in part.counted.items():
                found[token] = found.get(token, 0.0) + self.register.means[key]
        return found

    def _refine(self) -> None:
        """Split the cells of prices until plain and linear ones agree, and fewer cells with both.

        Where what is held hardly moves with these prices the linear term is nothing, and says
        nothing. Fixed sums want more.
        """
        apart = _APART if all(each.fits for each in self.priced) else _APART / 10.0
        before: SignedLaw | None = None
        for count in _CELLS:
            self.count = count
            self._markets = {}
            try:
                laws = [self._measured(self.weights, plain=plain) for plain in (False, True)]
                both = [law.cvar(0.99) for law in laws]
            except AssessmentError as error:  # so few cells that the linear term leads nowhere
                if count < _CELLS[-1]:
                    continue
                raise AssessmentError(
                    f"over the horizon the prices of {', '.join(sorted(self.matter))} range so "
                    "widely that losses counted in them cannot be priced scenario by scenario: "
                    "look less far ahead, or write these losses in money"
                ) from error
            if before is not None:
                self._left = {level: _LEFT * _gap(before, laws[0], level) for level in LEVELS}
                moved = _LEFT * abs(both[0] - before.cvar(0.99))
                if max(abs(both[0] - both[1]), moved) <= apart * abs(both[0]):
                    break
            before = laws[0]

    # --- the law

    def mean(self, weights: Weights) -> tuple[float, float]:
        """Exact mean of the sum, and what cutting gains at the window's end adds to it."""
        return self.means.whole(weights)

    def line_mean(self, key: str) -> float:
        """Exact mean of a line; of one counted in tokens, at the prices of the scenarios."""
        return self.means.line(key)

    def means_of(
        self,
        lines: Mapping[str, Compound],
        priced: PricedAt,
        mixtures: Sequence[Mixture | Unlisted] | None = None,
    ) -> Means:
        """Means of parts all of whose lines are given.

        Parameters
        ----------
        lines : mapping of Compound
        priced : callable
            Given a state of prices, what tokens cost and by how much parts are off that.
        mixtures : sequence, optional
            Instead of the register's.
        """
        old, grid = self.register, self.window.grid
        known = old.mixtures if mixtures is None else mixtures
        own = Register(list(lines.values()), mixtures=known, caps=old.caps, grid=grid)
        return Means(own, self.parts, self._states, self.window, self.weights, priced)

    def own_mean(self, weights: Weights) -> float:
        """Mean of all lines, without the market and at today's prices."""
        return self.means.lines(weights)

    def mean_given(self, c: int, state: State) -> float:
        """Mean of the sum, as the window holds it, given one state of a part."""
        return self.means.given(c, state)

    def _measured(self, weights: Weights, *, plain: bool = False) -> SignedLaw:
        """The law without a word on its error."""
        mean, cut = self.mean(weights)
        return SignedLaw(
            self.window, self.fine.law(weights, plain=plain), mean=mean, sd=math.nan, cut=cut
        )

    def exceed(self, x: float, weights: Weights) -> float:
        """P(sum > x) under other weights, however much they leave beyond the window."""
        return self._measured([np.asarray(w) for w in weights]).exceed(x)

    def law(self, weights: Weights | None = None) -> SignedLaw:
        """Law of the sum of everything, under the interfaces' weights or others.

        Parameters
        ----------
        weights : sequence of array, optional
            One for each interface.

        Raises
        ------
        AssessmentError
            More lies beyond the window than can be borne.
        """
        known = self.weights if weights is None else [np.asarray(w) for w in weights]
        mass, half = self.fine.law(known), self.coarse.law(known)
        mean, cut = self.mean(known)
        apart = self._apart(known) if self.tokened else {}
        moved = mean + cut - self.window.low
        grids = self.window.grid, self.window.grid.coarse()
        register = weighed(self.register, self.interfaces, known)

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

        sd = spread(self.window, mass, mean, register, self.tokens, self._over_states(known))
        law = SignedLaw(
            self.window, mass, mean=mean, sd=sd, cut=cut,
            coarse=None if self.window.grid.lattice else half, others=others, apart=apart,
        )  # fmt: skip
        if law.beyond > (reach.RARE if weights is None else reach.OTHER):
            raise AssessmentError(
                f"{law.beyond:.1e} of the losses together lie beyond the window, which ends at "
                f"{self.window.high:.3g}"
            )
        return law

    def _over_states(self, weights: Weights) -> dict[str, tuple[Array, Array]]:
        """Prices of each token that losses are counted in, over all states, and their weights."""
        chances = [self.chance(rungs, weights) for rungs in self.markets]
        mass = np.concatenate([chance * self.scenarios.weights for chance in chances])
        return {
            token: (np.concatenate([self.prices(rungs)[token] for rungs in self.markets]), mass)
            for token in set(self.tokens.values())
        }

    @cached_property
    def _believed(self) -> bool:
        """Whether any line has beliefs, so that nodes of integrals matter."""
        return any(line.beliefs for line in self.register.lines.values())

    def _apart(self, weights: Weights) -> dict[float, float]:
        """Error of losses in tokens, by level, in money.

        What rough clouds differ by, near the level as well, as two laws of steps agree at some;
        half a step where the law is no smoother than that. Of cells what they differ by without
        the linear term or from fewer, and stairs of fixed sums.
        """
        fine, rough = (self._measured(weights, plain=plain) for plain in (False, True))
        stairs = 0.0 if self.clouds else max(each.stairs for each in self.priced)
        return {
            a: max(_gap(fine, rough, a), self._left.get(a, 0.0)) + stairs * abs(fine.var(a))
            for a in LEVELS
        }


def _gap(fine: SignedLaw, rough: SignedLaw, level: float) -> float:
    """Largest difference of VaR near a level, and of CVaR, in money."""
    near = [1.0 - (1.0 - level) * aside for aside in _NEAR]
    gaps = [abs(fine.var(a) - rough.var(a)) for a in near]
    gaps.append(abs(fine.cvar(level) - rough.cvar(level)))
    smooth = fine.moved.smooth(fine.var(level) - fine.window.low)
    return max(_TIMES * max(gaps), 0.0 if smooth else 0.5 * fine.step)
