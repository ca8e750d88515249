# SPDX-License-Identifier: Apache-2.0
"""Documents of `cmodx bench` and `cmodx sweep`: real ones are valid and repeatable in order, pictures say what they show."""

import copy
import json
import re
import subprocess

import jsonschema
import pytest

from cmodx_ci import fault, interval, measurements, plots, reader, report_command, tree

real = tree.binary("native")
two_cpus = len(tree.host_cpus()) >= 2


def price(name, group="step", median=100.0, **more):
    return {
        "name": name, "group": group, "meaning": "m", "n": 1000, "repeats": 1, "subtracted_ns": 20.0, "median_ns": median,
        "median_low_ns": median - 1, "median_high_ns": median + 1, "min_ns": median / 2, "p90_ns": median * 2,
        "p99_ns": median * 3, "p999_ns": median * 4, "max_ns": median * 9,
        "histogram": [{"from_ns": 0.0, "count": 10}, {"from_ns": 100.0, "count": 990}], **more,
    }


def cell(of, torn, n, **at):
    low, high = interval.interval(torn, n)
    return {"map": of, "at": at, "executions": n, "stores": n, "torn": torn, "mixed": 0, "low": low, "high": high,
            "seconds": 1.0}


def document(**more):
    return {
        "schema": "cmodx-measurement/1", "tool": {"name": "cmodx", "version": "0", "commit": "c0ffee"},
        "machine": {"architecture": "x86_64", "name": "a-machine"}, "facts": {"vendor": "amd"}, "what": "prices", "seed": 1,
        "cpus": [0, 1], "clock": {"name": "counter", "ns_per_tick": 0.4, "cycles": True, "resolution_ns": 10.0},
        "conditions": {"emulator": None, "governor": "unknown", "frequency_khz": "unknown", "idle_driver": "none",
                       "load_before": 0.0, "load_after": 0.5},
        "command": ["cmodx", "bench"], "start": "2026-11-22T00:00:00Z", "duration_s": 1.0, "complete": True,
        "prices": [], "cells": [], "curves": [], "claims": [], "findings": [],
    } | more


full = document(
    prices=[
        price("cpuid"), price("<iret>"),
        price("same CPU 0 to CPU 1", "propagation", mapping="same", state="runs", from_cpu=0, to_cpu=1),
        {"name": "denied", "group": "step", "meaning": "m", "failure": "is <b>denied</b>"},
    ],
    cells=[cell("torn", k, 1000, width=4, boundary=64, before=b, pace=0) for b, k in enumerate((0, 3, 20, 1))]
    + [cell("lines", 0, 10, set=s, way=0) | {"cost_ns": 50.0 + s} for s in range(4)],
    curves=[
        {"curve": "toggle", "name": "here", "x": "toggles", "x_unit": "1/s", "y": "loss", "y_unit": "%",
         "points": [{"x": 1e4, "y": 1.0, "low": 0.5, "high": 2.0, "n": 20}, {"x": 1e6, "y": 12.0, "low": 10.0, "high": 14.0, "n": 20}]},
        {"curve": "toggle", "name": "LiteInst", "x": "toggles", "x_unit": "1/s", "y": "loss", "y_unit": "%", "source": "PLDI",
         "points": [{"x": 1e4, "y": 0.3, "low": 0.0, "high": 0.6, "n": 0}]},
        {"curve": "wait", "name": "torn an update", "x": "wait", "x_unit": "ns", "y": "torn", "y_unit": "1",
         "points": [{"x": 0, "y": 1e-4, "low": 5e-5, "high": 2e-4, "n": 1000}, {"x": 100, "y": 0.0, "low": 0.0, "high": 3e-3, "n": 1000}]},
    ],
    claims=[{"claim": "slow", "source": "a list", "price": "cpuid", "measured": "100 ns"}],
    findings=[{"name": "f", "text": "Torn across 64."}],
)


def faults(made):
    validator = jsonschema.Draft202012Validator(reader.schema_of("measurement"))
    return [error.message for error in validator.iter_errors(made)]


def test_schema_accepts_and_refuses():
    assert faults(full) == []
    for change in (
        lambda d: d.pop("clock"),
        lambda d: d["prices"][0].update(extra=1),
        lambda d: d["prices"][0].pop("histogram"),
        lambda d: d["prices"][0].update(histogram=[]),
        lambda d: d["prices"][2].pop("from_cpu"),
        lambda d: d["prices"][3].pop("failure"),
        lambda d: d["cells"][0].update(torn=-1),
        lambda d: d["cells"][0]["at"].pop("width"),
        lambda d: d["cells"][4]["at"].pop("set"),
        lambda d: d["curves"][0]["points"][0].pop("low"),
        lambda d: d.update(schema="cmodx-measurement/2"),
    ):
        broken = copy.deepcopy(full)
        change(broken)
        assert faults(broken)


def test_what_too_few_rounds_say_has_no_interval():
    few = copy.deepcopy(full)
    for key in ("low", "high"):
        del few["prices"][0][f"median_{key}_ns"], few["curves"][0]["points"][0][key]
    assert faults(few) == []
    ends = [plots.curve(d, "toggle").count("<use") for d in (full, few)]
    assert ends[1] == ends[0] - 2, ends  # of a bar, which even without length would look like certainty


