# SPDX-License-Identifier: Apache-2.0
"""ci/recipes: writes what GitHub's and GitLab's CI run, a job a machine, from ci/machines/."""

import sys
from pathlib import Path

from . import fault, output, tree
from .entry import Parser, guarded
from .machines import Machine, machine_paths, read_machine

_written = "Written by ci/recipes from ci/machines/: change the machines, or ci/cmodx_ci/recipes.py, and call it."
_image = "debian:12"
_weekly = "17 4 * * 0"
# Emulation of a guest's kernel takes more than the first part of ci/setup.
_setup = {"native": "user", "user": "user", "system": "system", "bare": "system"}
# Results say which commit they are of, and errata go by its history. Without git, the checkout would be no repository.
_checkout = """\
      - run: apt-get update && apt-get install -y --no-install-recommends ca-certificates git
      - uses: actions/checkout@v4
        with:
          fetch-depth: 0"""
# What puts the suite on trial and takes too long for every change: the part of ci/setup, and the command.
_trials = {
    "mutants": ("user", "ci/mutants"),
    "fuzz": ("user", "ci/fuzz 60"),
    "readers": ("labgrid", "ci/fuzz 60 --readers"),
    "lint": ("user", "ci/lint"),
    "sanitize": ("user", "ci/sanitize"),
    "reproducible": ("user", "ci/reproducible"),
    "selftests": ("system", "ci/selftests"),
}


def on_any_host(machines: list[Machine]) -> list[Machine]:
    """Those that a hosted runner can have: a board is on somebody's desk."""
    return [machine for machine in machines if machine.kind in _setup]


def github(machines: list[Machine]) -> str:
    def rows(chosen: list[Machine]) -> str:
        return "\n".join(f"          - {{machine: {m.name}, setup: {_setup[m.kind]}}}" for m in chosen)

    def job(name: str, when: str, budget: str, chosen: list[Machine]) -> str:
        return f"""\
  {name}:
    if: {when}
    runs-on: ubuntu-latest
    container: {_image}
    timeout-minutes: 120
    strategy:
      fail-fast: false
      matrix:
        include:
{rows(chosen)}
    steps:
{_checkout}
      - run: ci/setup ${{{{ matrix.setup }}}}
      - run: ci/matrix ${{{{ matrix.machine }}}} --budget {budget} --junit-xml build/junit.xml
      - uses: actions/upload-artifact@v4
        if: always()
        with:
          name: {name}-${{{{ matrix.machine }}}}
          path: |
            build/results/
            build/junit.xml
"""

    def trial(name: str, setup: str, command: str) -> str:
        return f"""\
  {name}:
    if: github.event.schedule == '{_weekly}'
    runs-on: ubuntu-latest
    container: {_image}
    timeout-minutes: 120
    steps:
{_checkout}
      - run: ci/setup {setup}
      - run: {command}
"""

    trials = "".join(trial(name, *how) for name, how in _trials.items())
    return f"""\
# SPDX-License-Identifier: Apache-2.0
# {_written}
name: matrix
on:
  push:
  pull_request:
  schedule:
    - cron: "17 2 * * *"
    - cron: "{_weekly}"
permissions:
  contents: read
jobs:
  test:
    if: github.event_name != 'schedule'
    runs-on: ubuntu-latest
    container: {_image}
    timeout-minutes: 120
    steps:
{_checkout}
      - run: ci/test
{trials}\
{job("quick", "github.event_name != 'schedule'", "quick", [m for m in machines if m.default])}\
{job("nightly", f"github.event_name == 'schedule' && github.event.schedule != '{_weekly}'", "default", machines)}"""


def gitlab(machines: list[Machine]) -> str:
    def rows(chosen: list[Machine]) -> str:
        text = ""
        for setup in dict.fromkeys(_setup.values()):
            names = [machine.name for machine in chosen if _setup[machine.kind] == setup]
            if names:
                text += f"      - SETUP: {setup}\n        MACHINE:\n" + "".join(f"          - {name}\n" for name in names)
        return text

    def job(name: str, when: str, budget: str, chosen: list[Machine]) -> str:
        return f"""\
{name}:
  rules:
    - if: {when}
  parallel:
    matrix:
{rows(chosen)}\
  script:
    - ci/setup "$SETUP"
    - ci/matrix "$MACHINE" --budget {budget} --junit-xml build/junit.xml
  artifacts:
    when: always
    paths:
      - build/results/
    reports:
      junit: build/junit.xml
"""

    def trial(name: str, setup: str, command: str) -> str:
        return f"""\
{name}:
  rules:
    - if: $CI_PIPELINE_SOURCE == "schedule" && $WEEKLY
  script:
    - ci/setup {setup}
    - {command}
"""

    trials = "\n".join(trial(name, *how) for name, how in _trials.items())
    return f"""\
# SPDX-License-Identifier: Apache-2.0
# {_written}
default:
  image: {_image}
  timeout: 2h
variables:
  GIT_DEPTH: 0  # errata go by the history of commits

test:
  rules:
    - if: $CI_PIPELINE_SOURCE != "schedule"
  script:
    - ci/test

# The next want a schedule of their own with the variable WEEKLY.
{trials}
{job("quick", '$CI_PIPELINE_SOURCE != "schedule"', "quick", [m for m in machines if m.default])}
{job("nightly", '$CI_PIPELINE_SOURCE == "schedule" && $WEEKLY == null', "default", machines)}"""


def recipes() -> dict[Path, str]:
    """Text by path."""
    machines = on_any_host([read_machine(path) for path in machine_paths()])
    return {
        tree.root / ".github" / "workflows" / "matrix.yml": github(machines),
        tree.root / ".gitlab-ci.yml": gitlab(machines),
    }


def stale() -> list[Path]:
    """The files that are not what this would write."""

    def text(path: Path) -> str | None:
        return path.read_text(encoding="utf-8") if path.exists() else None

    return [path for path, wanted in recipes().items() if text(path) != wanted]


def run(arguments: list[str]) -> int:
    parser = Parser("ci/recipes", __doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if a file is not current")
    options = parser.parse_args(arguments)
    old = stale()
    for path in old:
        if options.check:
            print(f"ci/recipes: {path.relative_to(tree.root)} is not current: call ci/recipes", file=sys.stderr)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            with output.whole(path) as file:
                file.write(recipes()[path])
            print(path.relative_to(tree.root))
    return fault.violations if options.check and old else fault.conformant


def main() -> int:
    return guarded("ci/recipes", run)
