# SPDX-License-Identifier: Apache-2.0
"""Adds up JUnit files: what ci/test says in its last line. A check that cannot be made is a failure; what this host is
not able to be asked is named with the reason."""

import re
import sys
import xml.etree.ElementTree as tree
from collections import Counter, defaultdict
from pathlib import Path

passed, failed, skipped = "passed", "failed", "skipped"
# How a test says that a part is missing which ci/setup gets or a build makes, or how pytest does.
_not_set_up = ("not set up", "could not import")


def outcome(case: tree.Element) -> str:
    if case.find("failure") is not None or case.find("error") is not None:
        return failed
    skip = case.find("skipped")
    # CTest calls skipped also what it could not start; a test that skips itself does so by a property SKIP_…
    if case.get("status") == "notrun" and (skip is None or not skip.get("message", "").startswith("SKIP_")):
        return failed
    if skip is not None and skip.get("message", "").startswith(_not_set_up):
        return failed
    if skip is not None or case.get("status") == "disabled":
        return skipped
    return passed


def reason(case: tree.Element) -> str:
    """Why it did not run: of pytest what the test said, of CTest what cmodx has printed of the test last."""
    skip = case.find("skipped")
    text = (case.findtext("system-out") or "").strip()
    said = re.findall(r"^skip .*\n.*; (.*)$", text, re.M) or text.splitlines()[-1:]
    return said[-1] if said else skip.get("message", "") if skip is not None else "disabled"


def count(path: Path, code: int) -> Counter[str]:
    """How many of each, of a command that left with this exit code. One failure besides if that says more than the
    file does: one that cannot be read has lost its tests."""
    try:
        cases = list(tree.parse(path).getroot().iter("testcase"))
    except (OSError, tree.ParseError) as error:
        print(f"{path}: {error}", file=sys.stderr)
        return Counter({failed: 1})
    counts = Counter(map(outcome, cases))
    absent: dict[str, list[str]] = defaultdict(list)
    for case in cases:
        if outcome(case) == skipped:
            absent[f"skipped in {path.stem}: {reason(case)}"].append(case.get("name", ""))
        elif outcome(case) == failed and case.find("skipped") is not None:
            absent[f"not run in {path.stem}: {reason(case)}"].append(case.get("name", ""))
    for why, names in absent.items():
        print(f"{why}: {', '.join(names)}")
    if code and not counts[failed]:
        print(f"{path}: no failure, and exit code {code}", file=sys.stderr)
        counts[failed] = 1
    return counts


def main() -> int:
    """junit PASSED FAILED [FILE CODE]… : adds the counts of checks that write no JUnit, prints, 1 if any failed."""
    pairs = zip(sys.argv[3::2], sys.argv[4::2], strict=True)
    counts = sum((count(Path(name), int(code)) for name, code in pairs), Counter())
    counts[passed] += int(sys.argv[1])
    counts[failed] += int(sys.argv[2])
    print(f"skipped: {counts[skipped]}")
    print(f"{counts[passed]} passed, {counts[failed]} failed")
    return 1 if counts[failed] else 0


if __name__ == "__main__":
    sys.exit(main())