def test_pictures_say_what_they_show():
    pictures = plots.of(full)
    assert len(pictures) == 7
    for picture in pictures:
        assert picture.startswith("<svg") and "a-machine" in picture and "c0ffee" in picture
        assert re.search(r"n = [\d.e+]+", picture), picture[:300]
    toggle = plots.curve(full, "toggle")
    assert "LiteInst (published)" in toggle and "toggles, 1/s" in toggle and "loss, %" in toggle
    assert "&lt;3e-3" in plots.torn(full)  # the upper bound of a quiet cell
    assert "2e-2" in plots.torn(full)
    assert "none: upper bound" in plots.curve(full, "wait")
    assert "&lt;iret&gt;" in plots.prices(full, "step")
    assert plots.of(document()) == []


def test_no_text_of_a_document_is_a_formula():
    shown = document(prices=[price(r"$\foo$")], machine={"architecture": "x86_64", "name": r"\$\bar$"})
    (picture,) = plots.of(shown)
    assert r">$\foo$<" in picture and r"\$\bar$" in picture


def test_what_cannot_be_is_refused(tmp_path):
    path = tmp_path / "bench.json"
    for torn, mixed in ((1, 0), (0, 1)):
        wrong = cell("torn", 0, 1000, width=4, boundary=64, before=1, pace=0) | {"executions": 0, "torn": torn, "mixed": mixed}
        path.write_text(json.dumps(document(cells=[wrong])), encoding="utf-8")
        with pytest.raises(fault.UsageFault, match=f"cells/0: {torn} torn and {mixed} mixed of 0 executions"):
            report_command.html([str(path)])
    path.write_text("[" * 100000, encoding="utf-8")
    with pytest.raises(fault.UsageFault, match="nested too deep"):
        report_command.html([str(path)])


def test_emulated_times_are_called_so():
    emulated = copy.deepcopy(full)
    emulated["conditions"]["emulator"] = "qemu-aarch64"
    assert all("times of the emulator qemu-aarch64" in picture for picture in plots.of(emulated))


def test_page(tmp_path):
    path = tmp_path / "bench.json"
    path.write_text(json.dumps(full), encoding="utf-8")
    out = tmp_path / "page.html"
    assert report_command.run([str(path), "-o", str(out)]) == 0
    page = out.read_text(encoding="utf-8")
    assert "Torn across 64." in page and "&lt;b&gt;denied" in page and "<b>denied" not in page
    assert page.count("<svg") == 7
    assert report_command.run([str(path), "native", "-o", str(out)]) == 0
    page = out.read_text(encoding="utf-8")
    assert page.count("<svg") == 7 and 'id="matrix"' in page and "<b>denied" not in page
    with pytest.raises(fault.UsageFault, match="HTML only"):
        report_command.run([str(path), "-o", str(tmp_path / "x.md")])
    path.write_text(json.dumps(full | {"extra": 1}), encoding="utf-8")
    with pytest.raises(fault.UsageFault, match="extra"):
        report_command.html([str(path)])


@pytest.mark.skipif(not real.exists(), reason="not set up: build/native/cmodx")
class TestRealOutput:
    def measure(self, tmp_path, *arguments):
        output = tmp_path / "m.json"
        argv = [real, *arguments, "--seed", "1", "--machine", "native", "--output", output]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)
        if not two_cpus and done.returncode == fault.nothing_to_run:
            pytest.skip("one CPU")
        assert done.returncode == 0, done.stderr
        kind, made = reader.read(output)
        assert kind == "measurement" and made["complete"] and made["seed"] == 1
        return made, done.stdout

    def test_bench(self, tmp_path):
        made, text = self.measure(tmp_path, "bench", "--samples", "40", "--seconds", "0.3")
        by_name = {(p["group"], p["name"]): p for p in made["prices"]}
        assert len(by_name) == len(made["prices"])
        failed = [p for p in made["prices"] if "failure" in p]
        assert not failed, failed
        for p in made["prices"]:
            assert p["n"] >= 40 and sum(b["count"] for b in p["histogram"]) == p["n"]
            # Five rounds, of which no two are alike: no interval of a point, which would be certainty.
            assert p["min_ns"] <= p["median_low_ns"] <= p["median_ns"] <= p["median_high_ns"] <= p["max_ns"]
        assert {p["group"] for p in made["prices"]} >= {"timer", "step", "executor", "writer", "self", "memory"}
        # A system call costs more than nothing, and less than a millisecond.
        assert 20 < by_name["step", "syscall"]["median_ns"] < 1e6
        assert len(made["claims"]) >= 6 and "claims" in text

    @pytest.mark.parametrize("what", ["torn", "wait", "propagation", "toggle", "distance", "lines"])
    def test_sweep(self, tmp_path, what):
        argv = ["sweep", what, "--seconds", "0.5"]
        if what == "wait" and tree.host_architecture() in ("aarch64", "arm32"):
            pytest.skip("no instruction crosses a line there")
        made, _ = self.measure(tmp_path, *argv)
        assert made["what"] == what
        assert made["cells"] or made["curves"] or made["prices"]
        for c in made["cells"]:
            assert c["executions"] > 0 and c["low"] <= (c["torn"] + c["mixed"]) / c["executions"] <= c["high"]
        assert plots.of(made)

    def test_csv(self, tmp_path):
        _, text = self.measure(tmp_path, "sweep", "distance", "--format", "csv")
        rows = text.splitlines()
        assert rows[0].startswith("group,name,n,median_ns") and len(rows) == 1 + 27

    @pytest.mark.parametrize(
        "argv",
        [
            ["bench", "gold"],
            ["sweep", "floor"],
            ["sweep", "torn", "--format", "xml"],
            ["sweep", "torn", "--output", "/nowhere/x.json"],
            ["sweep", "torn", "--output", "/dev"],
        ],
    )
    def test_usage(self, argv):
        done = subprocess.run([real, *argv], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == fault.usage and done.stderr.count("\n") == 1
