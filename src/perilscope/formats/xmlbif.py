# SPDX-License-Identifier: Apache-2.0
"""XMLBIF 0.3, the interchange format in XML (JavaBayes, SamIam, Weka; pyAgrum calls it BIFXML).

In a ``TABLE`` the given variables come first and the node last; the last one is fastest.

Source: F. Cozman and others, *XML-based BayesNets Interchange Format*, version 0.3 (1998).
"""

from __future__ import annotations

from perilscope.engines.networks.network import AnyNode, Network
from perilscope.formats import labels, markup
from perilscope.formats.draft import Declared, Draft, RefusedError, Tabled, listed, shown
from perilscope.formats.markup import Element


def read(draft: Draft, root: Element) -> None:
    """Take nodes and tables of an XMLBIF document into the draft."""
    if root.tag.upper() != "BIF":
        raise RefusedError(root.place, "", f"<BIF> is wanted here, found <{shown(root.tag)}>")
    for element in root.one("NETWORK").children:
        try:
            if element.tag == "VARIABLE":
                draft.node(_variable(element))
            elif element.tag in ("DEFINITION", "PROBABILITY"):
                draft.table(_definition(element))
        except RefusedError as error:
            draft.refused(error)


def _variable(element: Element) -> Declared:
    key = element.one("NAME").text.strip()
    kind = element.attributes.get("TYPE", "nature")
    if kind != "nature":
        what = f"only nodes of nature are read, and this one is of type {shown(kind)}"
        raise RefusedError(element.place, key, what)
    states = tuple(child.text.strip() for child in element.children if child.tag in _STATE)
    remarks = {}
    for remark in element.all("PROPERTY"):
        name, _, value = remark.text.partition("=")
        remarks[name.strip()] = value.strip()
    return Declared(key, states, element.place, *labels.restored(remarks))


#: Version 0.3 says OUTCOME, the versions before it VALUE.
_STATE = ("OUTCOME", "VALUE")


def _definition(element: Element) -> Tabled:
    key = element.one("FOR").text.strip()
    parents = tuple(given.text.strip() for given in element.all("GIVEN"))
    table = element.one("TABLE")
    return listed(key, parents, element.place, table.numbers(), table.line)


def write(net: Network) -> str:
    """The network as XMLBIF text."""
    names = [node.name for node in net.nodes]
    keys = dict(zip(names, labels.stand_ins(names, markup.holds), strict=True))
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<BIF VERSION="0.3">', "<NETWORK>"]
    lines.append("<NAME>network</NAME>")
    for node in net.nodes:
        lines += _variable_lines(node, keys[node.name])
    for node in net.nodes:
        lines += _definition_lines(node, keys)
    return "\n".join([*lines, "</NETWORK>", "</BIF>"]) + "\n"


def _variable_lines(node: AnyNode, key: str) -> list[str]:
    states = labels.stand_ins(node.states, markup.holds)
    lines = ['<VARIABLE TYPE="nature">', f"  <NAME>{markup.text(key)}</NAME>"]
    lines += [f"  <OUTCOME>{markup.text(state)}</OUTCOME>" for state in states]
    for name, value in labels.remarks(node.name, key, node.states, states):
        lines.append(f"  <PROPERTY>{name} = {value}</PROPERTY>")
    return [*lines, "</VARIABLE>"]


def _definition_lines(node: AnyNode, keys: dict[str, str]) -> list[str]:
    lines = ["<DEFINITION>", f"  <FOR>{markup.text(keys[node.name])}</FOR>"]
    lines += [f"  <GIVEN>{markup.text(keys[parent])}</GIVEN>" for parent in node.parents]
    rows = node.table.reshape(-1, len(node.states)).tolist()
    lines.append("  <TABLE>")
    lines += ["    " + " ".join(map(repr, row)) for row in rows]
    return [*lines, "  </TABLE>", "</DEFINITION>"]
