# SPDX-License-Identifier: Apache-2.0
"""What the wild has: dialects of each format, with numbers known from elsewhere."""

from __future__ import annotations

import itertools
import json
import math

import pytest

from perilscope import formats
from perilscope.engines.networks.elimination import marginals
from perilscope.engines.networks.findings import Findings
from perilscope.engines.networks.inference import ask
from perilscope.engines.networks.network import Network
from perilscope.errors import AssessmentError, DataError
from perilscope.formats import xdsl

# E. Charniak, Bayesian Networks without Tears (1991), figure 2: the family, the dog and the light
DOG = {
    "family-out": [0.15, 0.85],
    "bowel-problem": [0.01, 0.99],
    "light-on": [[0.6, 0.4], [0.05, 0.95]],
    "dog-out": [[[0.99, 0.01], [0.97, 0.03]], [[0.9, 0.1], [0.3, 0.7]]],
    "hear-bark": [[0.7, 0.3], [0.01, 0.99]],
}

JAVABAYES = """
// Bayesian network
network "Dog-Problem" { //5 variables and 5 probability distributions
    property "credal-set constant-density-bounded 1.1" ;
}
variable  "light-on" { //2 values
    type discrete[2] {  "true"  "false" };
    property "position = (218, 195)" ;
}
variable  "bowel-problem" { type discrete[2] {  "true"  "false" }; }
variable  "dog-out" { type discrete[2] {  "true"  "false" }; }
variable  "hear-bark" { type discrete[2] {  "true"  "false" }; }
variable  "family-out" { type discrete[2] {  "true"  "false" }; }
probability (  "light-on"  "family-out" ) { //2 variable(s) and 4 values
    table 0.6 0.05 0.4 0.95 ; }
probability (  "bowel-problem" ) { table 0.01 0.99 ; }
probability (  "dog-out"  "bowel-problem"  "family-out" ) { /* child slowest,
    last parent fastest */
    table 0.99 0.97 0.9 0.3 0.01 0.03 0.1 0.7 ; }
probability (  "hear-bark"  "dog-out" ) { table 0.7 0.01 0.3 0.99 ; }
probability (  "family-out" ) { table 0.15 0.85 ; }
"""

BNLEARN = """network unknown {
}
variable family-out { type discrete [ 2 ] { true, false }; }
variable bowel-problem { type discrete [ 2 ] { true, false }; property weight = None ; }
variable light-on { type discrete [ 2 ] { true, false }; }
variable dog-out { type discrete [ 2 ] { true, false }; }
variable hear-bark { type discrete [ 2 ] { true, false }; }
probability ( family-out ) { table 0.15, 0.85; }
probability ( bowel-problem ) { table 0.01, 0.99; }
probability ( light-on | family-out ) { (true) 0.6, 0.4; (false) 5.0e-2, .95; }
probability ( dog-out | bowel-problem, family-out ) {
  default 0.3, 0.7;
  (true, true) 0.99, 0.01;
  (true, false) 0.97, 0.03;
  (false, true) 0.9, 0.1;
}
probability ( hear-bark | dog-out ) { (true) 0.7, 0.3; (false) 0.01, 0.99; }
"""

XMLBIF = """<?xml version="1.0" encoding="US-ASCII"?>
<!DOCTYPE BIF [
  <!ELEMENT BIF ( NETWORK )*>
    <!ATTLIST BIF VERSION CDATA #REQUIRED>
  <!ELEMENT NETWORK ( NAME, ( PROPERTY | VARIABLE | DEFINITION )* )>
  <!ELEMENT NAME (#PCDATA)>
]>
<BIF VERSION="0.3"><NETWORK><NAME>Dog-Problem</NAME>
<VARIABLE TYPE="nature"><NAME>light-on</NAME><OUTCOME>true</OUTCOME><OUTCOME>false</OUTCOME>
  <PROPERTY>position = (73, 165)</PROPERTY></VARIABLE>
<VARIABLE TYPE="nature"><NAME>bowel-problem</NAME>
  <OUTCOME>true</OUTCOME><OUTCOME>false</OUTCOME></VARIABLE>
<VARIABLE><NAME> dog-out </NAME><VALUE>true</VALUE><VALUE>false</VALUE></VARIABLE>
<VARIABLE TYPE="nature"><NAME>hear-bark</NAME>
  <OUTCOME>true</OUTCOME><OUTCOME>false</OUTCOME></VARIABLE>
<VARIABLE TYPE="nature"><NAME>family-out</NAME>
  <OUTCOME>true</OUTCOME><OUTCOME>false</OUTCOME></VARIABLE>
<DEFINITION><FOR>light-on</FOR><GIVEN>family-out</GIVEN>
  <TABLE>0.6 0.4 0.05 0.95 </TABLE></DEFINITION>
<DEFINITION><FOR>bowel-problem</FOR><TABLE>0.01<!-- seldom -->0.99</TABLE></DEFINITION>
<DEFINITION><FOR>dog-out</FOR><GIVEN>bowel-problem</GIVEN><GIVEN>family-out</GIVEN>
  <TABLE> <!-- both -->
    0.99 0.01
    0.97 0.03 <!-- ill, at home -->
    0.9 0.1 0.3 0.7 </TABLE></DEFINITION>
<DEFINITION><FOR>hear-bark</FOR><GIVEN>dog-out</GIVEN><TABLE>0.7 0.3 0.01 0.99</TABLE></DEFINITION>
<PROBABILITY><FOR>family-out</FOR><TABLE>0.15 0.85</TABLE></PROBABILITY>
</NETWORK></BIF>"""

