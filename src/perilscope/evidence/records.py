# SPDX-License-Identifier: Apache-2.0
"""Records of the nodes of a network as a table: one column a node, one row a record."""

from __future__ import annotations

from perilscope.engines.networks.network import Network
from perilscope.engines.networks.records import Records
from perilscope.errors import MisuseError
from perilscope.evidence.table import Faults, number, read_table

NOT_SEEN = ("", "?", "na", "n/a", "nan", "null", "*")
"""How cells say, without regard to case, that a state was not seen; unless a state is called so."""


def parse_records(name: str, data: bytes, net: Network, weight: str = "") -> Records:
    r"""Records of the nodes that have a column; other columns are refused.

    Parameters
    ----------
    name : str
        Of the file, for faults.
    data : bytes
    net : Network
        Nodes without a column count as never seen.
    weight : str
        Column that says how much each record counts; 1 each without it.

    Raises
    ------
    DataError
        All faults with their lines.

    Examples
    --------
    >>> from perilscope.engines.networks.network import Node
    >>> net = Network((Node("rain", ("no", "yes"), (), [0.8, 0.2]),))
    >>> parse_records("days.csv", b"rain\nyes\n?\n", net).places.tolist()
    [[1], [-1]]
    """
    faults = Faults(name)
    table = read_table(name, data, faults)
    known = {node.name: node for node in net.nodes}
    for column in table.columns:
        if column != weight and column not in known:
            names = ", ".join(list(known)[:12]) + (" ..." if len(known) > 12 else "")
            faults.add(table.line, f"the column {column!r} is no node", f"nodes: {names}")
    if weight and weight not in table.columns:
        faults.add(table.line, f"there is no column {weight!r} for weights")
    twice = {column for column in table.columns if table.columns.count(column) > 1}
    for column in sorted(twice):
        faults.add(table.line, f"the column {column!r} stands twice")
    faults.refuse()
    columns = [column for column in table.columns if column != weight]
    places: list[list[int]] = []
    weights: list[float] = []
    for line, said in table.records({column: at for at, column in enumerate(table.columns)}):
        row = [_place(said[c], known[c].states, c, line, faults) for c in columns]
        counts = number(said[weight]) if weight else 1.0
        if counts is None or not 0.0 <= counts < float("inf"):
            faults.add(line, f"the weight {said[weight]!r} is no number of 0 or more")
            counts = 0.0
        places.append(row)
        weights.append(counts)
    if not places:
        faults.add(0, "there is no record", "write one row for each record")
    faults.refuse()
    states = tuple(known[column].states for column in columns)
    try:
        return Records(tuple(columns), states, places, weights)  # type: ignore[arg-type]
    except MisuseError as error:
        faults.add(0, str(error))
        faults.refuse()
        raise


def _place(cell: str, states: tuple[str, ...], column: str, line: int, faults: Faults) -> int:
    if cell in states:
        return states.index(cell)
    if cell.casefold() in NOT_SEEN:
        return -1
    mend = f"its states: {', '.join(states)}; an empty cell where it was not seen"
    faults.add(line, f"{column} has no state {cell!r}", mend)
    return -1
