# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Bochs with its libraries, its firmware and a display that is a terminal: CACHE/bochs-2.7/emulators/bochs. Sourced by
# ci/setup.

have_bochs() { [[ -e $cache/bochs-2.7/VERSION ]]; }

get_bochs() {
    local whole=$cache/bochs-2.7 architecture work
    if have_bochs; then return 0; fi
    architecture=$(dpkg --print-architecture)
    update "$architecture"
    if ! private "$architecture" apt-cache show bochs/bookworm >/dev/null 2>&1; then
        say "Debian has no Bochs for $architecture"
        return 0
    fi
    say "unpacking Bochs 2.7 and its libraries"
    work=$(mktemp -d "$cache/.unpack.XXXXXX")
    unpack "$work" bookworm -- bochs bochs-term bochsbios vgabios
    mkdir "$work/whole/emulators"
    echo continue >"$work/whole/emulators/orders"
    write_bochs_launcher "$work/whole/emulators/bochs"
    "$work/whole/emulators/bochs" --help </dev/null 2>&1 | grep -q 'Bochs x86 Emulator 2\.7' || die "bochs is not version 2.7"
    appear "$work" "$whole"
}

# Finds its tree by its own place, asks nobody, and has its debugger continue at once.
write_bochs_launcher() {
    cat >"$1" <<'LAUNCHER'
#!/bin/sh
# Written by ci/setup.
root=$(dirname "$(dirname "$(readlink -f "$0")")")
export BXSHARE="$root/usr/share/bochs" TERM=dumb
libraries=
for folder in "$root"/usr/lib/*-linux-gnu*; do libraries=$libraries:$folder; done
for plugins in "$root"/usr/lib/*-linux-gnu*/bochs/plugins; do export LTDL_LIBRARY_PATH="$plugins"; done
for loader in "$root"/usr/lib64/ld-linux-*.so.2 "$root"/usr/lib/ld-linux-*.so.?; do
    [ -e "$loader" ] &&
        exec "$loader" --library-path "${libraries#:}" "$root/usr/bin/bochs-bin" -q -f /dev/null -rc "$root/emulators/orders" "$@"
done
echo "bochs: no loader in $root" >&2
exit 3
LAUNCHER
    chmod 755 "$1"
}
