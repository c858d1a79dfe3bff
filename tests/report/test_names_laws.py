# SPDX-License-Identifier: Apache-2.0
"""What is shown holds nothing that is not seen, and never more than there is room for."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from perilscope.report.names import LONGEST, cleaned, shortened, visible

anything = st.text(st.characters(codec=None, exclude_categories=()), max_size=60)


@given(anything)
def test_nothing_unseen_is_left(text: str) -> None:
    kinds = {unicodedata.category(each) for each in visible(text) if each not in "\u200c\u200d"}
    assert not kinds & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    visible(text).encode("utf-8")


@given(anything)
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    assert visible(visible(text)) == visible(text)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_plain_text_is_left_alone(text: str) -> None:
    assert visible(text) == text


def test_an_overlong_text_and_a_tower_of_accents_are_cut() -> None:
    assert len(visible("é" * (LONGEST + 500))) == LONGEST
    assert visible("a" + "\u0301" * 50) == "a" + "\u0301" * 4


def test_keys_and_depths_are_cleaned_and_figures_kept() -> None:
    found = cleaned({"a\x00": [1, 2.5, None, True, ("b\u202e", {"c": "\x07"})]})
    assert found == {"a\ufffd": [1, 2.5, None, True, ["b\ufffd", {"c": "\ufffd"}]]}


@given(anything, st.integers(0, 30))
def test_a_shortened_text_fits(text: str, cells: int) -> None:
    assert cell_len(shortened(visible(text), cells)) <= cells
