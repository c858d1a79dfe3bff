# SPDX-License-Identifier: Apache-2.0
"""What is refused, with the place, the node and the reason; and every fault at once."""

from __future__ import annotations

import json

import pytest

from perilscope import formats
from perilscope.errors import DataError, Fault, MisuseError

HEAD = """network n {
}
variable a {
  type discrete [ 2 ] { yes, no };
}
variable b {
  type discrete [ 2 ] { yes, no };
}
probability ( a ) {
  table 0.25, 0.75;
}
"""


def faults(text: str | bytes, name: str) -> tuple[Fault, ...]:
    with pytest.raises(DataError) as caught:
        formats.read(text, name)
    return caught.value.faults


def only(text: str | bytes, name: str) -> Fault:
    (fault,) = faults(text, name)
    assert fault.file == name
    return fault


BIF = {
    "off": ("probability ( b | a ) {\n  (yes) 0.5, 0.5;\n  (no) 0.5, 0.6;\n}", 14, "sums to 1.1"),
    "negative": ("probability ( b | a ) { (yes) 1.5, -0.5; (no) 0, 1; }", 12, "negative"),
    "short row": ("probability ( b | a ) {\n  (yes) 1;\n  (no) 0, 1;\n}", 13, "1 numbers"),
    "long row": ("probability ( b | a ) {\n  (yes) 1, 0, 0;\n  (no) 0, 1;\n}", 13, "3 numbers"),
    "missing": ("probability ( b | a ) {\n  (yes) 0, 1;\n}", 12, "1 of 2 rows are missing"),
    "twice": ("probability ( b | a ) {\n  (no) 0, 1;\n  (no) 0, 1;\n}", 14, "in line 13"),
    "state": ("probability ( b | a ) { (yes) 0, 1;\n (maybe) 0, 1; }", 13, "no state 'maybe'"),
    "count of states": ("probability ( b | a ) { (yes, no) 0, 1; }", 12, "2 states stand here"),
    "parent": ("probability ( b | c ) { (yes) 0, 1; }", 12, "the parent 'c' is not declared"),
    "itself": ("probability ( b | b ) { (yes) 0, 1; }", 12, "name the node itself"),
    "no table": ("", 6, "has no table"),
    "no node": (
        "probability (b) { table 1, 0; }\nprobability (c) { table 1; }",
        13,
        "not declared",
    ),
    "two tables": (
        "probability (b) { table 1, 0; }\nprobability (b) { table 1; }",
        13,
        "in line 12",
    ),
    "number": ("probability (b) { table 1, 0,5x; }", 12, "a number is wanted here, found '5x'"),
    "nan": ("probability (b) { table nan, 1; }", 12, "a number is wanted here, found 'nan'"),
    "underscore": ("probability (b) { table 0_1, 0; }", 12, "found '0_1'"),
    "semicolon": ("probability (b) { table 0, 1 }", 12, "found '}'"),
    "unended": ("probability (b) { table 0, 1", 12, "found the end of the file"),
    "quotes": ('probability (b) { table 0, 1; }\nvariable "c {}', 13, "does not end"),
    "word": ("probability (b) { table 0, 1; }\nfoo", 13, "is wanted here, found 'foo'"),
}


@pytest.mark.parametrize("which", BIF)
def test_bif_faults_have_their_line(which: str) -> None:
    rest, line, what = BIF[which]
    fault = only(HEAD + rest, "net.bif")
    assert fault.line == line
    assert what in f"{fault.what} {fault.mend}"
    assert fault.column or which in ("off",)


VARIABLES = {
    "continuous": ("variable c { type continuous; }", "only discrete variables are read"),
    "no type": ("variable c { }", "the type and the states are missing"),
    "count": ("variable c { type discrete [3] { x, y }; }", "3 states are announced and 2 are"),
    "repeat": ("variable c { type discrete [2] { x, x }; }", "states repeat: 'x'"),
    "none": ("variable c { type discrete [0] { }; }", "at least one state"),
    "again": ("variable a { type discrete [1] { x }; }", "declared before in line 3"),
}


