# SPDX-License-Identifier: Apache-2.0
"""Bulk draws come back bit by bit, and nothing else is taken for them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from perilscope.errors import StoreError
from perilscope.store import arrays


def test_what_is_packed_comes_back(tmp_path: Path) -> None:
    losses, at = np.random.default_rng(1).normal(size=1000), np.arange(10, dtype=np.int16)
    content = arrays.packed({"losses": losses, "at": at}, {"seed": 7, "names": ["ä"]})
    assert content == arrays.packed({"losses": losses, "at": at}, {"seed": 7, "names": ["ä"]})
    (tmp_path / "draws.npz").write_bytes(content)
    found, about = arrays.read_arrays(tmp_path / "draws.npz")
    assert about == {"seed": 7, "names": ["ä"]}
    assert np.array_equal(found["losses"], losses)
    assert found["at"].dtype == np.int16


def test_pickles_are_not_read(tmp_path: Path) -> None:
    out = io.BytesIO()
    np.savez(out, about=np.array([object()], dtype=object))
    with pytest.raises(StoreError, match="no draws"):
        arrays.unpacked(out.getvalue(), "draws.npz")


@pytest.mark.parametrize("content", [b"", b"PK", b"\x93NUMPY", b"not an archive at all" * 10])
def test_what_is_no_archive_is_refused(content: bytes) -> None:
    with pytest.raises(StoreError, match=r"draws\.npz holds no draws"):
        arrays.unpacked(content, "draws.npz")


def test_damage_and_absence_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = arrays.packed({"losses": np.ones(1000)}, {})
    for cut in (100, len(content) // 2, len(content) - 10):
        with pytest.raises(StoreError):
            arrays.unpacked(content[:cut], "draws.npz")
    spoilt = bytearray(content)
    spoilt[len(content) // 2] ^= 0xFF
    with pytest.raises(StoreError):
        arrays.unpacked(bytes(spoilt), "draws.npz")
    with pytest.raises(StoreError, match="cannot read"):
        arrays.read_arrays(tmp_path / "nothing.npz")
    monkeypatch.setattr(arrays, "MOST_BYTES", 1000)
    with pytest.raises(StoreError, match="at most 1,000"):
        arrays.unpacked(content, "draws.npz")
