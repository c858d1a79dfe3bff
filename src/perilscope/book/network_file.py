# SPDX-License-Identifier: Apache-2.0
"""A network whose nodes stand in a file of another program, with what such a file cannot say.

The file has nodes, states, parents and tables. The book says the rest beside its name: the period,
what a state does to prices, and of single nodes what they mean and what was observed. What reads
such files comes in as a function, because the book knows no formats.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..errors import Fault, FaultsError
from .source import Path
from .words import listed, near, shown

Nodes = Mapping[str, Mapping[str, Any]]
Tables = Callable[[str, bytes], Nodes]
"""Name and content of a file -> its nodes: ``states``, ``parents`` and ``table`` as rows."""

IN_FILE = ("states", "parents", "table")
_YAML = (".yaml", ".yml")


def is_one(name: str) -> bool:
    """Whether a name is that of such a file; a network of the book's own form is YAML.

    Examples
    --------
    >>> is_one("networks/asia.bif"), is_one("networks/usdc-peg.yaml"), is_one("peg")
    (True, False, False)
    """
    last = name.replace("\\", "/").rsplit("/", 1)[-1].lower()
    return "." in last and not last.endswith(_YAML)


def read(
    name: str, data: bytes, tables: Tables | None
) -> tuple[dict[str, dict[str, Any]] | None, list[Fault]]:
    """The nodes of a file, or what is wrong with it."""
    if tables is None:
        return None, [Fault(name, 0, 0, "", f"the file `{name}` cannot be read here")]
    try:
        return {node: dict(said) for node, said in tables(name, data).items()}, []
    except FaultsError as error:
        return None, list(error.faults)


def together(
    entry: Mapping[str, Any],
    nodes: Mapping[str, dict[str, Any]],
    path: Path,
    report: Callable[..., None],
) -> dict[str, Any]:
    """The network as if it stood in the book whole.

    Parameters
    ----------
    entry : mapping
        As written: ``file`` and what the book says of it.
    nodes : mapping
        Of the file.
    path : tuple
        Of the entry.
    report : callable
        Takes the path of a fault, what is wrong and how to mend it.
    """
    name, said = entry["file"], entry.get("nodes", {})
    found = {node: dict(each) for node, each in nodes.items()}
    if not isinstance(said, dict):
        mend = "Like `nodes: {reserves: {means: state now}}`."
        report((*path, "nodes"), f"a mapping of nodes is wanted here, found {shown(said)}", mend)
        said = {}
    for node, extra in said.items():
        at = (*path, "nodes", node)
        if node not in nodes:
            mend = f"{near(node, nodes)}Its nodes: {listed(nodes)}."
            report(at, f"`{name}` has no node `{node}`", mend, key=True)
        elif not isinstance(extra, dict):
            report(at, f"a mapping is wanted here, found {shown(extra)}", "Like `{observed: yes}`.")
        else:
            for field in IN_FILE:
                if field in extra:
                    mend = "Delete it here, or write the whole network in the book."
                    report((*at, field), f"`{field}` stands in `{name}`", mend, key=True)
            found[node] = {**{k: v for k, v in extra.items() if k not in IN_FILE}, **found[node]}
    return {**entry, "nodes": found}