@pytest.mark.parametrize("which", VARIABLES)
def test_bif_variables_that_are_refused(which: str) -> None:
    rest, what = VARIABLES[which]
    found = faults(HEAD + rest, "net.bif")
    assert (found[0].line, found[0].path) in ((12, "c"), (12, "a"))
    assert what in found[0].what


def test_the_row_is_shown_with_the_states_of_its_parents() -> None:
    text = HEAD + "probability ( b | a ) {\n  (yes) 0.5, 0.5;\n  (no) 0.5, 0.6;\n}"
    fault = only(text, "net.bif")
    assert fault.path == "b given a=no"
    assert fault.what == "the row 0.5, 0.6 sums to 1.1"
    assert "1e-06" in fault.mend


@pytest.mark.parametrize("second", ["0.750001", "0.749999"])
def test_a_millionth_is_the_border(second: str) -> None:
    inside = second.replace("0001", "00009999").replace("49999", "499990001")
    assert formats.read(f"BAYES 1 2 1 1 0 2 0.25 {inside}", "a.uai").notes
    outside = second.replace("0001", "00010001").replace("49999", "499989999")
    assert "sums to" in only(f"BAYES 1 2 1 1 0 2 0.25 {outside}", "a.uai").what


def test_all_faults_are_told_at_once() -> None:
    text = (
        HEAD
        + """probability ( b | a ) {
  (yes) 0.5, 0.6;
  (no) 0.5, 0.7;
}
variable c { type discrete [2] { x, y }; }
probability ( c | z ) { (x) 1; }
variable d { type discrete [2] { x, y }; }
probability ( d | a ) { (yes) 1; (nay) 1, 0; (no) 0.1, 0.2; }
"""
    )
    found = faults(text, "net.bif")
    assert [fault.line for fault in found] == [13, 14, 17, 19, 19]
    bad = HEAD + "variable x { type what; }\nprobability ( b { }\nvariable y { oops }"
    assert [fault.line for fault in faults(bad, "net.bif")] == [12, 13, 14]


def test_a_cycle_is_named() -> None:
    text = (
        HEAD.replace(
            "probability ( a ) {\n  table 0.25, 0.75;", "probability ( a | b ) { (yes)1,0; (no)1,0;"
        )
        + "probability ( b | a ) { (yes) 1,0; (no) 1,0; }"
    )
    fault = only(text, "net.bif")
    assert "cycle" in fault.what
    assert fault.what.count("a") >= 1
    assert " -> " in fault.what
    assert fault.line in (9, 11)


JSON_NODE = {"name": "a", "states": ["x", "y"], "parents": [], "table": [0.5, 0.5]}


def own(**changes: object) -> str:
    node = {**JSON_NODE, **changes}
    return json.dumps({"perilscope": "network", "version": 1, "nodes": [node]})


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (own(table=[0.5, 0.6]), "sums to 1.1"),
        (own(table=[[0.5, 0.5]]), "a number is wanted here"),
        (own(table=[0.5]), "1 numbers stand here and 2 are wanted"),
        (own(table="half"), "a list is wanted here, found '\"half\"'"),
        (own(parents=["b"], table=[[0.5, 0.5]]), "the parent 'b' is not declared"),
        (own(states=["x", 2]), "a text is wanted here, found '2.0'"),
        (own(kind="noisy"), "unknown key 'kind'"),
        ('{"perilscope": "network", "version": 2, "nodes": []}', "version 2.0 is not known"),
        ('{"perilscope": "book"}', "no network of ours"),
        ('{"perilscope": "network", "version": 1, "nodes": []}', "no node is declared"),
        ('{"perilscope": "network", "version": 1}', "the key nodes is missing"),
        ('{"perilscope": "network", "perilscope": 1}', "stands twice"),
        (own(table=[0.5, 0.5]).replace("0.5]", "NaN]"), "no finite number"),
        (own(table=[0.5, 0.5]).replace("0.5]", "1e999]"), "no finite number"),
        ("{", "this is not JSON"),
        ("[]", "an object is wanted"),
    ],
)
def test_our_own_form_is_strict(text: str, what: str) -> None:
    assert what in only(text, "net.json" if text.startswith('{"p') else "net.cmpx").what


