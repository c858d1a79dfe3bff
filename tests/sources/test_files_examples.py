# SPDX-License-Identifier: Apache-2.0
"""Reading files: limits before reading, clear refusals, a folder as one book, Parquet."""

from __future__ import annotations

import hashlib
import os
import random
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

from perilscope.errors import BookError, DataError, MisuseError
from perilscope.evidence.positions import parse_positions
from perilscope.sources import files
from perilscope.sources.files import book_files, read_bytes, read_prices, read_table, read_text

PRICES = "date,asset,close\n2025-01-01,A,1\n2025-01-02,A,2\n"


def write(path: Path, text: str = "x: 1\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return path


def sparse(path: Path, size: int) -> Path:
    """A file that claims to be large and takes no room on the disk."""
    with path.open("wb") as file:
        file.truncate(size)
    return path


def told(error: pytest.ExceptionInfo[DataError] | pytest.ExceptionInfo[BookError]) -> str:
    [fault] = error.value.faults
    return f"{fault.file}: {fault.what} {fault.mend}"


def test_content_comes_back_as_it_is(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "é\r\n")
    assert read_bytes(path) == "é\r\n".encode()
    assert read_text(path) == "é\r\n"
    assert read_bytes(str(path), limit=4) == "é\r\n".encode()


def test_size_is_refused_before_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = sparse(tmp_path / "large.csv", 2 << 30)
    monkeypatch.setattr(Path, "open", lambda *_: pytest.fail("it was opened"))
    with pytest.raises(DataError) as error:
        read_bytes(path)
    assert "large.csv" in told(error)
    assert "2,048.0 MiB; at most 256.0 MiB" in told(error)


def test_one_byte_more_than_the_limit(tmp_path: Path) -> None:
    path = write(tmp_path / "a", "12345")
    assert read_bytes(path, 5) == b"12345"
    with pytest.raises(DataError, match="5 bytes; at most 4 bytes"):
        read_bytes(path, 4)


def test_missing_file_with_a_near_name(tmp_path: Path) -> None:
    write(tmp_path / "prices.csv")
    with pytest.raises(DataError) as error:
        read_bytes(tmp_path / "price.csv")
    assert "no such file" in told(error)
    assert "did you mean" in told(error)
    assert "prices.csv" in told(error)
    with pytest.raises(DataError, match="there is no folder"):
        read_bytes(tmp_path / "nowhere" / "price.csv")
    with pytest.raises(DataError, match="no such file"):
        read_bytes(tmp_path / "prices.csv" / "below")


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a folder and a file is wanted"):
        read_bytes(tmp_path)
    with pytest.raises(DataError, match="not the name of a file"):
        read_bytes(tmp_path / "a\0b")
    with pytest.raises(DataError, match="not the name of a file"):
        read_bytes(tmp_path / ("n" * 5000))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="not an ordinary file"):
        read_bytes(tmp_path / "pipe")


def test_a_loop_of_links(tmp_path: Path) -> None:
    try:
        (tmp_path / "a").symlink_to(tmp_path / "a")
    except OSError:
        pytest.skip("links cannot be made here")
    with pytest.raises(DataError, match=r"not the name of a file|no such file"):
        read_bytes(tmp_path / "a")


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "secret")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # the rights of the file do not bind everybody
    with pytest.raises(DataError, match="may not be read"):
        read_bytes(path)


def test_text_that_is_not_utf8_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one\ntw\xff\n")
    with pytest.raises(DataError) as error:
        read_text(path)
    [fault] = error.value.faults
    assert (fault.line, fault.column) == (2, 3)


def test_a_book_of_one_file(tmp_path: Path) -> None:
    path = write(tmp_path / "book.yaml", "a: 1\n")
    write(tmp_path / "models" / "peg.yaml", "net\n")
    found, read, base = book_files(path)
    assert found == {path.as_posix(): b"a: 1\n"}
    assert base == tmp_path
    assert read("models/peg.yaml") == b"net\n"
    assert read(str(tmp_path / "models" / "peg.yaml")) == b"net\n"
    with pytest.raises(DataError) as error:
        read("models/pegs.yaml")
    assert "models/pegs.yaml: there is no such file" in told(error)


def test_a_book_in_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "fund"
    for name in ("b.yaml", "a.yaml", "C.YAML", "sub/d.yaml", ".hidden.yaml", "note.txt"):
        write(folder / name, f"{name[0]}: 1\n")
    (folder / "folder.yaml").mkdir()
    found, read, base = book_files(str(folder))
    assert [Path(name).name for name in found] == ["C.YAML", "a.yaml", "b.yaml"]
    assert base == folder
    assert read("sub/d.yaml") == b"s: 1\n"


def test_names_that_lead_out_of_the_book_are_read_and_named(tmp_path: Path) -> None:
    write(tmp_path / "fund" / "book.yaml")
    write(tmp_path / "shared" / "peg.yaml", "net\n")
    _, read, _ = book_files(tmp_path / "fund")
    assert read("../shared/peg.yaml") == b"net\n"
    with pytest.raises(DataError) as error:
        read("../shared/absent.yaml")
    assert "fund/../shared/absent.yaml" in told(error)


@pytest.mark.parametrize("text", ["", "\n \n", "# only a note\n\n", "\ufeff"])
def test_an_empty_file_is_a_fault(tmp_path: Path, text: str) -> None:
    write(tmp_path / "a.yaml", text)
    write(tmp_path / "b.yaml")
    for path in (tmp_path, tmp_path / "a.yaml"):
        with pytest.raises(BookError, match=r"a\.yaml: this file is empty"):
            book_files(path)


