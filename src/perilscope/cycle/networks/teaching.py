# SPDX-License-Identifier: Apache-2.0
"""Tables of a network learnt from records, and a structure suggested by them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from perilscope.cycle.measures import Document
from perilscope.cycle.networks.inquiry import Asked
from perilscope.engines.networks.network import Network
from perilscope.engines.networks.records import Records
from perilscope.engines.networks.structure_search import suggest_structure
from perilscope.engines.networks.table_learning import Learnt, learn
from perilscope.errors import MisuseError
from perilscope.evidence.records import parse_records
from perilscope.sources.files import read_bytes


@dataclass(frozen=True)
class Taught:
    """A network with learnt tables, and the document that tells of them."""

    network: Network
    document: Document


def taught(
    asked: Asked,
    path: Path,
    *,
    ess: float,
    prior: str = "table",
    weight: str = "",
    keep: Collection[str] = (),
) -> Taught:
    """Learn the tables of a network from a file of records.

    Raises
    ------
    MisuseError, DataError, AssessmentError
        As `parse_records` and `learn`.
    """
    kinds: dict[str, Literal["table", "uniform"]] = {"table": "table", "uniform": "uniform"}
    if prior not in kinds:
        raise MisuseError(f"--prior {prior!r}: {' or '.join(kinds)}")
    if not 0.0 <= ess < float("inf"):
        raise MisuseError(f"--ess {ess:g}: records that the prior is worth, 0 or more")
    records = parse_records(path.name, read_bytes(path), asked.network, weight)
    found = learn(asked.network, records, prior=kinds[prior], ess=ess, keep=keep)
    return Taught(found.net, _document(asked, path, records, found, ess, prior))


def _document(
    asked: Asked, path: Path, records: Records, found: Learnt, ess: float, prior: str
) -> Document:
    seen = records.places >= 0
    return {
        "network": asked.name,
        "records": path.name,
        "rows": len(records.weights),
        "weight": float(records.weights.sum()),
        "missing": float(1.0 - seen.mean()) if seen.size else 1.0,
        "patterns": found.patterns,
        "rounds": found.rounds,
        "converged": found.converged,
        "log_likelihood": [found.log_likelihood[0], found.log_likelihood[-1]],
        "equivalent_sample_size": ess,
        "prior": prior,
        "tables": [
            row for node in found.net.nodes for row in _rows(asked.network, found, node.name)
        ],
    }


def _rows(before: Network, found: Learnt, name: str) -> list[Document]:
    """Every row of a node's table: before, after, its spread, and what stands behind it."""
    node, old = found.net.node(name), before.node(name).table
    if name not in found.counts:
        return []
    spread = found.spread(name)
    rows = []
    for at in np.ndindex(*node.table.shape[:-1]):
        given = {
            parent: found.net.node(parent).states[k]
            for parent, k in zip(node.parents, at, strict=True)
        }
        rows.append(
            {
                "node": name,
                "given": given,
                "states": list(node.states),
                "before": old[at].tolist(),
                "after": node.table[at].tolist(),
                "spread": spread[at].tolist(),
                "counted": float(found.counts[name][at].sum()),
            }
        )
    return rows


def suggested(
    asked: Asked,
    path: Path,
    *,
    weight: str = "",
    forbidden: Sequence[str] = (),
    required: Sequence[str] = (),
    score: Literal["bic", "bdeu"] = "bic",
) -> Document:
    """Arcs that records speak for: a suggestion, which changes nothing.

    Parameters
    ----------
    forbidden, required : sequence of ``PARENT->CHILD``
    """
    records = parse_records(path.name, read_bytes(path), asked.network, weight)
    found = suggest_structure(
        records, forbidden=map(_arc, forbidden), required=map(_arc, required), score=score
    )
    has = {(parent, node.name) for node in asked.network.nodes for parent in node.parents}
    told = {(arc.parent, arc.child) for arc in found.arcs}
    return {
        "network": asked.name,
        "records": path.name,
        "score": found.score,
        "gain": found.gain,
        "used": found.used,
        "left_out": found.left_out,
        "arcs": [
            {
                "parent": arc.parent,
                "child": arc.child,
                "gain": arc.gain,
                "there": (arc.parent, arc.child) in has,
                "reversed": (arc.child, arc.parent) in has,
            }
            for arc in found.arcs
        ],
        "not_suggested": [
            {"parent": a, "child": b} for a, b in sorted(has - told) if (b, a) not in told
        ],
    }


def _arc(text: str) -> tuple[str, str]:
    parent, arrow, child = text.partition("->")
    if not arrow or not parent.strip() or not child.strip():
        raise MisuseError(f"{text!r}: write PARENT->CHILD")
    return parent.strip(), child.strip()
