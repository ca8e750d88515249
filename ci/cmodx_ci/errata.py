# SPDX-License-Identifier: Apache-2.0
"""Our own faults: results/errata.toml says which past results are void, and why.

    [[erratum]]
    date = "2026-11-22"
    test = "CoFF+*"                       # a glob over names of tests
    commits = ["c5b9f71^", "1a2b3c4..5d6e7f8"]   # see below
    what = "one sentence: what was wrong with the test"
    architecture = "arm32"                # optional; all if it is not given
    fact = "bare=1"                       # optional: of runs alone whose machine had it; the value is a glob
    seconds = 10                          # optional: of runs alone that gave each test so much

A commit alone stands for itself; A..B for what git log lists so; FIXED^ for every commit that does not have FIXED in
its history. Results of a commit that is not in this repository (a private branch, "unknown") are not void.
"""

import re
import subprocess
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from . import tree
from .digest import Run
from .fields import Key, check_table, is_number, is_text, is_texts, read_toml, text

_commit = re.compile(r"[0-9a-f]{7,40}(\^|\.\.[0-9a-f]{7,40})?")
_fact = re.compile(r"[a-z0-9_]+=.+")
_date = re.compile(r"\d{4}-\d\d-\d\d")


def _are_commits(value: Any) -> bool:
    return is_texts(value) and value != [] and all(_commit.fullmatch(word) for word in value)


_keys = {
    "date": Key("a day such as 2026-11-22, as a text", lambda v: isinstance(v, str) and bool(_date.fullmatch(v))),
    "test": Key("a glob over names of tests", is_text),
    "commits": Key("a list of commits: HASH, HASH..HASH, or HASH^ for all before that repair", _are_commits),
    "what": Key("one sentence: what was wrong with the test", is_text),
    "architecture": Key("one of " + ", ".join(tree.architectures), lambda v: v in tree.architectures, False),
    "fact": Key("KEY=GLOB", lambda v: isinstance(v, str) and bool(_fact.fullmatch(v)), False),
    "seconds": Key("a number", is_number, False, 0),
}


@dataclass(frozen=True)
class Erratum:
    date: str
    test: str
    commits: tuple[str, ...]
    what: str
    architecture: str | None = None
    fact: str | None = None
    seconds: float = 0

    def concerns(self, run: Run) -> bool:
        """Whether it speaks of such runs, whatever their commit is."""
        said = run.environment
        spent = max((float(s) for s in said.get("seconds_per_test", ())), default=0)
        spent *= max((float(s) for s in said.get("time_scale", ())), default=1)
        key, _, glob = (self.fact or "").partition("=")
        has = any(fnmatchcase(value, glob) for value in said.get(f"fact.{key}", ()))
        return self.architecture in (None, run.architecture) and (self.fact is None or has) and spent >= self.seconds

    def __str__(self) -> str:
        return f"void by the erratum of {self.date}: {self.what}"


@dataclass
class Errata:
    """`_covers`: whether an erratum's list of commits holds a commit, as git said."""

    list: list[Erratum]
    root: Path = tree.root
    _covers: dict[tuple[str, str], bool] = field(default_factory=dict)

    def about(self, commit: str, run: Run) -> list[Erratum]:
        """Those that speak of results of this commit."""
        return [e for e in self.list if e.concerns(run) and any(self._holds(word, commit) for word in e.commits)]

    def _holds(self, word: str, commit: str) -> bool:
        key = (word, commit)
        if key not in self._covers:
            self._covers[key] = self._ask(word, commit.removesuffix("-dirty").removesuffix("+"))
        return self._covers[key]

    def _ask(self, word: str, commit: str) -> bool:
        if not re.fullmatch(r"[0-9a-f]{7,40}", commit):
            return False
        if word.endswith("^"):
            return self._known(commit) and self._known(word[:-1]) and not self._within(word[:-1], commit)
        if ".." in word:
            first, _, last = word.partition("..")
            known = all(map(self._known, (first, last, commit)))
            return known and self._within(commit, last) and not self._within(commit, first)
        return word.startswith(commit) or commit.startswith(word)

    def _known(self, commit: str) -> bool:
        return self._git("cat-file", "-e", f"{commit}^{{commit}}")

    def _within(self, ancestor: str, commit: str) -> bool:
        return self._git("merge-base", "--is-ancestor", ancestor, commit)

    def _git(self, *arguments: str) -> bool:
        argv = ["git", f"--git-dir={self.root}/.git", *arguments]  # whoever owns it
        try:
            return subprocess.run(argv, capture_output=True, check=False).returncode == 0
        except OSError:
            return False


def read(path: Path | None = None) -> Errata:
    """None if there is no file."""
    path = tree.results / "errata.toml" if path is None else path
    if not path.exists():
        return Errata([])
    said = f"a list of tables, each {text} of {', '.join(_keys)}"
    keys = {"erratum": Key(said, lambda v: isinstance(v, list), False, [])}
    tables = check_table(str(path), read_toml(path), keys)["erratum"]
    made = []
    for number, table in enumerate(tables, 1):
        checked = check_table(f"{path}: erratum {number}", table, _keys)
        made.append(Erratum(**{**checked, "commits": tuple(checked["commits"])}))
    return Errata(made)


def apply(run: Run, errata: Errata) -> None:
    """Makes the results concerned void, in place: no status but `void`, no counts, and the reason."""
    if not errata.list:
        return
    about = {e: None for commit in run.environment.get("commit", ()) for e in errata.about(commit, run)}
    void = {name: erratum for erratum in about for name in run.tests if fnmatchcase(name, erratum.test)}
    if void:
        tests = dict(run.tests)
        for name, erratum in void.items():
            tests[name] = tests[name]._replace(status="void", reason=str(erratum), rates=(), witnesses=())
            run.details.pop(name, None)
        run.tests = tests
