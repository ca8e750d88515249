# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmodx_ci import machines, tree
from cmodx_ci.fault import UsageFault

good = {
    "description": '"a"',
    "kind": '"user"',
    "architecture": '"arm32"',
    "launch": '["{cache}/x", "{binary}"]',
}


def written(folder: Path, table: dict[str, str]) -> Path:
    path = folder / "m.toml"
    path.write_text("".join(f"{key} = {value}\n" for key, value in table.items()), encoding="utf-8")
    return path


def test_the_files_of_the_project():
    every = machines.select([])
    assert every[0].name == "native" and every[0].command("b") == ["b"]
    assert {m.architecture for m in every} >= set(tree.architectures)
    names = [m.name for m in every]
    assert names.index("qemu-user-7.2-arm32") < names.index("qemu-user-10-arm32")


def test_defaults_and_filling(tmp_path, monkeypatch):
    monkeypatch.setenv("CMODX_CACHE", "/cache")
    machine = machines.read_machine(written(tmp_path, good))
    assert machine.command("/b") == ["/cache/x", "/b"]
    assert (machine.cpus, machine.time_scale, machine.preset) == (2, 1.0, "arm32")
    host = machines.read_machine(written(tmp_path, good | {"architecture": '"host"'}))
    assert (host.architecture, host.preset) == (tree.host_architecture(), "native")


@pytest.mark.parametrize(
    ("key", "value", "accepted"),
    [
        ("kind", '"board"', "accepted: one of native, user, system"),
        ("architecture", "3", "accepted: one of host, x86_64"),
        ("launch", '"qemu {binary}"', "a list of arguments"),
        ("launch", '["x"]', "{binary} once"),
        ("launch", '["{binary}", "{binary}"]', "{binary} once"),
        ("launch", '["{binary}", "{home}"]', "placeholders: {binary}, {cache}, {ci}"),
        ("launch", '["{binary}", "{"]', "placeholders"),
        ("exists", '["{nowhere}"]', "placeholders"),
        ("cpus", "0", "1 or more"),
        ("cpus", "true", "1 or more"),
        ("time_scale", "0", "above 0"),
        ("time_scale", "inf", "above 0"),
        ("time_scale", "nan", "above 0"),
        ("expect", '{ a = 1 }', "a table of facts"),
        ("description", '" "', "not empty"),
        ("speed", "1", "unknown key 'speed'; accepted: description, kind"),
    ],
)
def test_a_fault_names_file_key_and_what_is_accepted(tmp_path, key, value, accepted):
    with pytest.raises(UsageFault) as caught:
        machines.read_machine(written(tmp_path, good | {key: value}))
    line = str(caught.value)
    assert "m.toml" in line and key in line and accepted in line and "\n" not in line


@pytest.mark.parametrize("key", good)
def test_a_missing_key(tmp_path, key):
    with pytest.raises(UsageFault, match=f"key '{key}' is missing; accepted: "):
        machines.read_machine(written(tmp_path, {k: v for k, v in good.items() if k != key}))


@given(st.binary(max_size=80))
def test_any_file_gives_a_machine_or_one_line(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("m") / "m.toml"
    path.write_bytes(content)
    with pytest.raises(UsageFault) as caught:
        machines.read_machine(path)
    assert "\n" not in str(caught.value)


@given(st.lists(st.text(alphabet="{}abinry/ ", max_size=12), max_size=4))
def test_templates_fill_or_are_refused(words):
    words = ["{binary}", *words]
    if machines.keys["launch"].accepts(words):
        for word in words:
            assert "{" not in machines._fill(word, "B")
