# SPDX-License-Identifier: Apache-2.0
"""Networks as the run document tells of them."""

from __future__ import annotations

from perilscope.beliefs.law import point
from perilscope.cycle.assess import Result
from perilscope.cycle.measures import Document
from perilscope.layers.driven import places


def networks(result: Result) -> Document:
    """Network, node, state: probability, given the evidence."""
    return dict(result.drivers.marginals)


def network_details(result: Result) -> Document:
    """Period, nodes, what each network drives and which prices it moves."""
    book, found = result.book, {}
    for net, driver in result.drivers.networks.items():
        declared = book.networks.get(net)
        shocks = []
        for node, states in declared.shocks.items() if declared is not None else ():
            for state, tokens in states.items():
                for token, shock in tokens.items():
                    shocks.append(
                        {"node": node, "state": state, "token": token, "shock": point(shock)}
                    )
        found[net] = {
            "period_years": driver.years,
            "nodes": [
                {
                    "id": node.name,
                    "parents": list(node.parents),
                    "states": list(node.states),
                    "observed": driver.evidence.get(node.name, ""),
                    "means": "state now" if node.name in driver.conditions else "within period",
                }
                for node in driver.network.nodes
            ],
            "drives": [
                {"scenario": key, "node": node}
                for key, scenario in result.scenarios.items()
                for network, node in places(book, scenario)
                if network == net
            ],
            "shocks": shocks,
            "evidence": dict(driver.evidence),
            "built_in": net in book.protocols,
        }
    return found
