# SPDX-License-Identifier: Apache-2.0
"""Every YAML block of the guides is a book, or a part that fits the one of ``perilscope new``."""

from __future__ import annotations

import io
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from perilscope.book import from_mapping, load_text
from perilscope.cycle.networks.book_form import declared

GUIDES = Path(__file__).parents[2] / "docs" / "guides"
FENCE = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WHOLE, PART = "# a whole book", "# part of a book"
BESIDE = "# a whole book beside a network file"
NETWORK = re.compile(r"^```text\n(network .*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = [
    pytest.param(block, id=f"{page.stem}-{number}")
    for page in sorted(GUIDES.glob("*.md"))
    for number, block in enumerate(FENCE.findall(page.read_text(encoding="utf-8")), 1)
]
TEMPLATE = (files("perilscope.cycle") / "templates" / "new-book.yaml").read_text(encoding="utf-8")


def tree(text: str) -> dict[str, Any]:
    """Read as text scalars, which is how a book is read."""
    return YAML(typ="base", pure=True).load(io.StringIO(text))


def joined(base: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """Put a part's entries and their keys in place of the base's; lists are replaced whole."""
    whole = dict(base)
    for key, value in part.items():
        if key in ("institution", "market", "review") or not isinstance(value, dict):
            whole[key] = value
            continue
        entries = dict(whole.get(key, {}))
        for name, fields in value.items():
            before = entries.get(name)
            both = isinstance(before, dict) and isinstance(fields, dict)
            entries[name] = {**before, **fields} if both else fields
        whole[key] = entries
    return whole


@pytest.mark.parametrize("block", BLOCKS)
def test_block_is_marked_and_loads(block: str) -> None:
    first = block.splitlines()[0]
    assert first in (WHOLE, PART, BESIDE)
    if first == WHOLE:
        load_text(block)
    elif first == BESIDE:
        (beside,) = NETWORK.findall((GUIDES / "networks.md").read_text(encoding="utf-8"))
        load_text(block, lambda _: beside.encode(), tables=lambda n, d: declared(n, d).nodes)
    else:
        from_mapping(joined(tree(TEMPLATE), tree(block)))


def test_there_are_whole_books_among_them() -> None:
    firsts = [block.values[0].splitlines()[0] for block in BLOCKS]
    assert firsts.count(WHOLE) >= 2


def test_starting_book_loads_and_is_small() -> None:
    book = load_text(TEMPLATE)
    assert 2 <= len(book.scenarios) <= 3
    assert all(scenario.owner for scenario in book.scenarios.values())


def test_guides_name_only_commands_that_exist() -> None:
    reference = (GUIDES.parent / "reference" / "commands.md").read_text(encoding="utf-8")
    commands = set(re.findall(r"^## perilscope ([a-z]+)", reference, re.M))
    for page in GUIDES.glob("*.md"):
        named = re.findall(r"(?<!from )\bperilscope ([a-z]+)", page.read_text(encoding="utf-8"))
        assert set(named) <= commands, page.name


def test_links_between_guides_lead_somewhere() -> None:
    for page in GUIDES.glob("*.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).is_file(), f"{page.name} -> {target}"
