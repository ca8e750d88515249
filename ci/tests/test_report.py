# SPDX-License-Identifier: Apache-2.0
"""ci/report: hostile documents, other programs' formats by their own parsers, the page of a real document."""

import json
import re
import xml.etree.ElementTree
from html.parser import HTMLParser

import junitparser
import pytest

from cmodx_ci import campaign, disassembly, report_page, sketch, sources, tree, view

from synthetic import document, judged, record
from test_diff import ci, put

hostile = [
    "SM+<script>alert(1)</script>+same",
    "SM+\"'><img/src=x/onerror=alert(1)>+same",
    "SM+</script><svg/onload=alert(1)>+same",
    "SM+{{7*7}}{%raw%}+same",
    "SM+../../../../tmp/pwned+same",
    "SM+\x1b]0;title\x07\u202eevil\u200b+same",
    "SM+#ok\x001+same",
    "SM+]]>&amp;$(touch${IFS}/tmp/pwned)+same",
]


@pytest.fixture
def evil(tmp_path):
    tests = [
        record(name, "fail", [judged("stale", 3, 1000) | {"source": name, "reason": name}], reason=name, stderr=name * 2,
               outcomes={"stale": 3}, first={"witness": "stale", "flag": 1, "observed": [1, 2], "bytes": "d22c4397", "signal": "SIG" + name})
        for name in hostile
    ]
    tests += [record("crash+imm+same", "crash", []), record("skip+imm+same", "skip", [])]
    return put(tmp_path / "evil.json", tests, machine="../<blink>m</blink>", facts={"vendor": "</script><blink>"}, command=["<blink>"])


