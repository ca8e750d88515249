# SPDX-License-Identifier: Apache-2.0
"""What is untrusted stays harmless: no shell is given a text, no guest has a network, and apt takes nothing that the
keyring's key has not signed."""

import ast
import os
import subprocess
from hashlib import sha256

import pytest

from cmodx_ci import machines, tree

shells = {
    ("os", "system"), ("os", "popen"), ("subprocess", "getoutput"), ("subprocess", "getstatusoutput"),
    ("asyncio", "create_subprocess_shell"),
}


def sources():
    """Every Python file of the tools, also those that are called without a suffix."""
    for path in sorted((tree.root / "ci").rglob("*")):
        if path.suffix == ".py" or path.is_file() and path.read_bytes()[:40].startswith(b"#!/usr/bin/python3"):
            yield path


def given_to_a_shell(text):
    """The lines that give a text to a shell, or to Python."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            bad = (node.value.id, node.attr) in shells
        elif isinstance(node, ast.ImportFrom):
            bad = any((node.module, name.name) in shells for name in node.names)
        elif isinstance(node, ast.Call):
            bad = isinstance(node.func, ast.Name) and node.func.id in ("eval", "exec")
            bad |= any(k.arg == "shell" and not (isinstance(k.value, ast.Constant) and k.value.value is False)
                       for k in node.keywords)
        else:
            continue
        if bad:
            yield node.lineno


@pytest.mark.parametrize(
    "text",
    [
        "subprocess.run(x, shell=True)", "run(x, shell=y)", "os.system(x)", "f = os.popen", "subprocess.getoutput(x)",
        "from os import system", "from subprocess import run, getstatusoutput", "eval(x)", "exec(x)",
    ],
)
def test_a_shell_is_noticed(text):
    assert list(given_to_a_shell(f"pass\n{text}\n")) == [2]


def test_no_shell_is_given_a_text():
    every = {path.relative_to(tree.root).as_posix(): path.read_text(encoding="utf-8") for path in sources()}
    assert {"ci/guest", "ci/cmodx_ci/guest.py", "ci/cmodx_ci/ssh.py", "ci/tests/conftest.py"} <= set(every)
    assert [f"{name}:{line}" for name, text in every.items() for line in given_to_a_shell(text)] == []


emulated = [machine for machine in machines.select(["*"]) if machine.guest]


@pytest.mark.parametrize("machine", emulated, ids=lambda machine: machine.name)
def test_no_guest_has_a_network(machine, tmp_path):
    words = machine.launch
    if "bochs" in words[0]:
        assert not [word for word in words if word.split(":")[0] in ("ne2k", "pcipnic", "e1000")]
        return
    assert "qemu-system-" in words[0]
    # Neither that which a board comes with, nor one that is asked for.
    assert "-nodefaults" in words
    assert [words[at + 1] for at, word in enumerate(words) if word.lstrip("-") in ("nic", "net", "netdev")] == ["none"]
    devices = [words[at + 1] for at, word in enumerate(words) if word.lstrip("-") == "device"]
    # What connects a guest to its host writes a file.
    ports = [words[at + 1] for at, word in enumerate(words) if word.lstrip("-") in ("chardev", "serial")]
    assert {device.split(",")[0] for device in devices} <= {"virtio-serial-pci", "virtserialport", "isa-debug-exit"}
    assert ports and all(port.startswith(("file:", "file,")) for port in ports)


def test_guests_of_every_kind_are_looked_at():
    assert {machine.kind for machine in emulated} == {"system", "bare"} and len(emulated) > 20


def key_of(folder, who):
    """A key that signs, and a file with its public part."""
    home = folder / who
    home.mkdir(mode=0o700)
    gpg = ["gpg", "--homedir", str(home), "--batch", "--quiet"]
    subprocess.run([*gpg, "--passphrase", "", "--quick-generate-key", who, "ed25519", "sign"], check=True, timeout=60)
    subprocess.run([*gpg, "--output", str(folder / f"{who}.gpg"), "--export", who], check=True, timeout=60)
    return gpg


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    gpgs = {who: key_of(folder, who) for who in ("ours", "theirs")}
    yield folder, gpgs
    for who in gpgs:
        subprocess.run(["gpgconf", "--homedir", str(folder / who), "--kill", "gpg-agent"], check=False)


def index(*paths, root):
    return "".join(f" {sha256(p.read_bytes()).hexdigest()} {p.stat().st_size} {p.relative_to(root)}\n" for p in paths)


def repository(folder, gpg):
    """A repository of one package, signed unless nobody signs."""
    package = folder / "build" / "DEBIAN"
    package.mkdir(parents=True)
    control = "Package: made-up\nVersion: 1\nArchitecture: all\nMaintainer: nobody <nobody@localhost>\nDescription: none\n"
    (package / "control").write_text(control)
    pool = folder / "pool" / "made-up_1_all.deb"
    pool.parent.mkdir()
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", package.parent, pool], check=True, capture_output=True)
    suite = folder / "dists" / "any"
    packages = suite / "main" / "binary-amd64" / "Packages"
    packages.parent.mkdir(parents=True)
    data = pool.read_bytes()
    packages.write_text(f"{control}Filename: pool/{pool.name}\nSize: {len(data)}\nSHA256: {sha256(data).hexdigest()}\n\n")
    release = suite / "Release"
    release.write_text(
        "Origin: o\nLabel: l\nSuite: any\nCodename: any\nDate: Thu, 01 Jan 2026 00:00:00 UTC\nArchitectures: amd64\n"
        f"Components: main\nSHA256:\n{index(packages, root=suite)}"
    )
    if gpg:
        subprocess.run([*gpg, "--clearsign", "--output", str(suite / "InRelease"), str(release)], check=True, timeout=60)
    return pool, packages


# apt.bash as ci/setup has it, but for the mirror, its suites and the keyring.
script = """set -euo pipefail
say() { printf '%s\\n' "$*" >&2; }
die() { say "$*"; exit 3; }
source "$1/ci/setup.d/apt.bash"
find_mirror() { printf "file:%s\\n" "$archive"; }
suites=(any)
update amd64
eval "${before-}"
download "$2" amd64 made-up any
"""


@pytest.mark.parametrize(
    ("how", "signed", "taken"),
    [
        ("signed", "ours", True),
        ("unsigned", None, False),
        ("unsigned, and among the lists from before", None, False),
        ("signed by a key that the system trusts, and nobody else", "theirs", False),
        ("with another index", "ours", False),
        ("with another package", "ours", False),
    ],
)
def test_apt_takes_what_is_signed(tmp_path, keys, how, signed, taken):
    folder, gpgs = keys
    archive, got, trusted = tmp_path / "archive", tmp_path / "got", tmp_path / "trusted"
    for place in (archive, got, trusted):
        place.mkdir()
    pool, packages = repository(archive, signed and gpgs[signed])
    if how == "with another index":
        packages.write_text(packages.read_text().replace("Description: none", "Description: evil"))
    if how == "with another package":
        data = bytearray(pool.read_bytes())
        data[-1] ^= 1
        pool.write_bytes(data)
    # The host's own configuration lets everything pass.
    (trusted / "theirs.gpg").write_bytes((folder / "theirs.gpg").read_bytes())
    lax = tmp_path / "apt.conf"
    lax.write_text(
        f'Dir::Etc::TrustedParts "{trusted}/";\nAcquire::AllowInsecureRepositories "true";\n'
        'Acquire::AllowWeakRepositories "true";\nAPT::Get::AllowUnauthenticated "true";\n'
    )
    settings = {"APT_CONFIG": str(lax), "cache": str(tmp_path / "cache"), "archive": str(archive)}
    settings["keyring"] = str(folder / "ours.gpg")
    if "from before" in how:
        settings["before"] = "private amd64 apt-get -qq update -o Acquire::AllowInsecureRepositories=true"
    done = subprocess.run(
        ["bash", "-c", script, "bash", str(tree.root), str(got)],
        capture_output=True, text=True, check=False, timeout=60, env=os.environ | settings | {"LC_ALL": "C"},
    )
    assert (done.returncode == 0) == taken, done.stderr
    assert taken or done.returncode == 3 and "no made-up in any of: any" in done.stderr
    listed = list((tmp_path / "cache" / "apt" / "amd64" / "state" / "lists").glob("*_Packages*"))
    assert bool(listed) == (taken or how in ("unsigned, and among the lists from before", "with another package"))
    assert [path.name for path in got.glob("*.deb")] == ["made-up_1_all.deb"] * taken
