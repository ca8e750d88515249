# SPDX-License-Identifier: Apache-2.0
"""pytest-xdist's workers on other hosts: what they need to have there, and the way back of their documents.

xdist copies a folder to each host; this makes that folder, a checkout without its sources. Documents come back with
the reports of their items.
"""

import contextlib
import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from . import campaign, results, scratch, tree
from .fault import HarnessFault, UsageFault
from .machines import Machine

# What the folder is called there.
_name = "cmodx"
# Where xdist puts folders on a host, unless a specification says chdir=.
_default_chdir = "pyexecnetcache"
# Of a worker on another host; set by the controller.
_far = "cmodx_far"


def is_far(specification: str) -> bool:
    return specification.startswith("ssh=")


def completed(specification: str) -> str:
    """An xdist specification whose Python finds this package in the folder that is copied there."""
    parts = specification.split("//")
    if not is_far(specification) or any(part.startswith("python=") for part in parts):
        return specification
    chdir = next((part.partition("=")[2] for part in parts if part.startswith("chdir=")), _default_chdir)
    if any(letter in chdir for letter in " \t'\"$\\;&|"):
        raise UsageFault(f"--tx {specification}: key 'chdir' is {chdir!r}; accepted: a path without spaces and quotes")
    return f"{specification}//python=env PYTHONPATH={chdir}/{_name}/ci /usr/bin/python3 -P"


def staged(folder: Path, machines: Iterable[Machine]) -> Path:
    """Makes the folder that is copied: tools, machines, known failures and baselines, what runs on these machines. What
    a guest's binary lists is asked from the host's own."""
    root = folder / _name
    shutil.copytree(tree.root / "ci", root / "ci", ignore=shutil.ignore_patterns("__pycache__", "tests", ".*"))
    shutil.copytree(tree.results, root / "results")
    for binary in {path for m in machines for path in (campaign.binary_of(m), *[tree.binary("native")] * bool(m.guest))}:
        if not binary.exists():
            raise HarnessFault(f"no {binary}: it is not built")
        target = root / binary.relative_to(tree.root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(binary, target)
    return root


def folder_of(config: pytest.Config) -> Path:
    """Where this process leaves documents: of a worker on another host, a folder that goes with it."""
    if not getattr(config, "workerinput", {}).get(_far):
        return Path(config.getoption("cmodx_results"))
    if not hasattr(config, "cmodx_folder"):
        with contextlib.ExitStack() as stack:
            config.cmodx_folder = stack.enter_context(scratch.folder("far"))
            config.add_cleanup(stack.pop_all().close)
    return config.cmodx_folder


def attach(config: pytest.Config, report: pytest.TestReport, path: Path) -> None:
    """In a worker on another host: sends the document along."""
    if getattr(config, "workerinput", {}).get(_far) and path.exists():
        where = path.relative_to(folder_of(config))
        report.cmodx_document = {"path": str(where), "text": path.read_text(encoding="utf-8")}


def detach(report: Any, folder: Path) -> None:
    """In the controller: keeps the document that came with a report."""
    came = getattr(report, "cmodx_document", None)
    if came is None:
        return
    path = Path(os.path.normpath(folder / came["path"]))
    if not path.is_relative_to(folder):
        raise HarnessFault(f"a worker sent a document for {came['path']!r}")
    path.parent.mkdir(exist_ok=True)
    results.write(path, json.loads(came["text"]))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """xdist's: tells a worker whether it shares this host's files."""
    node.workerinput[_far] = not node.gateway.spec.popen