HUGIN = """% the dog, by Hugin
class dog
{
  inputs = ();
  outputs = (family_out);
  node_size = (80 40);
node family_out { label = "family out; (really)"; position = (0 0);
  states = ("true" "false"); }
discrete node bowel_problem { states = ("true" "false"); subtype = boolean; }
node light_on { states = ("true" "false"); HR_Color = "12"; }
node dog_out { states = ("true" "false"); }
node hear_bark { states = ("true" "false"); }
potential (family_out) { data = ( 0.15 0.85 ); }
potential (bowel_problem |) { data = ( 0.01 0.99 ); }
potential (light_on | family_out)
{ data = (( 0.6 0.4 )	% out
          ( 0.05 0.95 ));	% in
}
potential (dog_out | bowel_problem family_out) {
  data = ((( 0.99 0.01 ) ( 0.97 0.03 )) (( 0.9 0.1 ) ( 0.3 0.7 )));
  experience = ((1 1) (1 1)); }
potential (hear_bark | dog_out) { data = (( 0.7 0.3 ) ( 0.01 0.99 )); }
}
"""

GENIE = """<?xml version="1.0" encoding="ISO-8859-1"?>
<smile version="1.0" id="Network1" numsamples="1000">
  <nodes>
    <cpt id="family_out"><state id="true" /><state id="false" />
      <probabilities>0.15 0.85</probabilities></cpt>
    <submodel id="dogs">
      <cpt id="bowel_problem"><state id="true" /><state id="false" fault="true" />
        <probabilities>0.01 0.99</probabilities><property id="source">Charniak</property></cpt>
      <cpt id="dog_out"><state id="true" /><state id="false" />
        <parents>bowel_problem family_out</parents>
        <probabilities>0.99 0.01 0.97 0.03 0.9 0.1 0.3 0.7</probabilities></cpt>
    </submodel>
    <cpt id="light_on"><state id="true" /><state id="false" /><parents>family_out</parents>
      <probabilities>0.6 0.4 0.05 0.95</probabilities></cpt>
    <cpt id="hear_bark"><state id="true" /><state id="false" /><parents>dog_out</parents>
      <probabilities>0.7 0.3 0.01 0.99</probabilities></cpt>
  </nodes>
  <extensions><genie version="1.0" app="GeNIe 2.0" name="dog"><node id="dog_out">
    <name>Dog out?</name></node></genie></extensions>
</smile>"""

UAI = """BAYES
5
2 2 2 2 2
5
1 0
1 1
2 0 2
3 1 0 3
2 3 4

2 0.15 0.85
2 0.01 0.99
4 0.6 0.4 0.05 0.95
8 0.99 0.01 0.97 0.03
  0.9 0.1 0.3 0.7
4 0.7 0.3 0.01 0.99
"""


