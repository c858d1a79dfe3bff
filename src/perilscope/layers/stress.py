# SPDX-License-Identifier: Apache-2.0
"""What today's holdings would lose in an episode of the past, or under shocks of one's own.

An asset that had no price then moves by its beta to a leading coin times what that coin did. Betas
are slopes of daily returns over the days both have, drawn towards 1 where few days tell (weight
n / (n + 250), so that a year of prices counts as much as the belief that it moves like the leader).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perilscope.engines.streams import stream
from perilscope.evidence.episodes import Episode
from perilscope.evidence.prices import History

LEADER = "BTC"
SHRINK = 250.0
"""Days of prices that weigh as much as a beta of 1."""

_STOPS, _RAYS, _ROUNDS = 20, 256, 24
_FAR, _MOST = 60.0, 10.0
"""How far rays are followed, in standard deviations, and the largest relative move."""
_NONE = 1e-10
"""A direction of less variance than so much of the largest does not move."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Moved:
    """What one holding does under a stress.

    Parameters
    ----------
    asset : str
    move : float
        Relative change of its price.
    loss : float
        Money; negative for a gain.
    how : str
        ``observed``, ``1.2 x BTC`` for a proxy, ``as given``, or ``not moved``.
    """

    asset: str
    move: float
    loss: float
    how: str


@dataclass(frozen=True)
class Stressed:
    """A stress and what it costs.

    Parameters
    ----------
    id, name : str
    days : int
    loss : float
    moved : tuple of Moved
        The dearest first.
    """

    id: str
    name: str
    days: int
    loss: float
    moved: tuple[Moved, ...]


def beta(history: History | None, asset: str, leader: str = LEADER) -> float:
    """Slope of an asset's daily returns on those of a leading coin, drawn towards 1.

    Examples
    --------
    A thousand days on which an asset moves twice as far count for 0.8, a beta of 1 for the rest:

    >>> from datetime import date, timedelta
    >>> days = tuple(date(2026, 1, 1) + timedelta(k) for k in range(1001))
    >>> steps = np.tile([0.01, -0.01], 500)
    >>> closes = np.cumprod(1.0 + np.column_stack([steps, 2.0 * steps]), axis=0)
    >>> closes = np.vstack([np.ones(2), closes])
    >>> round(beta(History(("BTC", "ETH"), days, closes), "ETH"), 9)
    1.8
    """
    if history is None or asset not in history.assets or leader not in history.assets:
        return 1.0
    columns = [history.assets.index(asset), history.assets.index(leader)]
    closes = history.closes[:, columns]
    with np.errstate(invalid="ignore", divide="ignore"):
        returns = closes[1:] / closes[:-1] - 1.0
    returns = returns[np.all(np.isfinite(returns), axis=1)]
    if len(returns) < 2:
        return 1.0
    centred = returns - returns.mean(axis=0)
    spread = float((centred[:, 1] ** 2).sum())
    slope = float((centred[:, 0] * centred[:, 1]).sum()) / spread if spread > 0.0 else 1.0
    weight = len(returns) / (len(returns) + SHRINK)
    return weight * slope + (1.0 - weight)


def moves_of(
    episode: Episode,
    assets: Sequence[str],
    history: History | None = None,
    still: Sequence[str] = (),
) -> dict[str, tuple[float, str]]:
    """What every price does if an episode comes again, and how that is known.

    Parameters
    ----------
    episode : Episode
    assets : sequence of str
    history : History, optional
        For the betas of assets that had no price then.
    still : sequence of str
        Assets that do not move unless they were observed: coins with a peg, cash.

    Examples
    --------
    >>> from datetime import date
    >>> seen = {"BTC": -0.2, "USDT": -0.01}
    >>> fall = Episode("f", "Fall", date(2026, 1, 1), date(2026, 1, 2), seen)
    >>> moves_of(fall, ["USDT", "SOL", "USDC"], still=["USDC"])  # SOL has no history: a beta of 1
    {'USDT': (-0.01, 'observed'), 'SOL': (-0.2, '1 x BTC'), 'USDC': (0.0, 'not moved')}
    """
    found: dict[str, tuple[float, str]] = {}
    for asset in assets:
        if asset in episode.moves:
            found[asset] = episode.moves[asset], "observed"
        elif asset in still or LEADER not in episode.moves:
            found[asset] = 0.0, "not moved"
        else:
            slope = beta(history, asset)
            move = max(slope * episode.moves[LEADER], -1.0)
            found[asset] = move, f"{slope:.2g} x {LEADER}"
    return found


def replayed(
    episode: Episode,
    values: Mapping[str, float],
    history: History | None = None,
    still: Sequence[str] = (),
) -> Stressed:
    """What holdings of assets would lose if an episode came again; see `moves_of`."""
    moves = moves_of(episode, tuple(values), history, still)
    moved = [Moved(a, move, -values[a] * move, how) for a, (move, how) in moves.items()]
    return stressed(episode.id, episode.name, episode.days, moved)


