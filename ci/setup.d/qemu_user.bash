# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# qemu-user in two versions: CACHE/qemu-VERSION/bin/qemu-GUEST, statically linked. Sourced by ci/setup.

user_guests=(aarch64 arm riscv64 x86_64)

have_user() { [[ -e $cache/qemu-7.2/VERSION && -e $cache/qemu-10/VERSION ]]; }

get_user() {
    get_qemu_user 7.2 qemu-user-static bookworm
    # Since 9.2 the package qemu-user is the static one.
    get_qemu_user 10 qemu-user bookworm-backports trixie
}

# get_qemu_user VERSION PACKAGE SUITE…
get_qemu_user() {
    local version=$1 package=$2 whole=$cache/qemu-$1 work guest binary
    shift 2
    [[ ! -e $whole/VERSION ]] || return 0
    say "unpacking $package $version"
    work=$(mktemp -d "$cache/.unpack.XXXXXX")
    download "$work" "$(dpkg --print-architecture)" "$package" "$@"
    dpkg -x "$work"/*.deb "$work/tree"
    mkdir -p "$work/whole/bin"
    for guest in "${user_guests[@]}"; do
        binary=$work/tree/usr/bin/qemu-$guest
        [[ -e $binary ]] || binary+=-static
        mv "$binary" "$work/whole/bin/qemu-$guest"
        "$work/whole/bin/qemu-$guest" --version | grep -q "version ${version//./\\.}\." ||
            die "$package: qemu-$guest is not version $version"
    done
    dpkg-deb -W --showformat '${Package} ${Version}\n' "$work"/*.deb >"$work/whole/VERSION"
    chmod 755 "$work/whole"
    rm -rf "$whole"
    mv -T "$work/whole" "$whole"
    rm -rf "$work"
}