def agena() -> str:
    """As agena.ai saves it: a list for each state of the node, a column for each row of a table."""
    given = {"light-on": ["family-out"], "hear-bark": ["dog-out"]}
    given["dog-out"] = ["bowel-problem", "family-out"]
    columns = {
        "family-out": [[0.15], [0.85]],
        "bowel-problem": [[0.01], [0.99]],
        "light-on": [[0.6, 0.05], [0.4, 0.95]],
        "dog-out": [[0.99, 0.97, 0.9, 0.3], [0.01, 0.03, 0.1, 0.7]],
        "hear-bark": [[0.7, 0.01], [0.3, 0.99]],
    }
    nodes = [
        {
            "configuration": {
                "type": kind,
                "table": {"nptCompiled": True, "type": "Manual", "probabilities": table},
                "states": ["true", "false"],
            },
            "name": f"Node {name}?",
            "id": name,
        }
        for (name, table), kind in zip(
            columns.items(), ["Labelled", "Boolean", "Ranked", "Labelled", "Labelled"], strict=True
        )
    ]
    links = [{"parent": up, "child": name} for name, above in given.items() for up in above]
    net = {"nodes": nodes, "name": "dog", "links": links, "id": "dog_0"}
    seen = [{"id": "Case 1", "observations": [{"node": "hear-bark"}], "results": []}]
    return json.dumps({"model": {"settings": {}, "dataSets": seen, "links": [], "networks": [net]}})


def check(net: Network, names: dict[str, str]) -> None:
    assert len(net.nodes) == len(DOG)
    for title, table in DOG.items():
        assert net.node(names[title]).table.tolist() == table, title


def plain() -> dict[str, str]:
    return {name: name for name in DOG}


def underscored() -> dict[str, str]:
    return {name: name.replace("-", "_") for name in DOG}


def numbered() -> dict[str, str]:
    order = ["family-out", "bowel-problem", "light-on", "dog-out", "hear-bark"]
    return {name: str(place) for place, name in enumerate(order)}


@pytest.mark.parametrize(
    ("text", "kind", "names"),
    [
        (JAVABAYES, "bif", plain()),
        (BNLEARN, "bif", plain()),
        (XMLBIF, "xmlbif", plain()),
        (HUGIN, "net", underscored()),
        (GENIE, "xdsl", underscored()),
        (UAI, "uai", numbered()),
        (agena(), "cmpx", plain()),
    ],
    ids=["JavaBayes", "bnlearn", "XMLBIF", "Hugin", "GeNIe", "UAI", "agena"],
)
def test_the_dog_is_the_same_in_every_dialect(text: str, kind: str, names: dict[str, str]) -> None:
    found = formats.read(text)
    assert found.kind == kind
    check(found.network, names)
    # the whole joint, by hand: P(hear-bark)
    out = sum(
        DOG["bowel-problem"][b] * DOG["family-out"][f] * DOG["dog-out"][b][f][0]  # type: ignore
        for b, f in itertools.product(range(2), range(2))
    )
    heard = marginals(found.network)[names["hear-bark"]]
    assert next(iter(heard.values())) == pytest.approx(0.7 * out + 0.01 * (1 - out), rel=1e-14)


def test_observations_of_an_agena_file_are_told_as_left_out() -> None:
    assert "observations" in formats.read(agena(), "dog.cmpx").notes[0]


def test_the_ending_decides_and_the_beginning_where_it_says_nothing() -> None:
    assert formats.read(BNLEARN, "dog.BIF").kind == "bif"
    assert formats.read(XMLBIF, "dog.bif").kind == "xmlbif"
    assert formats.read(agena(), "dog.json").kind == "cmpx"
    assert formats.read(GENIE, "dog.txt").kind == "xdsl"
    assert formats.read("\ufeff" + HUGIN).kind == "net"
    assert formats.read(("\ufeff" + BNLEARN).encode("utf-8"), "dog.bif").kind == "bif"
    assert formats.read(GENIE.replace("ISO-8859-1", "UTF-16").encode("utf-16"), "d.xdsl")


def test_states_with_blanks_and_signs_in_bif() -> None:
    text = """network n {} variable a { type discrete [ 3 ] { Not Sure, <5, Asy/Patch }; }
    variable b { type discrete [2] { x y }; }
    probability (a) { table 0.25, 0.25, 0.5; }
    probability (b | a) { (Not Sure) 1, 0; (<5) 0 1; (Asy/Patch) 0.5, 0.5; }"""
    net = formats.read(text, "a.bif").network
    assert net.node("a").states == ("Not Sure", "<5", "Asy/Patch")
    assert net.node("b").table.tolist() == [[1, 0], [0, 1], [0.5, 0.5]]