def shocked(
    name: str,
    shocks: Mapping[str, float],
    values: Mapping[str, float],
    lost: Callable[[Mapping[str, float]], Mapping[str, float]] | None = None,
) -> Stressed:
    """What holdings would lose under shocks of one's own; what is not named does not move.

    Examples
    --------
    >>> shocked("mine", {"BTC": -0.4}, {"BTC": 100.0, "ETH": 50.0}).loss
    40.0
    """
    moves = {asset: shocks.get(asset, 0.0) for asset in values}
    losses = {a: -values[a] * move for a, move in moves.items()} if lost is None else lost(moves)
    moved = [
        Moved(a, move, losses.get(a, 0.0), "as given" if a in shocks else "not moved")
        for a, move in moves.items()
    ]
    return stressed(name, name, 1, moved)


def stressed(key: str, name: str, days: int, moved: Sequence[Moved]) -> Stressed:
    """A stress of what was moved, the dearest first."""
    loss = math.fsum(each.loss for each in moved)
    return Stressed(key, name, days, loss, tuple(sorted(moved, key=lambda m: -m.loss)))


@dataclass(frozen=True)
class Reverse:
    """The mildest plausible move of all prices that costs so much.

    Parameters
    ----------
    loss : float
    distance : float
        Mahalanobis distance: how many standard deviations of the portfolio away it lies.
    moves : mapping of asset to relative move
    """

    loss: float
    distance: float
    moves: Mapping[str, float]


def reverse(
    moves: Floats, values: Mapping[str, float], loss: float, weights: Floats | None = None
) -> Reverse | None:
    """The shock of least Mahalanobis distance that costs a given loss.

    Parameters
    ----------
    moves : array, shape (n, assets)
        Past moves over the horizon, in the order of ``values``.
    values : mapping of asset to money
    loss : float
        Money, positive.
    weights : array, shape (n,), optional
        Probability of each past move; equal without.

    Returns
    -------
    Reverse, or None where the portfolio does not move.

    Notes
    -----
    With covariance S and values w the minimum of x' S^-1 x under -w'x = loss is
    x = -S w loss / (w' S w), at the distance loss / sqrt(w' S w); S need not be invertible.

    Examples
    --------
    >>> found = reverse(np.array([[0.1, 0.0], [-0.1, 0.0]]), {"A": 10.0, "B": 5.0}, 2.0)
    >>> round(found.distance, 9), {a: round(m, 9) for a, m in found.moves.items()}
    (2.0, {'A': -0.2, 'B': -0.0})
    """
    w = np.array(list(values.values()))
    mass = np.full(len(moves), 1.0 / len(moves)) if weights is None else weights
    centred = moves - mass @ moves
    towards = centred.T @ (mass * (centred @ w))
    variance = float(w @ towards)
    if not variance > 0.0:
        return None
    shock = -towards * loss / variance
    return Reverse(loss, loss / math.sqrt(variance), dict(zip(values, shock.tolist(), strict=True)))


def mildest(
    lost: Callable[[Floats], Floats], covariance: Floats, loss: float, assets: Sequence[str]
) -> Reverse | None:
    """The shock of least Mahalanobis distance that costs a given loss, positions revalued in full.

    Parameters
    ----------
    lost : callable
        Losses under moves of shape (n, k).
    covariance : array, shape (k, k)
        Of the moves.
    loss : float
        Money, positive.
    assets : sequence of str

    Returns
    -------
    Reverse, or None where no such shock was found: nothing moves, or no move costs so much.

    Notes
    -----
    The search of Hasofer and Lind (1974), Rackwitz and Fiessler (1978): at each step the loss is
    taken as linear about the present point, and the mildest shock of that plane is the next one. It
    begins at rest and where `_by_rays` ends, since it sees one side of what is liquidated or capped
    and does not settle at such an edge. The mildest of all that is found is taken; where a loss
    jumps it may cost more than asked.

    Examples
    --------
    >>> found = mildest(lambda x: -10.0 * x[:, 0], np.eye(1) * 0.01, 2.0, ["A"])
    >>> round(found.distance, 6), round(found.moves["A"], 6)
    (2.0, -0.2)
    >>> capped = lambda x: np.maximum(np.minimum(-10.0 * x[:, 0], 1.0), 2.0 * x[:, 0])
    >>> round(mildest(capped, np.eye(1) * 0.01, 2.0, ["A"]).moves["A"], 6)  # the other way
    1.0
    """
    along = _by_rays(lost, covariance, loss)
    starts = (np.zeros(len(assets)), *along)
    found = [x for each in starts if (x := _descended(lost, covariance, loss, each)) is not None]
    points = np.array([*found, *along])
    if not points.size:
        return None
    far = distances(points, covariance)
    best = points[int(np.argmin(far))]
    moves = dict(zip(assets, best.tolist(), strict=True))
    return Reverse(float(lost(best[None, :])[0]), float(far.min()), moves)


