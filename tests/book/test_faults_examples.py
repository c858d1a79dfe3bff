# SPDX-License-Identifier: Apache-2.0
"""Every fault of a book is told at once, at its place, in our own words."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic_core._pydantic_core import list_all_errors

from perilscope.book import from_mapping, load, load_text
from perilscope.book.faults import words
from perilscope.errors import BookError, Fault

BROKEN = Path(__file__).parent / "broken.yaml"

# Written by hand from the file: line, column, and a piece of what must be said there.
PLANTED = [
    (2, 64, "`m` is not a scale"),
    (4, 8, "a date is wanted here"),
    (7, 18, "'exchang' is not allowed"),
    (10, 43, "no venue is called `krakn`"),
    (11, 3, "the key `treasury` appears twice"),
    (12, 3, "'Code Base' is not an id"),
    (13, 38, "the unit `SOL`"),
    (14, 36, "`protects` names nothing"),
    (16, 13, "unknown entry `motve`"),
    (17, 3, "the id `kraken` is already that of a venue"),
    (20, 12, "no asset, venue or protocol is called `tresury`"),
    (21, 16, "'0.5' does not say per what"),
    (22, 16, "`pert` takes 3 numbers, not 4"),
    (25, 13, "no threat is called `hackers`"),
    (27, 31, "-2 is negative"),
    (28, 22, "1.4 is above 1"),
    (29, 7, "unknown entry `lef`"),
    (30, 26, "a comma inside { } has split this quantity"),
    (34, 16, "a bare law on a rate"),
    (35, 16, "a comma inside a number"),
    (36, 46, "a second frequency for the same cause and holding"),
    (37, 3, "`frequency` is missing"),
    (38, 37, "`depeg` has no node `reserve`"),
    (38, 68, "nothing here is called `valt`"),
    (40, 16, "once or every year"),
    (40, 38, "`phishing` does not state `vulnerability`"),
    (44, 46, "this row sums to 1.1, not 1"),
    (45, 23, "the network has a cycle: reserves -> peg -> reserves"),
    (47, 15, "no measure is called 'expected loss a year'"),
    (48, 48, "the unit `ETHH`"),
]

HEAD = "institution: {name: Fund, net_assets: 10M}\ncurrency: USD\nas_of: 2026-11-20\n"
ASSETS = "assets: {desk: {}, safe: {}}\nthreats: {thief: {}, storm: {}}\n"


def faults(text: str) -> tuple[Fault, ...]:
    with pytest.raises(BookError) as caught:
        load_text(text)
    return caught.value.faults


def test_thirty_planted_faults_are_told_at_thirty_places() -> None:
    with pytest.raises(BookError) as caught:
        load({"broken.yaml": BROKEN.read_bytes()})
    found = caught.value.faults
    assert [(f.line, f.column) for f in found] == [(line, col) for line, col, _ in PLANTED]
    assert len(PLANTED) == 30
    for fault, (_, _, piece) in zip(found, PLANTED, strict=True):
        assert piece in fault.what
        assert fault.file == "broken.yaml"
        assert fault.path


def test_the_planted_faults_say_how_to_mend_them() -> None:
    with pytest.raises(BookError) as caught:
        load({"broken.yaml": BROKEN.read_bytes()})
    text = str(caught.value)
    for mend in (
        "Did you mean `exchange`?",
        "Did you mean `kraken`?",
        "Did you mean `motive`?",
        "Did you mean `treasury`?",
        "Did you mean `reserves`?",
        "Did you mean `vault`?",
        "write `belief(gamma(shape=2, rate=10)) per year`",
        "`counts: negative-binomial(2)`",
        'Quote it: "pert(50k, 400k, 1.55M)"',
        "the venue stands in broken.yaml line 7",
        "30 faults",
    ):
        assert mend in text
    assert "Input should" not in text
    assert "pydantic" not in text


def test_every_type_of_error_the_validator_knows_has_words_of_ours() -> None:
    unmapped = [e["type"] for e in list_all_errors() if words(e["type"]) is None]
    assert unmapped == []
    assert words("no_such_type_of_error") is None


@pytest.mark.parametrize(
    ("line", "what", "mend"),
    [
        ("as_of: 2026-02-30", "a date is wanted here", "2026-11-20"),
        ("market: {default: historic}", "'historic' is not allowed", "Did you mean `historical`?"),
        ("assets: {a: [1]}", "a mapping is wanted here, found a list", ""),
        ("assets: hello", "a mapping of names to entries is wanted here, found 'hello'", ""),
        ("limits: {a: b}", "a list is wanted here, found a mapping", ""),
        ("assets: {a: {name: [x]}}", "text is wanted here, found a list", ""),
        ("assets: {a: {tags: x}}", "a list is wanted here, found 'x'", ""),
        ("owner:", "`owner` is empty", "delete the line"),
        ("assets: {positions: {}}", "the id `positions` has a meaning of its own", ""),
        ("horizon: 0 years", "a length of time is above zero", "1 year"),
        ("horizon: 2", "a length of time names its unit", "18 months"),
        (
            "venues: {x: {holds: 'belief(belief(uniform(1, 2)))'}}",
            "a belief stands inside a belief",
            "",
        ),
        ("venues: {x: {holds: -1M}}", "is negative", "zero or more"),
        ("venues: {x: {review: sometimes}}", "cannot read 'sometimes'", "every 3 months"),
        ("venues: {x: {segregated: perhaps}}", "`yes` or `no` is wanted", ""),
        ("protocols: {x: {audits: many}}", "a whole number is wanted here", "`40`"),
        ("protocols: {x: {timelock: soon}}", "a delay is wanted here", "48 hours"),
        ("tokens: {'A B': coin}", "is not a token symbol", "USDC.e"),
        ("assets: {a: {holds: {ETH: 3}}}", "`ETH` is not a declared token", "tokens:"),
        ("networks: [models/a.yaml]", "cannot be read here", ""),
        ("networks: {n: {}}", "`nodes` is missing", ""),
        ("observed_since: yesterday", "a date is wanted here", ""),
        ("assets: {a: {liable: 1.2}}", "1.2 is above 1", ""),
        ("asets: {}", "unknown entry `asets`", "Did you mean `assets`?"),
        ("experts: {a: {id: b}}", "a second id for `a`", "delete the line"),
    ],
)
def test_single_faults(line: str, what: str, mend: str) -> None:
    key = line.split(":")[0]
    head = "".join(k for k in HEAD.splitlines(True) if not k.startswith(f"{key}:"))
    found = faults(head + line + "\n")
    assert any(what in f.what and mend in f.mend for f in found), found
    assert len(found) == 1
    assert found[0].line == 4 or key == "as_of"


@pytest.mark.parametrize(
    ("scenario", "what", "mend"),
    [
        ("frequency: beta(2, 3) per year", "a bare law on a rate", "belief(beta(2, 3)) per year"),
        ("frequency: 0.1 to 0.3 per year", "a bare law on a rate", "counts: negative-binomial"),
        ("frequency: 4 % per year", "not written in percent", "0.04 per year"),
        ("frequency: 3 USD per year", "has no unit like `USD`", "per year"),
        ("frequency: from desk.exploited", "no network or protocol is called `desk`", ""),
        ("frequency: from nowhere", "cannot read 'from nowhere'", "from NETWORK.NODE"),
        ("frequency: {value: 1 in 5 years, soruce: me}", "unknown entry `soruce`", "`source`"),
        ("frequency: {source: me}", "`value` is missing", ""),
        ("frequency: {value: 1 in 5 years, grade: good}", "'good' is not allowed", "own data"),
        ("frequency: [1, 2]", "a rate is wanted here, found a list", ""),
        (
            "frequency: {threat_event_frequency: 1 per year, susceptibility: 'beta(2, 3)'}",
            "a bare law on a probability",
            "threat_capability",
        ),
        ("frequency: {threat_event_frequency: 1 per year}", "`vulnerability` is missing", ""),
        ("magnitude: 30 %", "a share of what?", "30 % of hot-wallet"),
        ("magnitude: beta(2, 3)", "which is no sum of money", "of hot-wallet"),
        ("magnitude: {primary: {fines: 4k}}", "unknown form", "`fines_and_judgements`"),
        ("magnitude: {value: 1M, at_most: dsk}", "is called `dsk`", "Did you mean `desk`?"),
        ("magnitude: {secondary: {probability: 1 in 4, magnitude: 1M}}", "`primary`", ""),
        ("magnitude: normal(1M, 1M)", "below zero too often", "lognormal(mean=.., sd=..)"),
        ("magnitude: 1.5K", "`K` is not a scale", "Write `k`"),
        ("magnitude: 1,5", "comma inside a number", "decimal comma"),
        ("magnitude: nan", "cannot read 'nan'", "250k"),
        ("magnitude: 1e400", "too many digits", ""),
        ("counts: often", "cannot read 'often'", "at most one a year"),
        ("counts: binomial(2.5)", "whole number", "binomial(12)"),
        ("layer: market", "'market' is not allowed", "operational, protocol"),
        ("refilled: sure", "`yes` or `no`", ""),
    ],
)
def test_faults_of_a_scenario(scenario: str, what: str, mend: str) -> None:
    lines = {"frequency": "frequency: 1 in 5 years", "magnitude": "magnitude: 1M"}
    lines[scenario.split(":")[0]] = scenario
    body = "".join(f"    {line}\n" for line in lines.values())
    found = faults(HEAD + ASSETS + f"scenarios:\n  one:\n    asset: desk\n{body}")
    assert len(found) == 1, found
    assert what in found[0].what
    assert mend in found[0].mend


SAME = "frequency: 1 in 5 years, magnitude: 1M"
NETWORK = "networks: {net: {OF nodes: {hit: {table: [0.9, 0.1]}}}}\nprotocols: {pool: {}}\n"


@pytest.mark.parametrize(
    ("first", "second", "clash"),
    [
        ("asset: desk, threat: thief", "asset: desk, threat: thief", True),
        ("asset: desk, threat: thief", "asset: desk, threat: storm", False),
        ("asset: desk, threat: thief", "asset: safe, threat: thief", False),
        ("asset: desk, threat: thief", "asset: desk", False),
        ("asset: desk", "asset: desk", False),
        ("asset: desk, threat: thief", "asset: desk, threat: thief, distinct_because: x", False),
        ("asset: pool, FROM pool.exploited", "asset: pool", True),
        ("asset: pool", "asset: pool, FROM pool.exploited", True),
        ("asset: desk, FROM pool.exploited", "asset: desk", False),
        ("asset: desk, FROM net.hit", "asset: desk, FROM net.hit", True),
        ("asset: desk, FROM net.hit", "asset: safe, FROM net.hit", False),
        ("asset: safe, FROM net.hit", "asset: safe", True),  # the network is of the safe
    ],
)
def test_one_loss_has_one_home(first: str, second: str, clash: bool) -> None:
    def line(name: str, text: str) -> str:
        if "FROM" in text:
            return f"  {name}: {{{text.replace('FROM', 'frequency: from')}, magnitude: 1M}}\n"
        return f"  {name}: {{{text}, {SAME}}}\n"

    book = HEAD + ASSETS + NETWORK.replace("OF", "of: safe,") + "scenarios:\n"
    book += line("a", first) + line("b", second)
    if not clash:
        assert set(load_text(book).scenarios) == {"a", "b"}
        return
    (found,) = faults(book)
    assert "second frequency for the same cause and holding" in found.what
    assert f"`a` already has one in book.yaml line {found.line - 1}" in found.what
    assert "distinct_because" in found.mend


@pytest.mark.parametrize(
    ("nodes", "what"),
    [
        ("a: {table: [0.5, 0.6]}", "sums to 1.1"),
        ("a: {table: [0.5, 0.4999999]}", "sums to 0.9999999"),
        ("a: {table: [1.5, 0]}", "is above 1"),
        ("a: {table: [1]}", "1 probabilities for 2 states"),
        ("a: {table: {no: 1}}", "no probability is given for yes"),
        ("a: {table: {no: 1, yess: 0}}", "there is no state `yess`"),
        ("a: {table: 0.4}", "a row of probabilities is wanted here"),
        ("a: {}", "`table` is missing"),
        ("a: {states: [x], table: [1]}", "at least two states"),
        ("a: {states: [x, x], table: [0.5, 0.5]}", "a state is named twice"),
        ("a: {parents: [b], table: [0.5, 0.5]}", "no node is called `b`"),
        ("a: {parents: [a], table: {no: [1, 0], yes: [1, 0]}}", "a cycle: a -> a"),
        (
            "a: {table: [1, 0]}, b: {parents: [a], table: {no: [1, 0]}}",
            "there is no row for `a` = `yes`",
        ),
        (
            "a: {table: [1, 0]}, b: {parents: [a], table: {no: [1, 0], yse: [1, 0]}}",
            "`a` has no state `yse`",
        ),
        (
            "a: {table: [1, 0]}, b: {table: [1, 0]}, "
            'c: {parents: [a, b], table: {"no, no": [1, 0], "no, yes": [1, 0], '
            '"yes, no": [1, 0]}}',
            "there is no row for `yes, yes`",
        ),
        ("a: {table: [a few, 0.5]}", "cannot read 'a few'"),
        ('a: {table: ["uniform(0, 1)", 0.5]}', "plain probabilities"),
    ],
)
def test_faults_of_a_network(nodes: str, what: str) -> None:
    found = faults(HEAD + f"networks: {{net: {{nodes: {{{nodes}}}}}}}\n")
    assert len(found) == 1, found
    assert what in found[0].what


def test_shocks_name_nodes_states_and_tokens_that_exist() -> None:
    net = (
        "networks: {n: {nodes: {d: {table: [1, 0]}}, shocks: SHOCKS}}\ntokens: {USDC: stablecoin}\n"
    )
    for shocks, what in {
        "{e: {yes: {USDC: -12 %}}}": "no node is called `e`",
        "{d: {maybe: {USDC: -12 %}}}": "`d` has no state `maybe`",
        "{d: {yes: {DAI: -12 %}}}": "no token is called `DAI`",
        "{d: {yes: {USDC: -120 %}}}": "-1.2 is below -1",
    }.items():
        (found,) = faults(HEAD + net.replace("SHOCKS", shocks))
        assert what in found.what
    assert "a fall of 100 %" in found.mend


def test_a_horizon_is_at_most_fifty_years() -> None:
    assert load_text(HEAD + "horizon: 50 years\n").horizon_years == 50.0
    (found,) = faults(HEAD + "horizon: 200 years\n")
    assert found.what == "`horizon: 200 years` is too far ahead"
    assert "50 years" in found.mend


def test_faults_of_a_network_file_carry_its_name_and_its_own_places() -> None:
    book = HEAD + "networks: [models/peg.yaml, models/none.yaml]\n"
    files = {"models/peg.yaml": b"nodes:\n  a: {table: [0.5, 0.6]}\n  b: {tabel: [1, 0]}\n"}

    def read(name: str) -> bytes:
        if name not in files:
            raise FileNotFoundError(2, "no such file", name)
        return files[name]

    with pytest.raises(BookError) as caught:
        load_text(book, read)
    told = [(f.file, f.line, f.column) for f in caught.value.faults]
    assert told == [
        ("book.yaml", 4, 29),
        ("models/peg.yaml", 2, 14),
        ("models/peg.yaml", 3, 3),
        ("models/peg.yaml", 3, 7),
    ]


def test_an_unreadable_network_file_hides_no_fault_of_the_book() -> None:
    book = HEAD + "networks: [n.yaml]\nowners: x\nassets: {a: {}}\n"
    book += "scenarios: {s: {asset: a, frequency: from n.hit, magnitude: 1M}}\n"
    with pytest.raises(BookError) as caught:
        load_text(book, lambda _: b"nodes: [")
    told = [(f.file, f.line, f.what) for f in caught.value.faults]
    assert [t[:2] for t in told] == [("book.yaml", 5), ("n.yaml", 1)]
    assert "unknown entry `owners`" in told[0][2]
    assert told[1][2].startswith("not YAML")


def test_a_share_that_commas_have_split_is_put_together_and_judged() -> None:
    text = HEAD + ASSETS + "scenarios: {s: {asset: desk, frequency: 1 in 5 years, "
    text += "magnitude: {value: pert(30 %, 70 %, 100 %) of desk, source: x}}}\n"
    (found,) = faults(text)
    assert found.mend == 'Quote it: "pert(30 %, 70 %, 100 %) of desk".'
    assert found.path == "scenarios.s.magnitude.value"


def test_caps_and_shares_name_things_that_exist() -> None:
    (found,) = faults(HEAD + ASSETS + "controls: {c: {caps: {dek: 1M}}}\n")
    assert "is called `dek`" in found.what
    assert "Did you mean `desk`?" in found.mend


def test_a_slip_in_a_deposit_declares_no_token() -> None:
    (found,) = faults(HEAD + "protocols: {p: {deposit: 1mn}}\n")
    assert found.mend == "Write `M` for millions."


def test_controls_cut_what_their_scenario_states() -> None:
    scenario = "scenarios: {s: {asset: desk, frequency: {threat_event_frequency: 1 per year, "
    scenario += "susceptibility: 10 %}, magnitude: 1M}}\n"
    good = (
        "controls: {c: {costs: 1k per year, cuts: {s: [50 % of vulnerability, 10 % of magnitude]}}}"
    )
    assert len(load_text(HEAD + ASSETS + scenario + good).controls["c"].cuts) == 2
    for cut, what in {
        "{s: 50 % of contact_frequency}": "does not state `contact_frequency`",
        "{s: 50 % of luck}": "no factor is called `luck`",
        "{s: half}": "cannot read 'half'",
        "{t: 50 % of frequency}": "no scenario is called `t`",
        "{s: 150 % of frequency}": "1.5 is above 1",
        "[{scenario: s, factor: frequency}]": "`by` is missing",
    }.items():
        (found,) = faults(HEAD + ASSETS + scenario + f"controls: {{c: {{cuts: {cut}}}}}\n")
        assert what in found.what


def test_a_ruled_out_pair_has_no_scenario() -> None:
    text = HEAD + ASSETS + f"scenarios: {{s: {{asset: desk, threat: thief, {SAME}}}}}\n"
    (found,) = faults(text + "no_scenario: [{asset: desk, threat: thief, by: me}]\n")
    assert "`s` is a scenario of it (book.yaml line 6)" in found.what


def test_net_assets_must_be_declared_to_be_shared() -> None:
    text = "institution: {name: F}\ncurrency: USD\nas_of: 2026-11-20\n"
    text += "limits: [{measure: expected loss per year, at_most: 5 % of net_assets}]\n"
    (found,) = faults(text)
    assert "net assets are not declared" in found.what


def test_a_top_level_key_stands_in_one_file_of_a_folder() -> None:
    files = {"a.yaml": HEAD.encode(), "b.yaml": b"currency: EUR\nassets: {desk: {}}\n"}
    with pytest.raises(BookError) as caught:
        load(files)
    (found,) = caught.value.faults
    assert (found.file, found.line) == ("b.yaml", 1)
    assert "a.yaml line 2" in found.mend


def test_a_book_built_in_python_names_the_path() -> None:
    with pytest.raises(BookError) as caught:
        from_mapping(
            {"institution": {"name": "F"}, "currency": "USD", "as_of": "2026-11-20", "x": 1}
        )
    (found,) = caught.value.faults
    assert (found.line, found.path) == (0, "x")


def test_hostile_text_in_names_is_kept_as_text() -> None:
    name = "{0.__class__} <script>alert(1)</script> %s \\ {what}"
    book = load_text(HEAD + f'assets: {{a: {{name: "{name.replace(chr(92), chr(92) * 2)}"}}}}\n')
    assert book.assets["a"].name == name
    found = faults(HEAD + "assets: {a: {kind: '{what} {0}'}}\n")
    assert "'{what} {0}' is not allowed" in found[0].what


def test_an_amount_beside_what_it_is_made_of() -> None:
    from perilscope.book import from_mapping

    scenario = {
        "asset": "w",
        "frequency": {"value": "1 per year", "threat_event_frequency": "4 per year"},
        "magnitude": {"value": "5k", "primary": {"response": "5k"}},
    }
    tree = {
        "institution": {"name": "x"},
        "currency": "USD",
        "as_of": "2026-11-01",
        "assets": {"w": {"kind": "other"}},
        "scenarios": {"a": scenario},
    }
    with pytest.raises(BookError) as refused:
        from_mapping(tree)
    assert [
        (f.path.split(".")[-1], "stands beside `value`" in f.what) for f in refused.value.faults
    ] == [
        ("threat_event_frequency", True),
        ("primary", True),
    ]


def test_a_table_of_prices_is_no_book() -> None:
    with pytest.raises(BookError) as caught:
        load({"closes.CSV": b"date,BTC\n2024-01-01,42000\n"})
    (fault,) = caught.value.faults
    assert fault.what == "this is a table, not a book"
    assert "--prices" in fault.mend


@pytest.mark.parametrize("share", ["15 %", "15 % of net assets"])
def test_a_limit_that_is_a_share_of_nothing_says_what_to_write(share: str) -> None:
    limit = f"limits: [{{measure: gross exposure, at_most: {share}, owner: cio}}]\n"
    (fault,) = faults(HEAD + ASSETS + limit)
    assert "a share of what?" in fault.what
    assert "`15 % of net_assets`" in fault.mend
