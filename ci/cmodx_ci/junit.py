# SPDX-License-Identifier: Apache-2.0
"""Adds up JUnit files: what ci/test says in its last line."""

import sys
import xml.etree.ElementTree as tree
from pathlib import Path

passed, failed, skipped = "passed", "failed", "skipped"


def outcome(case: tree.Element) -> str:
    if case.find("failure") is not None or case.find("error") is not None:
        return failed
    # CTest marks what could not be started by `status` as well.
    if case.get("status") == "fail":
        return failed
    if case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
        return skipped
    return passed


def count(paths: list[Path]) -> dict[str, int]:
    """How many of each; a file that cannot be read is one failure, since its tests are lost."""
    counts = {passed: 0, failed: 0, skipped: 0}
    for path in paths:
        try:
            cases = list(tree.parse(path).getroot().iter("testcase"))
        except (OSError, tree.ParseError) as error:
            print(f"{path}: {error}", file=sys.stderr)
            counts[failed] += 1
            continue
        for case in cases:
            counts[outcome(case)] += 1
    return counts


def names(path: Path, which: str) -> list[str]:
    return [case.get("name", "?") for case in tree.parse(path).getroot().iter("testcase") if outcome(case) == which]


def main() -> int:
    """junit PASSED FAILED FILE… : adds the counts of checks that write no JUnit, prints, 1 if any failed."""
    counts = count([Path(name) for name in sys.argv[3:]])
    counts[passed] += int(sys.argv[1])
    counts[failed] += int(sys.argv[2])
    print(f"skipped: {counts[skipped]}")
    print(f"{counts[passed]} passed, {counts[failed]} failed")
    return 1 if counts[failed] else 0


if __name__ == "__main__":
    sys.exit(main())
