# SPDX-License-Identifier: Apache-2.0
import subprocess

import pytest

from cmodx_ci import machines, reproduce, tree

race = tree.results / "reproducers" / "store_race.c"


def called(*words):
    return subprocess.run([tree.root / "ci" / "reproduce", *words], capture_output=True, text=True, check=False)


def test_on_this_machine(tmp_path):
    (tmp_path / "p.c").write_text('#include <stdio.h>\nint main(void) { puts("said"); return 7; }\n')
    done = called("native", tmp_path / "p.c")
    assert (done.returncode, done.stdout) == (7, "said\n"), done.stderr


def test_a_value_of_a_machine_is_set(tmp_path):
    plain = machines.read_machine(tree.machines / "qemu-system-10-arm32.toml")
    varied = reproduce.varied("qemu-system-10-arm32", ["cpu=max", 'memory=a"b'], tmp_path)
    changed = {new for old, new in zip(plain.launch, varied.launch, strict=True) if old != new}
    assert changed == {"max", 'a"b'} and varied.name == plain.name


@pytest.mark.parametrize("architecture", tree.architectures)
def test_every_architecture_has_a_compiler(architecture):
    assert reproduce.compiler(architecture).endswith("gcc")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["native"], "accepted: MACHINE PROGRAM.c"),
        (["nowhere", race], "no machine matches 'nowhere'"),
        (["qemu-user-*", race], "accepted is one machine"),
        (["qemu-system-10-arm32", race, "cpu"], "accepted is VALUE=TEXT"),
    ],
)
def test_usage(words, says):
    done = called(*words)
    assert done.returncode == 2 and says in done.stderr and done.stderr.count("\n") == 1