def test_the_line_of_a_node_in_json_is_told() -> None:
    lines = own().replace('{"name"', '\n{"name"')
    assert only(lines.replace("[0.5, 0.5]", "[0.5, 0.6]"), "net.json").line == 2


XDSL = """<smile version="1.0" id="n">
<nodes>
<cpt id="a"><state id="T"/><state id="F"/><probabilities>0.5 0.5</probabilities></cpt>
%s
</nodes>
</smile>"""


@pytest.mark.parametrize(
    ("node", "what"),
    [
        ('<equation id="e"><definition>e=1</definition></equation>', "is an equation"),
        ('<decision id="e"><state id="x"/></decision>', "is a decision"),
        ('<utility id="e"><utilities>1</utilities></utility>', "is a utility"),
        ('<cpt id="e"><state id="x"/></cpt>', "one <probabilities> is wanted"),
        ('<cpt id="e"><state/><probabilities>1</probabilities></cpt>', "needs the attribute id"),
        ('<cpt id="e"><state id="x"/><probabilities>one</probabilities></cpt>', "found 'one'"),
        (
            '<deterministic id="e"><state id="x"/><parents>a</parents>'
            "<resultingstates>x</resultingstates></deterministic>",
            "1 states stand here and 2 are wanted",
        ),
        (
            '<deterministic id="e"><state id="x"/><resultingstates>y</resultingstates>'
            "</deterministic>",
            "no state 'y'",
        ),
        (
            '<noisymax id="e"><state id="x"/><state id="y"/><parents>a</parents>'
            "<parameters>0.8 0.2 0.1 0.9 0 1</parameters></noisymax>",
            "has an effect",
        ),
        (
            '<noisymax id="e"><state id="x"/><state id="y"/><parents>a</parents>'
            "<strengths>0 0</strengths><parameters>0.8 0.2 0 1 0 1</parameters></noisymax>",
            "no order",
        ),
    ],
)
def test_genie_nodes_that_are_refused_by_name(node: str, what: str) -> None:
    fault = only(XDSL % node, "net.xdsl")
    assert what in fault.what
    assert fault.path == "e"
    assert fault.line == 4


def test_strengths_that_can_be_read_in_two_ways_are_refused() -> None:
    node = """<cpt id="b"><state id="x"/><state id="y"/><state id="z"/>
<probabilities>0.5 0.25 0.25</probabilities></cpt>
<noisymax id="e"><state id="x"/><state id="y"/><parents>b</parents><strengths>1 2 0</strengths>
<parameters>0.8 0.2 0.5 0.5 0 1 0 1</parameters></noisymax>"""
    assert "two ways" in only(XDSL % node, "net.xdsl").what


def test_dynamic_networks_and_other_roots_are_refused() -> None:
    text = (XDSL % "").replace("</nodes>", "</nodes><dynamic numslices='3'/>")
    assert "dynamic" in only(text, "net.xdsl").what
    assert "<smile> is wanted" in only("<BIF/>", "net.xdsl").what
    assert "<BIF> is wanted" in only("<smile/>", "net.xmlbif").what