def test_rows_a_little_off_are_divided_by_their_sum_and_told() -> None:
    text = """network n {} variable a { type discrete [3] { x, y, z }; }
    variable b { type discrete [2] { x, y }; }
    probability (a) { table 0.3333333, 0.3333333, 0.3333333; }
    probability (b | a) { (x) 0.5, 0.5; (y) 0.1, 0.9; (z) 0.2, 0.8000005; }"""
    found = formats.read(text, "a.bif")
    assert found.network.node("a").table.tolist() == pytest.approx([1 / 3] * 3, rel=1e-15)
    assert found.network.node("b").table[2].tolist() == [0.2 / 1.0000005, 0.8000005 / 1.0000005]
    assert found.network.node("b").table[1].tolist() == [0.1, 0.9]
    (note,) = found.notes
    assert note == (
        "2 rows did not sum to 1 and were divided by the sum; the largest deviation was 5e-07; "
        "nodes: a, b"
    )


def test_a_full_table_of_rounded_tenths_is_left_as_it_is() -> None:
    text = "network n {} variable a { type discrete [10] { a b c d e f g h i j }; }"
    text += "probability (a) { table " + ", ".join(["0.1"] * 10) + "; }"
    found = formats.read(text, "a.bif")
    assert found.network.node("a").table.tolist() == [0.1] * 10
    assert found.notes == ()


NOISY = """<smile version="1.0" id="n"><nodes>
<cpt id="a"><state id="T"/><state id="F"/><probabilities>0.5 0.5</probabilities></cpt>
<cpt id="b"><state id="T"/><state id="F"/><probabilities>0.5 0.5</probabilities></cpt>
<noisymax id="c"><state id="T"/><state id="F"/><parents>a b</parents>{strengths}
<parameters>0.8 0.2 0 1 0.6 0.4 0 1 0.1 0.9</parameters></noisymax></nodes></smile>"""


def test_noisy_or_in_closed_form() -> None:
    net = formats.read(NOISY.format(strengths="<strengths>0 1 0 1</strengths>"), "n.xdsl").network
    absent = [[0.2 * 0.4 * 0.9, 0.2 * 0.9], [0.4 * 0.9, 0.9]]
    found = net.node("c").table
    for one, other in itertools.product(range(2), range(2)):
        assert found[one, other, 1] == pytest.approx(absent[one][other], rel=1e-14)
        assert found[one, other].sum() == pytest.approx(1.0, abs=1e-15)


def test_strengths_that_turn_a_parent_over() -> None:
    turned = formats.read(
        NOISY.format(strengths="<strengths>1 0 0 1</strengths>"), "n.xdsl"
    ).network
    straight = formats.read(NOISY.format(strengths=""), "n.xdsl").network
    assert turned.node("c").table[0].tolist() == straight.node("c").table[1].tolist()
    assert turned.node("c").table[1].tolist() == straight.node("c").table[0].tolist()


def test_noisy_max_of_three_states_by_enumeration() -> None:
    text = """<smile version="1.0" id="n"><nodes>
    <cpt id="a"><state id="h"/><state id="m"/><state id="n"/>
      <probabilities>0.2 0.3 0.5</probabilities></cpt>
    <cpt id="b"><state id="T"/><state id="F"/><probabilities>0.5 0.5</probabilities></cpt>
    <noisymax id="c"><state id="high"/><state id="mid"/><state id="none"/><parents>a b</parents>
      <parameters>0.5 0.25 0.25  0.125 0.5 0.375  0 0 1   0.25 0.25 0.5  0 0 1
        0.0625 0.0625 0.875</parameters></noisymax></nodes></smile>"""
    found = formats.read(text, "n.xdsl").network.node("c").table
    by_a = [[0.5, 0.25, 0.25], [0.125, 0.5, 0.375], [0, 0, 1]]
    by_b = [[0.25, 0.25, 0.5], [0, 0, 1]]
    leak = [0.0625, 0.0625, 0.875]
    for one, other in itertools.product(range(3), range(2)):
        law = [0.0, 0.0, 0.0]
        for x, y, z in itertools.product(range(3), repeat=3):  # the strongest state comes first
            law[min(x, y, z)] += by_a[one][x] * by_b[other][y] * leak[z]
        assert found[one, other].tolist() == pytest.approx(law, rel=1e-14)


def test_deterministic_nodes_are_tables_of_nought_and_one() -> None:
    text = """<smile version="1.0" id="n"><nodes>
    <cpt id="a"><state id="T"/><state id="F"/><probabilities>0.5 0.5</probabilities></cpt>
    <cpt id="b"><state id="T"/><state id="F"/><probabilities>0.25 0.75</probabilities></cpt>
    <deterministic id="both"><state id="yes"/><state id="no"/><parents>a b</parents>
      <resultingstates>yes no no no</resultingstates></deterministic></nodes></smile>"""
    net = formats.read(text, "n.xdsl").network
    assert net.node("both").table.tolist() == [[[1, 0], [0, 1]], [[0, 1], [0, 1]]]
    assert marginals(net)["both"]["yes"] == 0.125