def test_all_faults_of_a_folder_at_once(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", "")
    write(tmp_path / "b.yaml")
    sparse(tmp_path / "c.yaml", (8 << 20) + 1)
    with pytest.raises(BookError) as error:
        book_files(tmp_path)
    assert [Path(fault.file).name for fault in error.value.faults] == ["a.yaml", "c.yaml"]
    assert "at most 8.0 MiB" in error.value.faults[1].what


def test_a_folder_without_a_book(tmp_path: Path) -> None:
    with pytest.raises(BookError, match=r"no \*\.yaml directly"):
        book_files(tmp_path)
    write(tmp_path / "book.yml")
    with pytest.raises(BookError, match=r"call book\.yml book\.yaml"):
        book_files(tmp_path)


def test_no_such_book(tmp_path: Path) -> None:
    write(tmp_path / "hedge-fund" / "book.yaml")
    with pytest.raises(MisuseError, match=r"hedge-fnd: there is no such(.|\n)*did you mean"):
        book_files(tmp_path / "hedge-fnd")
    with pytest.raises(MisuseError, match=r"not the name|no such"):
        book_files("a\0b")


def test_prices_of_a_file_and_of_a_folder(tmp_path: Path) -> None:
    one = write(tmp_path / "p" / "1.csv", PRICES)
    history = read_prices(one)
    assert history.source == one.as_posix()
    assert history.digest == hashlib.sha256(PRICES.encode()).hexdigest()
    write(tmp_path / "p" / "2.csv", "date,B\n2025-01-01,5\n")
    write(tmp_path / "p" / "readme.txt")
    both = read_prices(tmp_path / "p")
    assert both.assets == ("A", "B")
    assert both.source == f"{one.as_posix()}, {(tmp_path / 'p' / '2.csv').as_posix()}"
    assert read_prices([one, tmp_path / "p" / "2.csv"]).digest == both.digest


def test_faults_of_all_price_files_at_once(tmp_path: Path) -> None:
    write(tmp_path / "1.csv", "date,asset,close\nx,A,1\n")
    write(tmp_path / "2.csv", PRICES)
    write(tmp_path / "3.csv", "")
    with pytest.raises(DataError) as error:
        read_prices(tmp_path)
    assert [(Path(f.file).name, f.line) for f in error.value.faults] == [("1.csv", 2), ("3.csv", 0)]
    with pytest.raises(DataError, match=r"no \*\.csv, \*\.parquet"):
        read_prices(write(tmp_path / "none" / "a.txt").parent)


def test_a_table_is_its_text_and_the_digest_of_its_file(tmp_path: Path) -> None:
    path = write(tmp_path / "p.csv", "asset,quantity\nBTC,2\n")
    text, digest = read_table(path)
    assert text == path.read_bytes()
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()


def test_parquet_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(MisuseError, match=r"perilscope\[parquet\]"):
        read_prices(write(tmp_path / "p.parquet"))


def parquet(path: Path, select: str) -> Path:
    duckdb = pytest.importorskip("duckdb")
    duckdb.sql(f"COPY ({select}) TO '{str(path).replace(chr(39), chr(39) * 2)}' (FORMAT parquet)")
    return path


def test_parquet_gives_the_same_bits_as_csv(tmp_path: Path) -> None:
    rng = random.Random(1)
    closes = [rng.random() * 10.0 ** rng.randint(-9, 9) for _ in range(500)]
    days = [date(2024, 1, 1) + timedelta(at) for at in range(500)]
    rows = [f"{day},A,{close!r}" for day, close in zip(days, closes, strict=True)]
    text = write(tmp_path / "p.csv", "\n".join(["date,asset,close", *rows]))
    path = parquet(tmp_path / "it's.parquet", f"SELECT * FROM read_csv('{text}')")
    history, expected = read_prices(path), read_prices(text)
    assert history.days == expected.days
    assert history.closes.tobytes() == expected.closes.tobytes()
    assert history.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert not history.defects


@pytest.mark.parametrize("kind", ["DATE", "TIMESTAMP", "VARCHAR"])
def test_dates_and_missing_prices_of_parquet(tmp_path: Path, kind: str) -> None:
    path = parquet(
        tmp_path / "p.parquet",
        f"SELECT DATE '2025-01-01'::{kind} AS Date, 'A' AS Symbol, 5.5 AS Close "
        "UNION ALL SELECT DATE '2025-01-02', 'A', NULL ORDER BY 1",
    )
    history = read_prices(path)
    assert history.closes.tolist()[0] == [5.5]
    assert [(one.line, one.day) for one in history.defects] == [(3, date(2025, 1, 2))]


def test_positions_in_parquet(tmp_path: Path) -> None:
    path = parquet(tmp_path / "p.parquet", "SELECT 'BTC' AS asset, 1.25 AS quantity")
    text, digest = read_table(path)
    assert [(one.asset, one.quantity) for one in parse_positions("p", text)] == [("BTC", 1.25)]
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()


def test_parquet_that_is_none(tmp_path: Path) -> None:
    pytest.importorskip("duckdb")
    with pytest.raises(DataError, match="not readable as Parquet"):
        read_prices(write(tmp_path / "p.parquet", "PAR1 nonsense"))
    with pytest.raises(DataError, match="rename it"):
        read_prices(write(tmp_path / "p*.parquet"))
    with pytest.raises(DataError, match="no such file"):
        read_prices(tmp_path / "absent.parquet")


def test_parquet_that_unpacks_to_too_much(tmp_path: Path) -> None:
    path = parquet(tmp_path / "p.parquet", "SELECT 'AAAAAAAAAAAAAAAA' AS asset FROM range(300000)")
    assert path.stat().st_size < 1 << 20
    with pytest.raises(DataError, match="when it is unpacked"):
        files.parquet_as_csv(path, limit=1 << 20)
