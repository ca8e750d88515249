# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Libraries for the subjects of other architectures, as Debian builds them: CACHE/sysroot-ARCH/usr, unpacked, never
# installed. Debian 12 has no riscv64, Debian 13 has; what does not link with this host's compiler is left out by CMake.
# Sourced by ci/setup.

sysroots=(aarch64 arm32 riscv64)

have_sysroots() {
    local architecture
    for architecture in "${sysroots[@]}"; do [[ -e $cache/sysroot-$architecture/VERSION ]] || return 1; done
}

get_sysroots() {
    get_sysroot aarch64 arm64 bookworm libasmjit-dev libffi-dev libpcre2-dev libluajit-5.1-dev
    get_sysroot arm32 armhf bookworm libasmjit-dev libffi-dev libpcre2-dev libluajit-5.1-dev
    get_sysroot riscv64 riscv64 trixie libasmjit-dev libffi-dev libpcre2-dev
}

# get_sysroot ARCHITECTURE DEBIAN-ARCHITECTURE SUITE PACKAGE…
get_sysroot() {
    local whole=$cache/sysroot-$1 architecture=$2 suite=$3 work package
    [[ ! -e $whole/VERSION ]] || return 0
    shift 3
    say "unpacking $* for $architecture"
    work=$(mktemp -d "$cache/.unpack.XXXXXX")
    for package in "$@"; do
        download "$work" "$architecture" "$package" "$suite"
    done
    for package in "$work"/*.deb; do
        dpkg -x "$package" "$work/whole"
        dpkg-deb -W --showformat '${Package} ${Version}\n' "$package"
    done >"$work/VERSION"
    mv "$work/VERSION" "$work/whole/VERSION"
    chmod 755 "$work/whole"
    rm -rf "$whole"
    mv -T "$work/whole" "$whole"
    rm -rf "$work"
}