def _by_rays(
    lost: Callable[[Floats], Floats], covariance: Floats, loss: float
) -> tuple[Floats, ...]:
    """A shock that costs so much, sought along rays from rest: none, or the mildest of them.

    Rays go where one price moves, alone or with what usually goes with it, and anywhere; then ever
    nearer about the mildest so far.
    """
    values, vectors = np.linalg.eigh(covariance)
    kept = values > _NONE * max(float(values.max(initial=0.0)), 1e-300)
    factor = vectors[:, kept] * np.sqrt(values[kept])  # moves of points one unit away
    rank, rng = factor.shape[1], stream(1, "market", "rays of the reverse stress")

    def nearest(lines: Floats, most: float) -> Floats | None:
        """The nearest point on these rays that costs so much, no farther than so."""
        size = np.sqrt((lines * lines).sum(axis=1))
        lines = lines[size > 0.0] / size[size > 0.0, None]
        ends = np.linspace(most / _STOPS, most, _STOPS)
        costs = [lost(_moved(factor, lines * end)) >= loss for end in ends.tolist()]
        enough = np.array(costs).reshape(_STOPS, len(lines))
        some = enough.any(axis=0)
        if not some.any():
            return None
        lines, high = lines[some], ends[enough[:, some].argmax(axis=0)]
        low = high - most / _STOPS
        for _ in range(30):
            middle = 0.5 * (low + high)
            over = lost(_moved(factor, lines * middle[:, None])) >= loss
            low, high = np.where(over, low, middle), np.where(over, middle, high)
        return np.asarray(lines[high.argmin()] * high.min())

    alone = np.concatenate([factor, factor / values[kept]])
    anywhere = rng.standard_normal((_RAYS, rank))
    best = None
    for most in (2.0, 8.0, _FAR):
        best = nearest(np.concatenate([alone, -alone, anywhere]), most)
        if best is not None:
            break
    if best is None:
        return ()
    spread = 0.5 / math.sqrt(rank)
    for _ in range(_ROUNDS):
        away = float(np.sqrt(best @ best))
        nearer = nearest(best + spread * away * rng.standard_normal((_RAYS, rank)), away)
        best, spread = best if nearer is None else nearer, 0.8 * spread
    return (_moved(factor, best[None, :])[0],)


def _moved(factor: Floats, points: Floats) -> Floats:
    """Moves of prices, which cannot fall below nothing."""
    return np.asarray(np.clip(points @ factor.T, -1.0, _MOST))


def _descended(
    lost: Callable[[Floats], Floats], covariance: Floats, loss: float, start: Floats
) -> Floats | None:
    """Where the search ends that begins here; None where that does not cost so much."""
    k, step, point = len(start), 1e-4, start
    for turn in range(60):
        bumps = np.vstack([point, point + step * np.eye(k), point - step * np.eye(k)])
        found = lost(np.maximum(bumps, -1.0))
        slope = (found[1 : k + 1] - found[k + 1 :]) / (2.0 * step)
        towards = covariance @ slope
        spread = float(slope @ towards)
        if not spread > 0.0:
            return None
        following = towards * ((slope @ point - found[0] + loss) / spread)
        following = np.clip(following, -1.0, _MOST)
        if np.abs(following - point).max() < 1e-7:
            break
        point = 0.5 * (point + following) if turn >= 20 else following  # where it circles
    return point if abs(float(lost(point[None, :])[0]) - loss) <= 1e-3 * loss else None


def distances(moves: Floats, covariance: Floats) -> Floats:
    """Mahalanobis distance of every move, within the directions that have any variance.

    Examples
    --------
    Moves of 3 and 4 standard deviations of two prices that do not hang together:

    >>> distances(np.array([[0.03, 0.08]]), np.diag([0.01**2, 0.02**2])).round(9).tolist()
    [5.0]
    """
    values, vectors = np.linalg.eigh(covariance)
    kept = values > _NONE * max(float(values.max(initial=0.0)), 1e-300)
    turned = moves @ vectors[:, kept]
    return np.asarray(np.sqrt((turned * turned / values[kept]).sum(axis=1)))


def worst_window(
    history: History, values: Mapping[str, float], days: int
) -> tuple[str, str, float] | None:
    """First day, last day and loss of the worst stretch of so many days for today's holdings.

    Examples
    --------
    >>> from datetime import date
    >>> days = tuple(date(2026, 1, day) for day in (1, 2, 3, 4))
    >>> history = History(("BTC",), days, np.array([[100.0], [120.0], [90.0], [60.0]]))
    >>> worst_window(history, {"BTC": 10.0}, 2)
    ('2026-01-02', '2026-01-04', 5.0)
    """
    known = [a for a in values if a in history.assets]
    if not known or len(history.days) <= days:
        return None
    closes = history.closes[:, [history.assets.index(a) for a in known]]
    worth = np.array([values[a] for a in known])
    with np.errstate(invalid="ignore", divide="ignore"):
        losses = -(closes[days:] / closes[:-days] - 1.0) @ worth
    losses = np.where(np.isfinite(losses), losses, -np.inf)
    k = int(np.argmax(losses))
    return history.days[k].isoformat(), history.days[k + days].isoformat(), float(losses[k])
