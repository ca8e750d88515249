# SPDX-License-Identifier: Apache-2.0
"""The pytest plugin of a matrix run: a file in ci/machines/ is collected as one item, the machine.

Selection, JUnit, --last-failed and distribution over hosts are pytest's and its plugins' own.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from . import campaign, cpus, expected, far, labgrid_source
from .campaign import Order
from .fault import HarnessFault, UsageFault
from .judge import Judgement, judge
from .machines import Machine, read_machine
from .shards import Part, shards
from .subjects import Subject

# What an item came to, as a user property, since only that travels from an xdist worker to its controller.
property_name = "cmodx"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("cmodx")
    group.addoption("--cmodx-results", metavar="FOLDER", help="where the documents of this run go")
    group.addoption("--cmodx-expected", metavar="FOLDER", help="where the known failures of the machines are")
    group.addoption("--cmodx-budget", default="quick", metavar="BUDGET")
    group.addoption("--cmodx-seed", type=int, default=1, metavar="N")
    group.addoption("--cmodx-test", action="append", default=[], metavar="GLOB", help="only these tests of the suite")
    group.addoption("--cmodx-labgrid", metavar="FILE", help="an environment of labgrid, whose targets are machines")
    group.addoption("--cmodx-shards", type=int, default=1, metavar="N", help="so many items a machine, each with its part")
    group.addoption("--cmodx-subject", action="append", default=[], metavar="NAME", help="an item a subject; no suite")
    group.addoption("--cmodx-stall", type=float, default=campaign.stall_s, metavar="SECONDS")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> "MachineFile | None":
    if not parent.config.getoption("cmodx_results"):
        return None
    if file_path.suffix == ".toml":
        return MachineFile.from_parent(parent, path=file_path)
    if parent.config.getoption("cmodx_labgrid") == str(file_path):
        return LabgridFile.from_parent(parent, path=file_path)
    return None


class MachineFile(pytest.File):
    """A file in ci/machines/."""

    def read(self) -> list[tuple[str, Callable[[], Machine]]]:
        """Names of its machines, and how to read each. A fault in a file is the item's that it is about."""
        return [(self.path.stem, lambda: read_machine(self.path))]

    def collect(self):
        option = self.config.getoption
        for name, read in self.read():
            for shard in [Subject(name) for name in option("cmodx_subject")] or shards(option("cmodx_shards")):
                yield MachineItem.from_parent(self, name=shard.item(name), shard=shard, read=read)


class LabgridFile(MachineFile):
    """An environment of labgrid."""

    def read(self) -> list[tuple[str, Callable[[], Machine]]]:
        return [(machine.name, lambda machine=machine: machine) for machine in labgrid_source.machines(self.path)]


class NotConformant(Exception):
    """What a machine's item fails with: a summary, since the table below it has every line."""


class MachineItem(pytest.Item):
    """A machine, or a machine and a shard of its tests."""

    def __init__(self, *, shard: Part, read: Callable[[], Machine], **more: Any) -> None:
        super().__init__(**more)
        self.shard = shard
        self.read = read

    def runtest(self) -> None:
        option = self.config.getoption
        try:
            machine = self.read()
            known = Path(option("cmodx_expected"))
            lines = expected.lines_of(machine.name, known)
            reason = machine.absent() or self.shard.absent(machine)
            if reason:
                self._came_to("absent", reason)
                pytest.skip(f"absent: {reason}")
            order = Order(option("cmodx_budget"), option("cmodx_seed"), tuple(option("cmodx_test")))
            with cpus.alone(machine.place), cpus.lent(machine.cpus) as lent:
                folder = far.folder_of(self.config)
                document = campaign.run(machine, order, folder, lent, option("cmodx_stall"), self.shard)
        except UsageFault as fault:
            self._came_to("usage", str(fault))
            raise
        except HarnessFault as fault:
            self._came_to("harness", str(fault))
            raise
        if document is None:
            reason = campaign.why_nothing(machine, folder, self.shard)
            self._came_to("nothing", reason)
            pytest.skip(reason)
        before = expected.races_before(machine.name, lines, known)
        judgement = judge(document, lines, not order.globs and self.shard.count == 1, before)
        self._came_to("judged", "")
        if not judgement.conformant:
            raise NotConformant(summary(judgement))

    def _came_to(self, how: str, reason: str) -> None:
        self.user_properties.append((property_name, {"machine": self.name, "how": how, "reason": reason}))

    def repr_failure(self, excinfo, style=None):
        if excinfo.errisinstance((NotConformant, UsageFault, HarnessFault)):
            return f"{self.name}: {excinfo.value}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self):
        # Not the end of its own id, in which pytest would take the dot of a version for one of Python's.
        return self.path, None, f"machine {self.name}"


def summary(judgement: Judgement) -> str:
    counts = {
        "violations": len(judgement.violations),
        "errors of the harness": len(judgement.errors),
        "unexpected passes": len(judgement.passes),
        "expected lines that speak of no test": len(judgement.idle),
    }
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: MachineItem, call: pytest.CallInfo):
    outcome = yield
    if call.when == "call":
        name = item.name.partition("[")[0]
        far.attach(item.config, outcome.get_result(), item.shard.path(far.folder_of(item.config), name))


pytest_configure_node = far.pytest_configure_node


class Outcomes:
    """Registered by ci/matrix in the controlling process: what every item came to, by machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.of: dict[str, tuple[str, str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        far.detach(report, self.folder)
        for name, value in report.user_properties:
            if name == property_name:
                self.of[value["machine"]] = (value["how"], value["reason"])
        if report.when == "call" and report.failed:
            name = report.nodeid.rpartition("::")[2]
            self.of.setdefault(name, ("harness", str(report.longrepr).strip().splitlines()[-1]))
