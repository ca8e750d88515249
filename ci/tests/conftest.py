# SPDX-License-Identifier: Apache-2.0
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import settings

from cmodx_ci import tree

# Nothing is written into the checkout, and a slow host is no failure. CMODX_EXAMPLES is how many each property gets that
# does not say so itself.
settings.register_profile("cmodx", database=None, deadline=None, max_examples=int(os.environ.get("CMODX_EXAMPLES", "100")))
settings.load_profile("cmodx")

fake = Path(__file__).parent / "fake_cmodx.py"


class Checkout:
    """A copy of the tools with machines and known failures of its own, and the fake in place of every binary."""

    def __init__(self, root: Path) -> None:
        self.root = root
        skipped = shutil.ignore_patterns("__pycache__", "tests", "*.toml")
        shutil.copytree(tree.root / "ci", root / "ci", ignore=skipped)
        (root / "ci" / "machines").mkdir(exist_ok=True)
        (root / "results").mkdir()
        shutil.copy(tree.results / "schema.json", root / "results")
        for preset in ("native", *tree.architectures):
            (root / "build" / preset).mkdir(parents=True)
            (root / "build" / preset / "cmodx").symlink_to(fake)

    def machine(self, name: str, *more: str, how: str = "", architecture: str = "x86_64") -> Path:
        lines = [
            'description = "a fake"',
            'kind = "user"',
            f'architecture = "{architecture}"',
            f'launch = ["env", "FAKE={how}", "FAKE_ARCHITECTURE={architecture}", "{{binary}}"]',
            "cpus = 1",
            *more,
        ]
        path = self.root / "ci" / "machines" / f"{name}.toml"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    def expect(self, name: str, text: str) -> Path:
        folder = self.root / "results" / name
        folder.mkdir(exist_ok=True)
        (folder / "expected.toml").write_text(text, encoding="utf-8")
        return folder / "expected.toml"

    def matrix(self, *arguments: str) -> subprocess.CompletedProcess:
        argv = [str(self.root / "ci" / "matrix"), "--no-build", "--seed", "7", *arguments]
        return subprocess.run(argv, capture_output=True, text=True, timeout=120, cwd=self.root, check=False)

    def resume(self, *arguments: str) -> subprocess.CompletedProcess:
        argv = [str(self.root / "ci" / "matrix"), "--resume", *arguments]
        return subprocess.run(argv, capture_output=True, text=True, timeout=120, cwd=self.root, check=False)

    def document(self, machine: str) -> dict:
        return json.loads((self.root / "build" / "results" / "latest" / f"{machine}.json").read_text(encoding="utf-8"))


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    monkeypatch.setenv("CMODX_LOCKS", str(tmp_path / "locks"))
    return Checkout(tmp_path / "checkout")
