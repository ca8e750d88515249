# SPDX-License-Identifier: Apache-2.0
"""Recipes for CI services: current, well formed, and a job for every machine that a hosted runner can have."""

import re
import shutil
import subprocess

import pytest
import yaml

from cmodx_ci import machines, recipes, tree


def test_the_files_of_the_project_are_current():
    assert [str(path.relative_to(tree.root)) for path in recipes.stale()] == [], "call ci/recipes"


def wanted(only_default):
    every = machines.select(["*"])
    return sorted(m.name for m in every if m.kind != "ssh" and (m.default or not only_default))


@pytest.mark.parametrize(("job", "only_default"), [("quick", True), ("nightly", False)])
def test_every_machine_has_a_job(job, only_default):
    hub, lab = (yaml.safe_load(text) for text in recipes.recipes().values())
    rows = hub["jobs"][job]["strategy"]["matrix"]["include"]
    assert sorted(row["machine"] for row in rows) == wanted(only_default)
    groups = lab[job]["parallel"]["matrix"]
    assert sorted(name for group in groups for name in group["MACHINE"]) == wanted(only_default)
    setups = {row["machine"]: row["setup"] for row in rows}
    assert setups == {name: group["SETUP"] for group in groups for name in group["MACHINE"]}
    for name, setup in setups.items():
        assert setup == ("system" if machines.read_machine(tree.machines / f"{name}.toml").kind in ("system", "bare") else "user")


def test_only_entry_points_of_the_project_are_called():
    hub, lab = (yaml.safe_load(text) for text in recipes.recipes().values())
    commands = [step["run"] for job in hub["jobs"].values() for step in job["steps"][2:] if "run" in step]
    commands += [line for job in lab.values() for line in job.get("script", [])]
    for command in commands:
        assert (tree.root / command.split()[0]).is_file(), command


def test_every_job_has_the_history():
    """Of a checkout without git there is no commit, and of a shallow one nothing that an erratum speaks of."""
    hub, lab = (yaml.safe_load(text) for text in recipes.recipes().values())
    for job in hub["jobs"].values():
        assert job["steps"][0]["run"].split()[-1] == "git"
        assert job["steps"][1] == {"uses": "actions/checkout@v4", "with": {"fetch-depth": 0}}
    assert lab["variables"] == {"GIT_DEPTH": 0}


@pytest.mark.parametrize("program", ["git", "cmake", "ninja", "ccache", "clang-format", "shellcheck", "valgrind", "ssh", "gpg", "gpg-agent"])
def test_setup_installs_what_the_tools_call(program):
    text = (tree.root / "ci" / "setup").read_text(encoding="utf-8")
    packages = re.search(r"^packages=\(\n(.*?)^\)", text, re.S | re.M)[1].split()
    owner = subprocess.run(["dpkg-query", "-S", shutil.which(program)], capture_output=True, text=True, check=True)
    assert owner.stdout.partition(":")[0] in packages


def test_check_and_write(checkout):
    argv = [checkout.root / "ci" / "recipes"]
    checkout.machine("one")
    checkout.machine("slow", "default = false")
    (checkout.root / "ci/machines/board.toml").write_text(
        'description = "b"\nkind = "ssh"\narchitecture = "arm32"\nhost = "b"\nlaunch = ["{binary}"]\n'
    )

    def run(*more):
        return subprocess.run([*argv, *more], capture_output=True, text=True, check=False)

    done = run("--check")
    assert done.returncode == 1 and ".gitlab-ci.yml is not current: call ci/recipes" in done.stderr
    assert run().returncode == 0 and run("--check").returncode == 0
    text = (checkout.root / ".gitlab-ci.yml").read_text()
    assert text.count("- one\n") == 2 and text.count("- slow\n") == 1 and "board" not in text
    checkout.machine("two")
    assert run("--check").returncode == 1
    checkout.machine("two", "frob = 1")
    done = run()
    assert done.returncode == 2 and "two.toml: unknown key 'frob'" in done.stderr and done.stderr.count("\n") == 1
