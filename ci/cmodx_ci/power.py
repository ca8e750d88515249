# SPDX-License-Identifier: Apache-2.0
"""Negative controls: for which left-out steps some machine showed that leaving them out can be seen."""

from collections.abc import Iterable
from dataclasses import dataclass

from .digest import Run


@dataclass(frozen=True)
class Power:
    """A step that twins leave out. By machine: (twins that showed a witness which the whole protocol did not, twins)."""

    architecture: str
    thread: str
    step: str
    by_machine: dict[str, tuple[int, int]]

    @property
    def powerless(self) -> bool:
        return not any(shown for shown, _ in self.by_machine.values())

    @property
    def twins(self) -> int:
        return sum(twins for _, twins in self.by_machine.values())


def powers(runs: Iterable[Run]) -> list[Power]:
    """A twin shows its step where it has a witness that its parent, the whole protocol, does not have there."""
    found: dict[tuple[str, str, str], dict[str, tuple[int, int]]] = {}
    for run in runs:
        for result in run.tests.values():
            parts = result.parts
            if parts.origin != "twin" or not parts.omits or result.status in ("skip", "missing", "void"):
                continue
            parent = run.tests.get(parts.twin_of)
            had = {w.witness for w in parent.witnesses if w.k} if parent else None
            shows = had is not None and any(w.k and w.witness not in had for w in result.witnesses)
            thread, _, step = parts.omits.partition(":")
            machines = found.setdefault((run.architecture, thread, step), {})
            shown, twins = machines.get(run.machine, (0, 0))
            machines[run.machine] = (shown + shows, twins + 1)
    return [Power(*key, machines) for key, machines in sorted(found.items())]
