# SPDX-License-Identifier: Apache-2.0
"""What the tools write appears whole or not at all, and a full disk leaves nothing behind."""

import contextlib
import errno
import json
import os

import pytest

from cmodx_ci import fuzz, keep, output, recipes, results, resume, tree
from cmodx_ci.fault import HarnessFault, UsageFault

from synthetic import document, record


def write_recipes(file, monkeypatch):
    monkeypatch.setattr(tree, "root", file.parent)
    monkeypatch.setattr(recipes, "recipes", lambda: {file: "new"})
    recipes.run([])


def keep_inputs(file, monkeypatch):
    (file.parent / "found").mkdir()

    class Ended:
        returncode = 0

    def merge(argv, limit_s):
        (file.parent / "least" / "one").write_bytes(b"one")
        return Ended

    monkeypatch.setattr(fuzz, "_corpus", file.parent)
    monkeypatch.setattr(fuzz, "_run", merge)
    fuzz._keep(file.name, file.parent)


def keep_digest(file, monkeypatch):
    monkeypatch.setattr(keep, "folder", lambda: file.parent)
    monkeypatch.setattr(keep, "_settled_s", -1.0)
    keep.put(file, b"packed")


def pick_up(file, monkeypatch):
    made = file.parent / "made.json"
    made.write_text(json.dumps(document([record("SM+imm+same+po")])), encoding="utf-8")
    resume.so_far(file.parent, made)


@pytest.mark.parametrize(
    "write",
    [lambda file, _: results.write(file, {"new": 1}), write_recipes, keep_inputs, keep_digest, pick_up],
    ids=["results", "recipes", "fuzz", "keep", "resume"],
)
def test_a_full_disk_leaves_what_was_there(write, tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.write_text("old", encoding="utf-8")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    with contextlib.suppress(HarnessFault):
        write(file, monkeypatch)
    assert file.read_text(encoding="utf-8") == "old"
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_whose_fault_it_is(tmp_path):
    with pytest.raises(UsageFault, match="no/file: cannot write"), output.whole(tmp_path / "no" / "file"):
        pass
    with pytest.raises(HarnessFault, match="file: cannot write: No space"), output.whole(tmp_path / "file"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert not list(tmp_path.iterdir())


def test_a_device_stays_a_device_and_a_link_a_link(tmp_path):
    pipe, link, file = tmp_path / "pipe", tmp_path / "link", tmp_path / "file"
    os.mkfifo(pipe)
    with pytest.raises(UsageFault, match="no regular file"), output.whole(pipe):
        pass
    assert pipe.is_fifo()
    link.symlink_to(file)
    with output.whole(link) as stream:
        stream.write("text")
    assert link.is_symlink()
    assert file.read_text() == "text"