def test_three_thirds_of_six_digits_are_within_a_millionth() -> None:
    """0.333333 three times is 1e-6 off, and doubles say 1.00000000003e-6: as XDSL and XMLBIF
    writers print it."""
    found = formats.read("BAYES 1 3 1 1 0 3 0.333333 0.333333 0.333333", "thirds.uai")
    assert found.network.nodes[0].table.tolist() == pytest.approx([1 / 3] * 3, abs=1e-15)
    assert "1e-06" in found.notes[0]
    with pytest.raises(DataError, match=r"sums to 0\.9999989"):
        formats.read("BAYES 1 3 1 1 0 3 0.333333 0.333333 0.3333329", "thirds.uai")


BACKWARDS = """BAYES
3
2 3 2
3
1 0
2 0 1
3 1 0 2

2
0.3 0.7
6
0.2 0.5 0.3 0.25 0.5 0.25
12
0.1 0.2 0.3 0.4 0.5 0.6 0.9 0.8 0.7 0.6 0.5 0.4
"""


def test_uai_as_pgmpy_writes_it_is_read_backwards_and_says_so() -> None:
    """The layout of pgmpy 1.1.2: scopes and tables with the first variable fastest."""
    found = formats.read(BACKWARDS, "pgmpy.uai")
    last = found.network.node("2")
    assert last.parents == ("1", "0")
    assert last.table[..., 0].T.tolist() == [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]
    assert found.network.node("1").table[:, 1].tolist() == [0.3, 0.25]
    assert "as pgmpy writes it" in found.notes[0]


def test_uai_in_the_order_of_the_format_is_never_turned() -> None:
    """Where both orders give laws the format's holds."""
    found = formats.read("BAYES 2 2 2 2 1 0 2 0 1 2 0.5 0.5 4 0.3 0.7 0.7 0.3", "both.uai")
    assert found.network.node("1").table.tolist() == [[0.3, 0.7], [0.7, 0.3]]
    assert not found.notes


def many_causes(count: int) -> str:
    """A noisy-OR of GeNIe: cause i is there with 1/10 and brings the effect with 1/(i + 2)."""
    names = [f"c{i}" for i in range(count)]
    states = '<state id="T"/><state id="F"/>'
    nodes = [
        f'<cpt id="{name}">{states}<probabilities>0.1 0.9</probabilities></cpt>' for name in names
    ]
    columns = " ".join(f"{1 / (i + 2)!r} {1 - 1 / (i + 2)!r} 0 1" for i in range(count))
    nodes.append(
        f'<noisymax id="y">{states}<parents>{" ".join(names)}</parents>'
        f"<parameters>{columns} 0.01 0.99</parameters></noisymax>"
    )
    return f'<smile version="1.0" id="n"><nodes>{"".join(nodes)}</nodes></smile>'


def test_noisy_max_of_twenty_five_parents_is_answered_in_closed_form() -> None:
    net = formats.read(many_causes(25), "many.xdsl").network
    quiet = 0.99 * math.prod(1.0 - 0.1 / (i + 2) for i in range(25))
    assert ask(net, targets=["y"]).marginals["y"]["T"] == pytest.approx(1.0 - quiet, rel=1e-12)
    first = 0.1 * (1.0 - quiet * 0.5 / (1.0 - 0.1 / 2))  # the first cause there, the effect too
    seen = ask(net, Findings(hard={"y": "T"}), ["c0"])
    assert seen.marginals["c0"]["T"] == pytest.approx(first / (1.0 - quiet), rel=1e-12)
    again = formats.read(formats.write(net, "json"), "again.json").network
    assert formats.digest(again) == formats.digest(net)
    with pytest.raises(AssessmentError, match="full table over 25 parents"):
        formats.write(net, "bif")


def test_noisy_max_without_its_table_is_the_one_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    text = many_causes(5)
    full = formats.read(text, "n.xdsl").network.node("y")
    monkeypatch.setattr(xdsl, "DEEP", 2)
    short = formats.read(text, "n.xdsl").network.node("y")
    assert short.hidden
    assert not full.hidden
    assert short.table == pytest.approx(full.table, abs=1e-15)