def test_the_line_of_a_row_in_xml_is_told() -> None:
    node = """<cpt id="e"><state id="x"/><state id="y"/><parents>a</parents><probabilities>
0.5 0.5
<!-- two
lines --> 0.5 0.6
</probabilities></cpt>"""
    fault = only(XDSL % node, "net.xdsl")
    assert (fault.line, fault.path) == (7, "e given a=F")


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("net {} continuous node c { }", 1, "this is a continuous node"),
        ("net {}\nutility u { }", 2, "this is a utility node"),
        ('net {}\ndecision d { states = ("a"); }', 2, "this is a decision node"),
        ('net {} node a { label = "x"; }', 1, "the states are missing"),
        ('net {} node a { states = ("x" "x"); }\npotential (a) { data = (1 0); }', 1, "repeat"),
        ('net {} node a { states = ("x"); }\npotential (a) { }', 2, "there is no data"),
        (
            'net {} node a { states = ("x"); }\npotential (a) { model_data = (Normal(0)); }',
            2,
            "expr",
        ),
        ('net {} node a { states = ("x"); }\npotential (a) {\n data = (one); }', 3, "found 'one'"),
        ('net {} node a { states = ("x"); }\npotential (a b) { data = (1); }', 2, "node | parents"),
        ('net {} node a { states = ("x")', 1, "does not end"),
        ('net {} node a { states = ("x)', 1, "does not end"),
        ('net {} node a { states = "x") ; }', 1, "was not opened"),
        ('net {} node a { label = "x"; label = "y"; }', 1, "label stands here twice"),
    ],
)
def test_hugin_faults(text: str, line: int, what: str) -> None:
    found = faults(text, "net.net")
    assert any(what in fault.what and fault.line == line for fault in found), found


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("MARKOV 1 2 1 1 0 2 1 1", "BAYES is wanted here, found 'MARKOV'"),
        ("BAYES 1 2 1 1 1 2 1 0", "a variable is wanted here, found '1'"),
        ("BAYES 1 2 1 1 0 2 1", "found the end of the file"),
        ("BAYES 1 2 1 1 0 3 1 0 0", "3 numbers stand here and 2 are wanted"),
        ("BAYES 2 2 2 1 1 0 2 1 0", "this node has no table"),
        ("BAYES 1 2 2 1 0 1 0 2 1 0 2 1 0", "had a table before"),
        ("BAYES 1 2 1 0", "a scope names at least"),
        ("BAYES 99999999999999999999", "the number of variables is wanted"),
        ("BAYES -1", "the number of variables is wanted"),
    ],
)
def test_uai_faults(text: str, what: str) -> None:
    assert what in only(text, "net.uai").what


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (("Manual", "Expression"), "given by expressions"),
        (("Labelled", "ContinuousInterval"), "simulated or of type 'ContinuousInterval'"),
        (('"states"', '"simulated": true, "states"'), "simulated"),
        (("[[0.5], [0.5]]", "[[0.5, 0.5]]"), "rows"),
        (("[[0.5], [0.5]]", "[[0.5], [0.5, 1]]"), "stand together"),
    ],
)
def test_agena_nodes_that_are_refused_by_name(change: tuple[str, str], what: str) -> None:
    table = {"type": "Manual", "probabilities": [[0.5], [0.5]]}
    setting = {"type": "Labelled", "table": table, "states": ["x", "y"]}
    net = {"id": "n", "nodes": [{"id": "odd", "configuration": setting}], "links": []}
    text = json.dumps({"model": {"networks": [net]}})
    if what == "rows":  # two numbers are two numbers; three are not
        change, what = ("[[0.5], [0.5]]", "[[0.5], [0.25], [0.25]]"), "3 numbers stand here"
    fault = only(text.replace(*change), "net.cmpx")
    assert what in fault.what
    assert fault.path.startswith("odd")


def test_an_agena_file_with_two_networks_is_refused() -> None:
    text = json.dumps({"model": {"networks": [{}, {}]}})
    assert "one network is wanted, found 2" in only(text, "net.cmpx").what


def test_unknown_kinds() -> None:
    with pytest.raises(MisuseError, match="xmlbif"):
        formats.write(formats.read("BAYES 1 1 1 1 0 1 1").network, "pdf")
    assert "cannot be told" in only("hello", "net.doc").what
    assert "cannot be told" in faults("", "")[0].what
