# SPDX-License-Identifier: Apache-2.0
"""From tests that failed to few lines that speak of exactly these: globs over the parts of their names."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class Observed:
    """A test for which `witness` is forbidden (or how its process ended), and whether it failed with it."""

    test: str
    witness: str
    failed: bool


def literal(name: str) -> str:
    """A glob that matches only this name."""
    return re.sub(r"([*?\[])", r"[\1]", name)


def _candidates(name: str) -> Iterator[str]:
    """From the widest on: by mapping, by shape and mapping, by shape, site and mapping, the test alone."""
    words = [literal(word) for word in name.split("+")]
    if len(words) >= 3:
        shape, site, mapping = words[:3]
        yield f"*+{mapping}+*"
        yield f"{shape}+*+{mapping}+*"
        yield f"*+{site}+{mapping}+*"
        yield f"{shape}+{site}+{mapping}+*"
    yield literal(name)


def globs(observed: Iterable[Observed]) -> list[tuple[str, str]]:
    """(glob, witness) such that every test that failed is spoken of, and no test that passed is."""
    every = list(observed)
    found: list[tuple[str, str]] = []
    for witness in dict.fromkeys(o.witness for o in every):
        of = [o for o in every if o.witness == witness]
        passed = [o.test for o in of if not o.failed]
        left = [o.test for o in of if o.failed]
        while left:
            glob = next(g for g in _candidates(left[0]) if not any(fnmatchcase(name, g) for name in passed))
            found.append((glob, witness))
            left = [name for name in left if not fnmatchcase(name, glob)]
    return found
