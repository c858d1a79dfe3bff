# SPDX-License-Identifier: Apache-2.0
"""Books that say the same have one canonical text and one hash."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perilscope.book import canonical, content_hash, edit, load, load_text
from perilscope.book.source import read as read_source

from .books import BOOK, STAFF, read

TREE: dict[str, Any] = read_source("b", BOOK.encode()).tree
HASH = content_hash(load_text(BOOK, read))


def yaml(tree: Any) -> str:
    """Print a tree as JSON, which is YAML."""
    return json.dumps(tree, ensure_ascii=False)


@st.composite
def shuffled(draw: st.DrawFn) -> Any:
    """Return the tree of the book with the keys of every mapping in another order."""

    def shuffle(value: Any) -> Any:
        if isinstance(value, dict):
            keys = draw(st.permutations(list(value)))
            return {k: shuffle(value[k]) for k in keys}
        if isinstance(value, list):
            return [shuffle(v) for v in value]
        return value

    return shuffle(TREE)


@given(shuffled())
@settings(max_examples=25, deadline=None)
def test_the_order_of_keys_and_the_layout_do_not_matter(tree: Any) -> None:
    assert content_hash(load_text(yaml(tree), read)) == HASH


@given(st.permutations(list(TREE)), st.integers(1, len(TREE) - 1))
@settings(max_examples=25, deadline=None)
def test_the_split_into_files_does_not_matter(keys: list[str], cut: int) -> None:
    files = {
        "a.yaml": yaml({k: TREE[k] for k in keys[:cut]}).encode(),
        "b.yaml": yaml({k: TREE[k] for k in keys[cut:]}).encode(),
    }
    assert content_hash(load(files, read)) == HASH


def test_a_network_in_the_book_or_in_its_own_file_is_the_same() -> None:
    inline = {**TREE, "networks": {"staff": read_source("s", STAFF.encode()).tree}}
    assert content_hash(load_text(yaml(inline))) == HASH
    named = {**TREE, "networks": {"staff": "models/staff.yaml"}}
    assert content_hash(load_text(yaml(named), read)) == HASH


@pytest.mark.parametrize(
    ("path", "same"),
    [
        ("assets.hot-wallet.worth", "5000k"),
        ("assets.hot-wallet.worth", "$5.00M"),
        ("assets.hot-wallet.worth", "5M   USD"),
        ("scenarios.phished.magnitude.primary.replacement", "pert(0.05M,  400k, 1550k)"),
        ("scenarios.phished.magnitude.primary.replacement", "pert(high=1.55M, low=50k, mode=400k)"),
        ("scenarios.phished.refilled", "true"),
        ("assets.clients-data.liable", "0.4"),
        ("scenarios.halt.counts", "bernoulli"),
        ("scenarios.pool-exploit.magnitude", "0.8 to 1 of pool"),
        ("market.stale_after_days", "3"),
    ],
)
def test_other_spellings_of_the_same_value(path: str, same: str) -> None:
    assert content_hash(load_text(edit(BOOK, path, same), read)) == HASH


@pytest.mark.parametrize(
    ("path", "other"),
    [
        ("assets.hot-wallet.worth", "5.000001M"),
        ("scenarios.slip.frequency", "36 per year"),  # declared, not derived
        ("scenarios.phished.by", "someone"),
        ("as_of", "2026-11-21"),
        ("title", "another"),
        ("limits.0.warn_at", "76 %"),
    ],
)
def test_another_value_is_another_book(path: str, other: str) -> None:
    assert content_hash(load_text(edit(BOOK, path, other), read)) != HASH


def test_a_default_that_is_written_out_changes_nothing() -> None:
    short = "institution: {name: F}\ncurrency: USD\nas_of: 2026-11-20\n"
    long = short + "horizon: 12 months\nassets: {}\nmarket: {stale_after_days: 5}\ntitle: ''\n"
    long = long.replace("12 months", "1 year")
    assert content_hash(load_text(short)) == content_hash(load_text(long))


def test_the_canonical_text_is_plain_json_with_numbers_as_text() -> None:
    document = json.loads(canonical(load_text(BOOK, read)))
    assert document["format"] == 1
    book = document["book"]
    assert book["scenarios"]["phished"]["magnitude"]["secondary"]["probability"] == "1 in 4"
    assert book["scenarios"]["skilled"]["magnitude"]["primary"] == (
        "lognormal(median=belief(pert(300k, 400k, 600k)), p95=2.5M) USD"
    )
    assert book["networks"]["staff"]["nodes"]["training"]["table"] == [["0.7", "0.3"]]
    assert len(HASH) == 64
