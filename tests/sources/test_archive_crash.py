# SPDX-License-Identifier: Apache-2.0
"""Archives that are damaged, too large, or lead out of their folder are refused."""

from __future__ import annotations

import io
import zipfile

import pytest

from perilscope.errors import DataError
from perilscope.sources import archive


def zipped(name: str, content: bytes = b"x") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize("name", ["../out.txt", "/etc/out.txt", "a/../../b", "a\\..\\b"])
def test_names_that_lead_out_are_refused(name: str) -> None:
    with pytest.raises(DataError, match="leads out"):
        archive.unpack(zipped(name), "inputs.zip")


@pytest.mark.parametrize(
    "data",
    [b"", b"PK", b"PK\x03\x04" + bytes(40), zipped("a")[:-30]],
    ids=["empty", "two letters", "a head alone", "cut off"],
)
def test_damaged_archives_are_refused(data: bytes) -> None:
    with pytest.raises(DataError, match="not a readable archive"):
        archive.unpack(data, "inputs.zip")


def test_a_flipped_byte_is_noticed() -> None:
    data = bytearray(zipped("a", b"some text that is long enough to be squeezed" * 9))
    data[40] ^= 0xFF
    with pytest.raises(DataError):
        archive.unpack(bytes(data), "inputs.zip")


def test_what_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "LIMIT", 100)
    with pytest.raises(DataError, match="when unpacked"):
        archive.unpack(zipped("a", bytes(101)), "inputs.zip")
