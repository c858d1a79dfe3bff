# SPDX-License-Identifier: Apache-2.0
"""What was seen of the nodes of a network: records with gaps and weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perilscope.engines.networks.network import Array, Network
from perilscope.errors import MisuseError

Places = NDArray[np.int64]

MISSING = -1
"""The place of a state that was not seen."""


@dataclass(frozen=True, eq=False)
class Records:
    """What was seen: one row for each record.

    Parameters
    ----------
    names : tuple of str
        The nodes, in the order of the columns.
    states : tuple of tuple of str
        The states of each.
    places : integer array, shape (rows, nodes)
        Positions of states; -1 where nothing was seen.
    weights : array, shape (rows,), optional
        How much each record counts, 0 or more (for example discounted by age); 1 by default.

    Raises
    ------
    MisuseError
        Shapes that do not fit, a position without a state, a negative weight. Records are counted
        from 1 in the messages.

    Examples
    --------
    >>> Records(("rain",), (("no", "yes"),), [[0], [1], [-1]]).weights.tolist()
    [1.0, 1.0, 1.0]
    """

    names: tuple[str, ...]
    states: tuple[tuple[str, ...], ...]
    places: Places
    weights: Array = None  # type: ignore[assignment]  # always an array once made

    def __post_init__(self) -> None:
        places = np.array(self.places)
        if places.size == 0:
            places = places.reshape(-1, len(self.names)).astype(np.int64)
        if len(self.states) != len(self.names) or places.shape[1:] != (len(self.names),):
            raise MisuseError(f"records of shape {places.shape} do not fit {len(self.names)} nodes")
        if not np.issubdtype(places.dtype, np.integer):
            raise MisuseError(
                f"records must hold positions of states, whole numbers, not {places.dtype}"
            )
        for column, (name, states) in enumerate(zip(self.names, self.states, strict=True)):
            own = places[:, column]
            for row in np.flatnonzero((own < MISSING) | (own >= len(states)))[:1].tolist():
                raise MisuseError(
                    f"record {row + 1}: node {name} has no state number {own[row]}; it has 0 to "
                    f"{len(states) - 1}, and -1 where nothing was seen"
                )
        given = np.ones(len(places)) if self.weights is None else self.weights
        weights = np.array(given, dtype=np.float64)
        if weights.shape != (len(places),):
            raise MisuseError(f"{len(places)} records, but weights of shape {weights.shape}")
        for row in np.flatnonzero(~((weights >= 0.0) & (weights < np.inf)))[:1].tolist():
            raise MisuseError(f"record {row + 1}: a weight must be 0 or more, not {weights[row]}")
        object.__setattr__(self, "places", places.astype(np.int64))
        object.__setattr__(self, "weights", weights)
        self.places.flags.writeable = self.weights.flags.writeable = False

    @classmethod
    def of(
        cls,
        net: Network,
        rows: Sequence[Mapping[str, str | None]],
        weights: Sequence[float] | None = None,
    ) -> Records:
        """Records from mappings of node to state; a node that is left out or None was not seen.

        Examples
        --------
        >>> from perilscope.engines.networks.network import Node
        >>> net = Network((Node("rain", ("no", "yes"), (), [0.8, 0.2]),))
        >>> Records.of(net, [{"rain": "yes"}, {}]).places.tolist()
        [[1], [-1]]
        """
        names = tuple(node.name for node in net.nodes)
        column = {name: k for k, name in enumerate(names)}
        places = np.full((len(rows), len(names)), MISSING, dtype=np.int64)
        for number, row in enumerate(rows):
            for name, state in row.items():
                if state is not None:
                    try:
                        places[number, column.get(name, 0)] = net.state(name, state)
                    except MisuseError as error:
                        raise MisuseError(f"record {number + 1}: {error}") from None
        states = tuple(node.states for node in net.nodes)
        return cls(names, states, places, weights)  # type: ignore[arg-type]

    def fitted(self, net: Network) -> Places:
        """Positions with the nodes of a network as columns; nodes without a column were not seen.

        Raises
        ------
        MisuseError
            A column that is no node, or has other states.
        """
        at = {node.name: k for k, node in enumerate(net.nodes)}
        places = np.full((len(self.places), len(at)), MISSING, dtype=np.int64)
        for column, (name, states) in enumerate(zip(self.names, self.states, strict=True)):
            if net.node(name).states != tuple(states):
                own = ", ".join(net.node(name).states)
                raise MisuseError(f"node {name} has the states {own}; the records have others")
            places[:, at[name]] = self.places[:, column]
        return places
