# SPDX-License-Identifier: Apache-2.0
"""Rules between entries, checked on the raw tree so that one broken entry hides no other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .assets import THROUGHS
from .control import CUT, FACTORS
from .estimate import FROM
from .fields import WHOLES, Context, OneOf
from .grammar import WRONG_SCALES, read
from .laws import QuantityError
from .library import Library
from .source import Path
from .tables import states_of
from .words import listed, near

KINDS = {
    "venues": "venue",
    "assets": "asset",
    "protocols": "protocol",
    "threats": "threat",
    "vulnerabilities": "vulnerability",
    "scenarios": "scenario",
    "controls": "control",
    "factors": "factor",
    "shocks": "shock",
    "beliefs": "belief",
    "covers": "cover",
    "experts": "expert",
    "networks": "network",
    "watches": "watch",
}


def section(tree: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a mapping of entries as written, or an empty one."""
    found = tree.get(name)
    return found if isinstance(found, dict) else {}


def entries(tree: dict[str, Any], name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the entries of a section that are mappings."""
    for key, value in section(tree, name).items():
        if isinstance(value, dict):
            yield key, value


def gather_context(tree: dict[str, Any]) -> Context:
    """Return what fields must know of the rest of the book."""
    ids = {kind: tuple(section(tree, name)) for name, kind in KINDS.items()}
    tokens = frozenset([*section(tree, "tokens"), *implied_tokens(tree)])
    ids["token"] = tuple(dict.fromkeys([*section(tree, "tokens"), *implied_tokens(tree)]))
    nodes = {
        key: states_of(net.get("nodes")) if isinstance(net, dict) else None
        for key, net in section(tree, "networks").items()
    }
    currency = tree.get("currency")
    institution = tree.get("institution")
    has_assets = isinstance(institution, dict) and "net_assets" in institution
    return Context(
        currency if isinstance(currency, str) else "USD",
        tokens,
        ids,
        nodes,
        WHOLES if has_assets else tuple(w for w in WHOLES if w != "net_assets"),
        *_beliefs(tree),
    )


def _beliefs(tree: dict[str, Any]) -> tuple[dict[str, str], dict[str, dict[str, Any]]]:
    """What is believed by name, as written, and what each rests on."""
    texts, sources = {}, {}
    for key, entry in section(tree, "beliefs").items():
        written = entry if isinstance(entry, dict) else {"value": entry}
        if isinstance(written.get("value"), str):
            texts[key] = written["value"]
            sources[key] = {k: written[k] for k in ("source", "by", "on", "grade") if k in written}
    return texts, sources


def implied_tokens(tree: dict[str, Any]) -> list[str]:
    """Return the units of deposits: a deposit declares its token."""
    found: list[str] = []
    for _, protocol in entries(tree, "protocols"):
        deposit = protocol.get("deposit")
        text = deposit.get("value") if isinstance(deposit, dict) else deposit
        if isinstance(text, str):
            try:
                units = read(text).noted("unit")
            except QuantityError:
                continue
            found += [u for u in units if u != tree.get("currency") and u not in WRONG_SCALES]
    return found


def check(library: Library) -> None:
    """Note every fault between entries."""
    _ids(library)
    _one_home(library)
    _cuts(library)
    _through(library)
    _ruled_out(library)


def _ids(library: Library) -> None:
    """Ids share one space: no two entries of any kind have the same."""
    first: dict[str, Path] = {}
    for name in library.tree:
        if name not in KINDS:
            continue
        for key in section(library.tree, name):
            path: Path = (name, key)
            own = section(library.tree, name)[key]
            if isinstance(own, dict) and own.get("id", key) != key:
                mend = f"Its id is its key, `{key}`: delete the line."
                library.fault((*path, "id"), f"a second id for `{key}`", mend, key=True)
            if key in WHOLES:
                library.fault(
                    path, f"the id `{key}` has a meaning of its own", "Choose another.", key=True
                )
            elif key in first:
                kind = KINDS[str(first[key][0])]
                there = library.where(first[key], key=True)
                mend = f"Ids share one space: the {kind} stands in {there}; rename one."
                library.fault(path, f"the id `{key}` is already that of a {kind}", mend, key=True)
            else:
                first[key] = path


def _one_home(library: Library) -> None:
    """One loss has one home: no second frequency for the same cause and holding."""
    seen: dict[str, list[_Home]] = {}
    for key, scenario in entries(library.tree, "scenarios"):
        asset = scenario.get("asset")
        if not isinstance(asset, str):
            continue
        home = _Home(
            key,
            _causes(scenario),
            _own_network(library.tree, scenario, asset),
            bool(scenario.get("distinct_because")),
        )
        others = seen.setdefault(asset, [])
        clash = next((other for other in others if home.clashes(other)), None)
        if clash is not None:
            _clash(library, key, clash.scenario, asset)
        others.append(home)


@dataclass(frozen=True)
class _Home:
    """Where the loss of a holding by some causes is counted."""

    scenario: str
    causes: frozenset[str]
    own_network: bool  # driven by the holding's own network, which holds every cause
    distinct: bool

    def clashes(self, other: _Home) -> bool:
        if self.distinct or other.distinct:
            return False
        both = self.own_network or other.own_network
        return both or not self.causes.isdisjoint(other.causes)


def _clash(library: Library, key: str, clash: str, asset: str) -> None:
    there = library.where(("scenarios", clash, "frequency"), key=True)
    library.fault(
        ("scenarios", key, "frequency"),
        f"a second frequency for the same cause and holding (`{asset}`): "
        f"`{clash}` already has one in {there}",
        "One loss has one home: delete one, or say `distinct_because: ..` why both can happen.",
        key=True,
    )


def _causes(scenario: dict[str, Any]) -> frozenset[str]:
    threat = scenario.get("threat")
    node = _driver(scenario.get("frequency"))
    causes = [f"threat {threat}"] if isinstance(threat, str) else []
    return frozenset(causes + ([f"node {node[0]}.{node[1]}"] if node else []))


def _own_network(tree: dict[str, Any], scenario: dict[str, Any], asset: str) -> bool:
    """Whether the network of the holding itself drives the frequency."""
    node = _driver(scenario.get("frequency"))
    if node is None:
        return False
    network = section(tree, "networks").get(node[0])
    return asset in (node[0], network.get("of") if isinstance(network, dict) else None)


def _driver(frequency: Any) -> tuple[str, str] | None:
    text = frequency.get("value") if isinstance(frequency, dict) else frequency
    found = FROM.fullmatch(text) if isinstance(text, str) else None
    return (found[1], found[2]) if found else None


def _cuts(library: Library) -> None:
    """A control changes factors that its scenario states."""
    scenarios = section(library.tree, "scenarios")
    for control, entry in entries(library.tree, "controls"):
        for path, scenario, factor in _written_cuts(entry.get("cuts")):
            raw = scenarios.get(scenario)
            if not isinstance(raw, dict) or factor not in FACTORS:
                continue
            stated = stated_factors(raw)
            if factor not in stated:
                library.fault(
                    ("controls", control, "cuts", *path),
                    f"`{scenario}` does not state `{factor}`",
                    f"{near(factor, stated)}It states {listed(stated)}.",
                )


def _written_cuts(cuts: Any) -> Iterator[tuple[Path, str, str]]:
    if isinstance(cuts, list):
        for i, cut in enumerate(cuts):
            if isinstance(cut, dict) and isinstance(cut.get("scenario"), str):
                yield (i,), cut["scenario"], _factor(cut)
    elif isinstance(cuts, dict):
        for scenario, written in cuts.items():
            several = written if isinstance(written, list) else [written]
            for i, cut in enumerate(several):
                path: Path = (scenario, i) if isinstance(written, list) else (scenario,)
                yield path, scenario, _factor(cut)


def _factor(cut: Any) -> str:
    if isinstance(cut, dict):
        return str(cut.get("factor", ""))
    found = CUT.fullmatch(cut) if isinstance(cut, str) else None
    return found[2].replace(" ", "_") if found else ""


def stated_factors(scenario: dict[str, Any]) -> list[str]:
    """Return the names of the factors a raw scenario gives, from the top down."""
    names = ["frequency"]
    frequency = scenario.get("frequency")
    if isinstance(frequency, dict) and _is_tree(frequency):
        for key, child in frequency.items():
            names.append("vulnerability" if key == "susceptibility" else key)
            if _is_tree(child):
                names += child
    names.append("magnitude")
    magnitude = scenario.get("magnitude")
    if isinstance(magnitude, dict):
        names += ["primary"] if "primary" in magnitude else []
        if "secondary" in magnitude:
            names += ["secondary_probability", "secondary_magnitude"]
    return [n for n in names if n in FACTORS]


def _is_tree(written: Any) -> bool:
    return isinstance(written, dict) and "value" not in written and not written.keys() <= OneOf.KEYS


def _through(library: Library) -> None:
    for key, asset in entries(library.tree, "assets"):
        if asset.get("worth") in THROUGHS and not asset.get("protects"):
            library.fault(
                ("assets", key, "worth"),
                "it is worth what it protects, but `protects` names nothing",
                "Like `protects: [hot-wallet]`.",
            )


def _ruled_out(library: Library) -> None:
    """A pair that is ruled out has no scenario."""
    ruled = library.tree.get("no_scenario")
    for i, pair in enumerate(ruled if isinstance(ruled, list) else []):
        if not isinstance(pair, dict) or not isinstance(pair.get("threat"), str):
            continue
        for key, scenario in entries(library.tree, "scenarios"):
            if (scenario.get("asset"), scenario.get("threat")) == (
                pair.get("asset"),
                pair["threat"],
            ):
                there = library.where(("scenarios", key), key=True)
                library.fault(
                    ("no_scenario", i),
                    f"this pair is ruled out here, but `{key}` is a scenario of it ({there})",
                    "Delete one of the two.",
                )
