# SPDX-License-Identifier: Apache-2.0
"""The commit that a binary says: the one that it was built of, whenever CMake was configured."""

import shutil
import subprocess

import pytest

from cmodx_ci import tree

project = """\
cmake_minimum_required(VERSION 3.25)
project(version VERSION 1.2.3 LANGUAGES CXX)
include(cmake/version.cmake)
include_directories(${CMAKE_SOURCE_DIR})
include_directories(${CMAKE_BINARY_DIR}/generated)
add_executable(said said.cpp runner/built.cpp)
add_dependencies(said cmodx_version)
"""
said = """\
#include <cstdio>
#include "runner/built.hpp"
int main() { return std::puts(cmodx::commit) < 0; }
"""


class Project:
    def __init__(self, root):
        self.root = root
        for name in ("cmake/version.cmake", "cmake/version.hpp.in", "runner/built.hpp", "runner/built.cpp"):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(tree.root / name, root / name)
        (root / "CMakeLists.txt").write_text(project)
        (root / "said.cpp").write_text(said)
        (root / ".gitignore").write_text("build\n")

    def call(self, *argv):
        return subprocess.run(argv, cwd=self.root, check=True, capture_output=True, text=True, timeout=120).stdout.strip()

    def git(self, *arguments):
        return self.call("git", "-c", "user.name=a", "-c", "user.email=a", *arguments)

    def commit(self):
        self.git("add", ".")
        self.git("commit", "-q", "--allow-empty", "-m", "one more")
        return self.git("rev-parse", "--short=12", "HEAD")

    def configure(self):
        self.call("cmake", "-G", "Ninja", "-B", "build")
        return self

    def built(self):
        """What was done, and what the executable says."""
        return self.call("cmake", "--build", "build"), self.call("build/said")


@pytest.fixture
def made(tmp_path):
    return Project(tmp_path / "made")


def test_the_commit_is_that_of_the_build(made):
    made.git("init", "-q")
    first = made.commit()
    made.configure()
    assert made.built()[1] == first
    second = made.commit()
    assert made.built()[1] == second != first
    made.git("tag", "-a", "v0.1", "-m", "errata go by commits")
    assert made.built()[1] == second
    (made.root / "said.cpp").write_text(said + "// changed\n")
    assert made.built()[1] == second + "-dirty"
    third = made.commit()
    assert made.built()[1] == third
    third = made.commit()
    assert made.built()[1] == third


def test_what_is_up_to_date_stays_so(made):
    made.git("init", "-q")
    made.commit()
    done, _ = made.configure().built()
    assert "said.cpp" in done and "Linking" in done
    done, _ = made.built()
    assert "Building" not in done and "Linking" not in done
    made.commit()
    done, _ = made.built()
    assert "built.cpp" in done and "Linking" in done and "said.cpp" not in done


def test_a_checkout_that_is_no_repository(made):
    """The one around it has other commits."""
    subprocess.run(["git", "init", "-q"], cwd=made.root.parent, check=True)
    made.commit()
    assert made.configure().built()[1] == "unknown"
