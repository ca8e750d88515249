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
        ("kind", '"board"', "accepted: one of native, user, system, bare, ssh"),
        ("default", "1", "true, or false"),
        ("host", '"a"', "unknown key 'host'"),
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


over_ssh = {key: good[key] for key in ("description", "architecture")} | {
    "kind": '"ssh"', "host": '"board"', "launch": '["nice", "{binary}"]'
}


def test_a_machine_over_ssh(tmp_path):
    machine = machines.read_machine(written(tmp_path, over_ssh | {"port": "2222", "user": '"me"'}))
    assert machine.command("b") == [str(tree.root / "ci" / "remote"), str(machine.path), "b"]
    client = machine.client()
    assert client[-2:] == ["--", "board"] and client[client.index("-p") + 1] == "2222" and "-F" not in client
    assert machine.cpus == 0 and machine.elsewhere


@pytest.mark.parametrize(
    ("key", "value", "accepted"),
    [
        ("host", '"-oProxyCommand=x"', "as the ssh configuration has it"),
        ("host", None, "is missing; accepted: a host"),
        ("port", "0", "1 to 65535"),
        ("port", '"22"', "1 to 65535"),
        ("folder", '"tmp"', "a folder there"),
        ("ssh_config", '"{binary}{"', "{cache}, {ci}"),
        ("launch", '["{cache}/x", "{binary}"]', "{binary} as its only placeholder"),
        ("cpus", "2", "unknown key 'cpus'; accepted: description"),
    ],
)
def test_faults_of_a_machine_over_ssh(tmp_path, key, value, accepted):
    table = {k: v for k, v in (over_ssh | {key: value}).items() if v is not None}
    with pytest.raises(UsageFault) as caught:
        machines.read_machine(written(tmp_path, table))
    line = str(caught.value)
    assert "m.toml" in line and key in line and accepted in line and "\n" not in line


def test_a_machine_that_is_no_default_runs_by_its_name(tmp_path):
    written(tmp_path, good | {"default": "false"}).rename(tmp_path / "slow.toml")
    written(tmp_path, good).rename(tmp_path / "plain.toml")
    assert [m.name for m in machines.select([], tmp_path)] == ["plain"]
    assert [m.name for m in machines.select(["s*"], tmp_path)] == ["slow"]


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
