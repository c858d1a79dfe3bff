# SPDX-License-Identifier: Apache-2.0
"""Writing changes the bytes of one value and no others; what a book may not hold is refused."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perilscope.book import edit, load
from perilscope.book.source import MAX_BYTES, Path, read, splice
from perilscope.errors import BookError, MisuseError

BOOK = """\
# A piece of a book with every way to write a value.
title: Harbour Street, first quarter   # plain
assets:
  hot-wallet: {kind: wallet, holds: {ETH: 1200, "stETH": "10 stETH"}, worth: 5M} # flow
  data:
    note: |
      Two lines
      of text.
    story: 'A manager''s click
      goes on.'
    folded: >-
      one
      two
    tags: [gdpr,   "2026"]
limits:
  - {measure: expected loss per year, at_most: 600k}
  -   measure: x  # last
"""
TREE = read("book.yaml", BOOK.encode())


def scalars(box: object, path: Path = ()) -> list[Path]:
    if isinstance(box, dict):
        return [p for k, v in box.items() for p in scalars(v, (*path, k))]
    if isinstance(box, list):
        return [p for i, v in enumerate(box) for p in scalars(v, (*path, i))]
    return [path]


PATHS = scalars(TREE.tree)


def test_saving_what_stands_there_gives_the_same_bytes() -> None:
    for path in PATHS:
        value = TREE.tree
        for step in path:
            value = value[step]
        assert splice(BOOK, path, value) == BOOK


printable = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Co", "Zl", "Zp")),
    max_size=20,
)


@given(st.sampled_from(PATHS), printable)
@settings(deadline=None)
def test_changing_one_value_changes_only_its_bytes(path: Path, new: str) -> None:
    text = splice(BOOK, path, new)
    place = TREE.values[path]
    after = BOOK[place.end :]
    assert text.startswith(BOOK[: place.start])
    assert text.endswith(after)
    again = read("book.yaml", text.encode())
    assert again.faults == []
    value = again.tree
    for step in path:
        value = value[step]
    # an empty or null-like text has to be quoted to stay a text
    assert value == new
    others = [p for p in PATHS if p != path]
    assert [p for p in scalars(again.tree) if p != path] == others


@given(st.sampled_from(PATHS), printable)
@settings(deadline=None, max_examples=40)
def test_an_edit_that_is_taken_back_leaves_the_other_bytes(path: Path, new: str) -> None:
    there = edit(BOOK, path, "first")
    assert edit(edit(there, path, new), path, "first") in (
        there,
        there.replace("first", '"first"'),
    )


def test_an_edit_by_dotted_path_keeps_comments_and_spacing() -> None:
    text = "a:  {b: 1 in 5 years , c: x}   # why\nd: 'it''s'\n"
    assert edit(text, "a.b", "1 in 6 years") == text.replace("5", "6")
    assert edit(text, "d", "no") == "a:  {b: 1 in 5 years , c: x}   # why\nd: no\n"
    assert edit(text, "a.c", "y, z") == text.replace("c: x", 'c: "y, z"')
    assert edit("n: |\n  one\n  two\nm: 1\n", "n", "three") == "n: three\nm: 1\n"


def test_an_edit_of_nothing_is_misuse() -> None:
    for path in ("a.x", "a", "z"):
        with pytest.raises(MisuseError):
            edit("a: {b: 1}\n", path, "2")


def told(data: bytes) -> list[tuple[int, int, str]]:
    with pytest.raises(BookError) as caught:
        load({"book.yaml": data})
    return [(fault.line, fault.column, fault.what) for fault in caught.value.faults]


def says(data: bytes, what: str) -> bool:
    return any(what in text for _, _, text in told(data))


@pytest.mark.parametrize(
    ("data", "line", "column", "what"),
    [
        (b"", 1, 1, "the file is empty"),
        (b"  \n# nothing\n", 1, 1, "the file is empty"),
        (b"a: 1\nb: \x00\n", 2, 4, "U+0000"),
        (b"a: 1\nb: \xff\n", 2, 4, "not UTF-8"),
        ("a: 1\nb: é".encode("latin-1"), 2, 4, "not UTF-8"),
        ("a: 1".encode("utf-16"), 1, 1, "UTF-16"),
        (b"- a\n- b\n", 1, 1, "a book is a mapping"),
        (b"just text\n", 1, 1, "a book is a mapping"),
        (b"a: &x 1\nb: *x\n", 1, 4, "anchors are not allowed"),
        (b"a: *x\n", 1, 4, "aliases are not allowed"),
        (b"<<: *x\n", 1, 5, "aliases are not allowed"),
        (b"a: !!python/object:os.system 1\n", 1, 4, "the tag"),
        (b"a: !foo {b: c}\n", 1, 4, "the tag"),
        (b"a: 1\n---\nb: 2\n", 2, 1, "a second document"),
        (b"a: [1, 2\n", 2, 1, "not YAML"),
        (b"a: {b: discrete(0: 50 %)}\n", 1, 18, "not YAML"),
        (b"a: b: c\n", 1, 5, "not YAML"),
        (b"a:\n\tb: c\n", 2, 1, "not YAML"),
        (b"? [a]\n: b\n", 1, 3, "a key is a word"),
        (b"a: 1\na: 2\n", 2, 1, "appears twice"),
    ],
)
def test_what_a_book_may_not_hold(data: bytes, line: int, column: int, what: str) -> None:
    places = [(at, col) for at, col, text in told(data) if what in text]
    assert places[:1] == [(line, column)]


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ("a: b: c\n", "a value with `: ` in it needs quotes"),
        ("a: b\n  c: d\n", "The line is indented too far"),
        ("a:\n\tb: c\n", "Indent with spaces"),
        ("a: @b\n", "needs quotes"),
        ("a: [b\n", "A bracket is not closed"),
        ("a: {b: discrete(0: 50 %)}\n", "`{ } [ ] , : #` needs quotes"),
        ('a: "b\n', "A quote or a bracket is not closed"),
        ("a:\n  b: 1\n c: 2\n", "indented otherwise"),
        ("a: 1\nword\nb: 2\n", "A key is followed by"),
    ],
)
def test_usual_slips_say_how_to_mend_them(text: str, mend: str) -> None:
    with pytest.raises(BookError) as caught:
        load({"book.yaml": text.encode()})
    (fault,) = caught.value.faults
    assert fault.what.startswith("not YAML: ")
    assert mend in fault.mend


def test_bombs_are_refused_quickly() -> None:
    laughs = "a: &a [x]\n" + "".join(f"b{i}: &b{i} [*a, *a, *a]\n" for i in range(200))
    started = time.process_time()
    assert says(laughs.encode(), "anchors are not allowed in a book")
    assert says(b"a: " + b"[" * 5000, "nested deeper than 32")
    assert says(b"{a: " * 40, "nested deeper than 32")
    deep = "".join(" " * i + "a:\n" for i in range(40))
    assert says(deep.encode(), "nested deeper than 32")
    assert says(b" " * (MAX_BYTES + 1), "larger than 8 MiB")
    assert time.process_time() - started < 10


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_no_bytes_break_the_reader(data: bytes) -> None:
    with pytest.raises(BookError) as caught:
        load({"book.yaml": data})
    assert caught.value.faults


pieces = st.sampled_from(
    [
        *"abc:{}[],-?&*!|>'\"%@`#\n \t",
        *("a: ", "- ", "\n  ", "frequency: ", "{value: ", "*a", "&a ", "assets: ", "networks: "),
    ]
)


@given(st.lists(pieces, max_size=40).map("".join))
@settings(deadline=None)
def test_no_yaml_breaks_the_reader(text: str) -> None:
    head = "institution: {name: F}\ncurrency: USD\nas_of: 2026-11-20\n"
    try:
        load({"book.yaml": (head + text).encode()})
    except BookError as error:
        faults = error.faults
    else:
        return
    assert all(fault.what and fault.file == "book.yaml" for fault in faults)