class Elements(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found, self.addresses, self.handlers, self.ids = [], [], [], []

    def handle_starttag(self, tag, attributes):
        self.found.append(tag)
        for key, value in attributes:
            if key in ("href", "src"):
                self.addresses.append(value)
            if key.startswith("on"):
                self.handlers.append(key)
            if key == "id":
                self.ids.append(value)


def elements(page):
    parsed = Elements()
    parsed.feed(page)
    return parsed


def test_hostile_page(evil, tmp_path):
    page = tmp_path / "out" / "r.html"
    page.parent.mkdir()
    assert ci("report", evil, "-o", page, "--title", "<blink>title").returncode == 0
    text = page.read_text(encoding="utf-8")
    found = elements(text)
    # Each of these is in the document, and none of them is the page's own.
    assert found.found.count("script") == 2 and not {"img", "blink", "svg"} & set(found.found)
    assert all(f"&lt;{word}" in text for word in ("blink&gt;title", "blink&gt;m", "img/src", "svg/onload"))
    assert not found.handlers and "49" not in re.findall(r"SM\+(\w+)", text)
    assert "\x1b" not in text and "\u202e" not in text and "\x00" not in text
    assert len(found.ids) == len(set(found.ids))
    for address in found.addresses:
        assert address == "data:," or address.startswith("#") and address[1:] in found.ids, address
    assert [p.name for p in page.parent.iterdir()] == ["r.html"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["evil.json", "out"]


def test_a_name_that_only_looks_like_a_place(tmp_path):
    seen = {"witness": "torn", "k": 1, "n": 2, "verdict": "allowed", "basis": "arch-text"}
    tests = [{"name": f"X+imm@{at}+same+po", "status": "seen", "witnesses": [seen]} for at in ("abc", "64-2", "64-")]
    machine = {"name": "m", "architecture": "x86_64"}
    path = tmp_path / "baseline.json"
    baseline = {"schema": "cmodx-baseline/1", "machine": machine, "environment": {}, "tests": tests}
    path.write_text(json.dumps(baseline), encoding="utf-8")
    shown = view.of(sources.of(str(path)))
    assert [parts.at for parts in (r.parts for r in shown.columns[0].run.tests.values())] == ["", "64-2", ""]
    assert {boundary: list(row) for boundary, row in shown.torn["m"].items()} == {64: [2]}


def test_page_is_self_contained():
    """No address but its own places; the script is the one whose hash the page's policy allows."""
    page = ci("report", tree.root / "ci" / "tests" / "data" / "result-1.json").stdout
    assert not re.search(r"(src|href)=.?(https?:)?//", page) and "@import" not in page and "url(" not in page
    assert "sha256-" in page and "default-src 'none'" in page
    assert "No unexplained violation" in page or "nobody has explained" in page


def test_reproducing_command(evil):
    shown = view.of(sources.of(str(evil)))
    run = shown.columns[0].run
    for section in shown.sections:
        assert campaign.reproduce(run, section.test).startswith("cmodx run ")

    def of(machine, test):
        run.machine = machine
        return campaign.reproduce(run, test)

    order = "--budget quick --seed 7"
    assert of("native", "a b") == f"ci/launch native build/native/cmodx run 'a b' {order}"
    assert of("qemu-bare-10-aarch64", "a") == f"ci/launch qemu-bare-10-aarch64 build/aarch64/cmodx_bare run a {order}"
    # Which of subjects/ it is, its name does not say.
    assert of("qemu-user-10-arm32", "subject.x.y") == f"ci/matrix qemu-user-10-arm32 --subject '*' --test subject.x.y {order}"


def test_junit_is_junit(evil, tmp_path):
    put(tmp_path / "good.json", [record("SM+imm+same")], machine="good")
    out = tmp_path / "out.xml"
    assert ci("report", tmp_path / "evil.json", tmp_path / "good.json", "-o", out).returncode == 0
    suites = junitparser.JUnitXml.fromfile(str(out))
    by_name = {suite.name: suite for suite in suites}
    bad = by_name["../<blink>m</blink>"]
    assert (bad.tests, bad.failures, bad.errors, bad.skipped) == (len(hostile) + 2, len(hostile), 1, 1)
    assert {p.name: p.value for p in bad.properties()}["fact.vendor"] == "</script><blink>"
    cases = {case.name: case for case in bad}
    assert isinstance(cases["crash+imm+same"].result[0], junitparser.Error)
    assert isinstance(cases["skip+imm+same"].result[0], junitparser.Skipped)
    root = xml.etree.ElementTree.parse(out)
    properties = root.findall(".//testcase[@name='SM+imm+same']/properties/property")
    assert {p.get("name"): p.get("value") for p in properties}["witness.stale"] == "0 of 1000"


# The rules of the kernel's parser, tools/testing/kunit/kunit_parser.py.
start = re.compile(r"\s*KTAP version ([0-9]+)$")
plan = re.compile(r"^\s*1\.\.([0-9]+)")
result = re.compile(r"^\s*(ok|not ok) ([0-9]+) ?(- )?([^#]*)( # .*)?$")
skip = re.compile(r"^\s*(ok|not ok) ([0-9]+) ?(- )?(.*) # SKIP ?(.*)$")
subtest = re.compile(r"^\s*# Subtest: (.*)$")


def parse_ktap(lines, depth=0):
    """A list of (name, ok, skipped, subtests); fails where the kernel's parser would complain."""
    indent = "  " * depth
    assert start.match(lines[0]) and lines[0].startswith(indent)
    lines.pop(0)
    while lines and lines[0].startswith(indent + "#"):
        lines.pop(0)
    count = int(plan.match(lines.pop(0))[1])
    found = []
    for number in range(1, count + 1):
        inner = []
        if lines[0].startswith(indent + "  ") and start.match(lines[0]):
            inner = parse_ktap(lines, depth + 1)
        while lines[0].startswith(indent + "# "):
            lines.pop(0)
        line = lines.pop(0)
        match = result.match(line)
        assert match and int(match[2]) == number and line.startswith(indent + match[1]), line
        found.append((match[4].strip(), match[1] == "ok", bool(skip.match(line)), inner))
    return found


def test_ktap(evil, tmp_path):
    put(tmp_path / "good.json", [record("SM+imm+same")], machine="good")
    text = ci("report", evil, tmp_path / "good.json", "--format", "ktap").stdout
    lines = text.splitlines()
    machines = parse_ktap(lines)
    assert not lines and [ok for _, ok, _, _ in machines] == [False, True]
    tests = machines[0][3]
    assert [ok for _, ok, _, _ in tests] == [False] * (len(hostile) + 1) + [True]
    assert [skipped for _, _, skipped, _ in tests][-1] and machines[1][3] == [("SM+imm+same", True, False, [])]


def test_kcidb(evil):
    made = json.loads(ci("report", evil, "--format", "kcidb").stdout)
    for test in made["tests"]:
        assert re.fullmatch(r"[a-z0-9_]+:.*", test["id"]) and re.fullmatch(r"[.a-zA-Z0-9_-]*", test["path"])
        assert test["status"] in ("FAIL", "ERROR", "MISS", "PASS", "DONE", "SKIP")
        assert set(test["number"]) == {"value", "unit", "prefix"}
    assert len({test["id"] for test in made["tests"]}) == len(made["tests"])


def test_markdown(evil):
    text = ci("report", evil, "--format", "markdown").stdout
    assert "\\<script\\>" in text and "<script" not in text.replace("\\<script", "")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {re.sub(r"\\.", "", row).count("|") for row in rows} <= {5, 6, 7}


def test_usage(tmp_path):
    for arguments, says in (([], "required"), (["no-such"], "no-such"), ([tmp_path], "no document")):
        done = ci("report", *arguments, "-o", tmp_path / "r.html")
        assert done.returncode == 2 and says in done.stderr and done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("architecture", "site", "code", "says"),
    [
        ("x86_64", "imm", "d22c4397", "mov eax, 0x97432cd2"),
        ("x86_64", "nop_branch", "0f1f4000", "nop"),
        ("aarch64", "imm", "a0268052", "mov"),
        ("arm32", "imm", "d20c02e3", "movw r0, #0x2cd2"),
        ("riscv64", "imm", "3725cd32", "lui a0,0x32cd2"),
        ("aarch64", "imm", "00", "(not an instruction)"),
        ("aarch64", "imm", "", ""),
    ],
)
def test_disassembly(architecture, site, code, says):
    assert says in " ".join(disassembly.patch(architecture, site, code)[1])


def test_opcodes_are_those_of_the_sites():
    """imm is mov eax, imm32 and branch is jmp rel32, as arch/x86_64/sites.hpp says."""
    source = (tree.root / "arch" / "x86_64" / "sites.hpp").read_text(encoding="utf-8")
    assert "imm: mov eax, imm32; ret" in source and "branch: jmp rel32" in source
    assert disassembly.patch("x86_64", "branch", "00010000")[1] == ("jmp 0x105",)


def test_another_value_in_an_instruction():
    assert disassembly.with_value("movw r0, #0x2cd2", 0xC135) == "movw r0, #0xc135"
    assert disassembly.with_value("add x0, x1, #0x1, lsl #12", 2) is None


def test_sketch_has_the_steps_of_the_test():
    case = sketch.of("MP.RF", ["dc.cvau", "dsb.ish"], [])
    assert case.threads == ("T0", "T1") and "a thread modifies code" in case.meaning
    assert [row[0] for row in case.rows][1:3] == ["dc.cvau", "dsb.ish"] and case.rows[1][1] == "(no step)"
    assert sketch.of("Unheard.Of", ["isb"], []).rows == (("isb", "po"),)
    for shape, case in sketch.cases().items():
        assert case.meaning, "a case's header has a sentence"
        # A self-test is about the suite, not about threads and code.
        assert shape.startswith("selftest.") or case.threads and case.rows, "and a sketch"


def test_every_shape_has_its_sketch():
    baselines = sorted(tree.results.glob("*/baseline.json"))
    assert baselines
    for path in baselines:
        for test in json.loads(path.read_text(encoding="utf-8"))["tests"]:
            assert sketch.of(test["name"].split("+")[0], [], []).meaning, (path, test["name"])


def test_a_fault_without_bytes_shows_none():
    first = view.First({"witness": "fault", "signal": "SIGSEGV"}, "x86_64", "imm")
    assert (first.bytes, first.instructions, first.ran) == ("", (), None)


def test_torn_map():
    tests = [record(f"Patch+imm@64-{b}+same+po+po", "seen", [judged("torn", k, 10**6, "unspecified")], at=f"64-{b}")
             for b, k in ((0, 0), (2, 300))]
    from cmodx_ci import digest

    run = digest.of_document(document(tests))
    shown = view.of({run.key: run})
    assert {b: w.k for b, w in shown.torn["m"][64].items()} == {0: 0, 2: 300}
    assert "Torn map" in report_page.page(shown, "t")
