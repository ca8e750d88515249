# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# qemu-system in two versions, each with all of its libraries and its loader, so that neither depends on what this
# host has installed: CACHE/qemu-system-VERSION/emulators/qemu-system-GUEST. And guests' kernels:
# CACHE/kernels/ARCHITECTURE/{vmlinuz,config}. Sourced by ci/setup.

system_guests=(aarch64 arm riscv64 x86_64)
# architecture of the suite, of Debian, and the metapackage of its kernel
kernels=(
    "x86_64 amd64 linux-image-cloud-amd64"
    "aarch64 arm64 linux-image-cloud-arm64"
    "arm32 armhf linux-image-armmp"
    "riscv64 riscv64 linux-image-riscv64"
)

have_system() {
    local kernel
    [[ -e $cache/qemu-system-7.2/VERSION && -e $cache/qemu-system-10/VERSION ]] || return 1
    for kernel in "${kernels[@]}"; do
        [[ -e $cache/kernels/${kernel%% *}/VERSION ]] || return 1
    done
}

get_system() {
    local kernel
    # RISC-V's emulator left qemu-system-misc for a package of its own after 7.2.
    get_qemu_system 7.2 bookworm -- qemu-system-x86 qemu-system-arm qemu-system-misc
    get_qemu_system 10 bookworm-backports trixie -- qemu-system-x86 qemu-system-arm qemu-system-riscv
    for kernel in "${kernels[@]}"; do
        # shellcheck disable=SC2086 # three words
        get_kernel $kernel
    done
}

# closure FOLDER ARCHITECTURE SUITE… -- PACKAGE… : downloads packages with all that they depend on, the C library
# too, from Debian 12 and the first of SUITE… that has them.
closure() {
    local folder=$1 architecture=$2 state=$cache/apt/$2 suite choices=()
    shift 2
    while [[ $1 != -- ]]; do choices+=("$1"); shift; done
    shift
    update "$architecture"
    for suite in "${choices[@]}"; do
        grep -E " (bookworm|$suite) main\$" "$state/sources.list" >"$folder/sources.list"
        if private "$architecture" apt-get -qq -y --no-install-recommends --download-only \
            -o Dir::Etc::sourcelist="$folder/sources.list" -o Dir::Cache::archives="$folder" \
            -o Debug::NoLocking=true -t "$suite" install "$@" >"$folder/log" 2>&1; then
            return 0
        fi
    done
    cat "$folder/log" >&2
    die "no $* in any of: ${choices[*]}"
}

# unpack WORK SUITE… -- PACKAGE… : packages with all that they depend on, in WORK/whole, their versions in WORK/versions
unpack() {
    local work=$1 deb folder
    shift
    mkdir "$work/partial" "$work/whole"
    closure "$work" "$(dpkg --print-architecture)" "$@"
    # Paths that a merged /usr has as links have to be links before the first package is unpacked over them.
    for folder in bin lib lib64 sbin; do
        mkdir -p "$work/whole/usr/$folder"
        ln -s "usr/$folder" "$work/whole/$folder"
    done
    for deb in "$work"/*.deb; do
        dpkg --fsys-tarfile "$deb" | tar -x -C "$work/whole" --keep-directory-symlink --exclude ./usr/share/doc
        dpkg-deb -W --showformat '${Package} ${Version}\n' "$deb" >>"$work/versions"
    done
}

# appear WORK WHOLE: what was unpacked becomes a folder of the cache
appear() {
    mv "$1/versions" "$1/whole/VERSION"
    chmod 755 "$1/whole"
    rm -rf "$2"
    mv -T "$1/whole" "$2"
    rm -rf "$1"
}

# get_qemu_system VERSION SUITE… -- PACKAGE…
get_qemu_system() {
    local version=$1 whole=$cache/qemu-system-$1 work guest
    shift
    [[ ! -e $whole/VERSION ]] || return 0
    say "unpacking qemu-system $version and its libraries"
    work=$(mktemp -d "$cache/.unpack.XXXXXX")
    unpack "$work" "$@"
    mkdir "$work/whole/emulators"
    for guest in "${system_guests[@]}"; do
        write_launcher "$work/whole/emulators/qemu-system-$guest" "qemu-system-$guest"
        "$work/whole/emulators/qemu-system-$guest" --version </dev/null | grep -q "version ${version//./\\.}\." ||
            die "qemu-system-$guest is not version $version"
    done
    appear "$work" "$whole"
}

# A launcher that finds its tree by its own place, so that the tree can be moved.
write_launcher() {
    cat >"$1" <<LAUNCHER
#!/bin/sh
# Written by ci/setup.
root=\$(dirname "\$(dirname "\$(readlink -f "\$0")")")
set -- -L "\$root/usr/share/qemu" -L "\$root/usr/share/seabios" -L "\$root/usr/lib/ipxe/qemu" "\$@"
libraries=
for folder in "\$root"/usr/lib/*-linux-gnu*; do libraries=\$libraries:\$folder:\$folder/pulseaudio; done
for modules in "\$root"/usr/lib/*-linux-gnu*/qemu; do export QEMU_MODULE_DIR="\$modules"; done
for loader in "\$root"/usr/lib64/ld-linux-*.so.2 "\$root"/usr/lib/ld-linux-*.so.?; do
    [ -e "\$loader" ] && exec "\$loader" --library-path "\${libraries#:}" "\$root/usr/bin/$2" "\$@"
done
echo "$2: no loader in \$root" >&2
exit 3
LAUNCHER
    chmod 755 "$1"
}

# get_kernel ARCHITECTURE DEBIAN METAPACKAGE
get_kernel() {
    local whole=$cache/kernels/$1 work image option
    [[ ! -e $whole/VERSION ]] || return 0
    say "unpacking the kernel for $1"
    work=$(mktemp -d "$cache/.unpack.XXXXXX")
    mkdir "$work/meta" "$work/image"
    download "$work/meta" "$2" "$3" trixie
    image=$(dpkg-deb -f "$work/meta"/*.deb Depends | sed -nE 's/^(.*, *)?(linux-image-[0-9][^ ,]*).*/\2/p')
    [[ -n $image ]] || die "$3 depends on no kernel"
    download "$work/image" "$2" "$image" trixie
    dpkg -x "$work/image"/*.deb "$work/tree"
    mkdir "$work/whole"
    mv "$work"/tree/boot/vmlinu?-* "$work/whole/vmlinuz"
    mv "$work"/tree/boot/config-* "$work/whole/config"
    # The suite is all that a guest's initramfs holds, so what carries its results has to be built in.
    for option in BLK_DEV_INITRD DEVTMPFS TMPFS VIRTIO_PCI VIRTIO_CONSOLE; do
        grep -qx "CONFIG_$option=y" "$work/whole/config" || die "$image: CONFIG_$option is not built in"
    done
    dpkg-deb -W --showformat '${Package} ${Version}\n' "$work/image"/*.deb >"$work/whole/VERSION"
    mkdir -p "$cache/kernels"
    chmod 755 "$work/whole"
    rm -rf "$whole"
    mv -T "$work/whole" "$whole"
    rm -rf "$work"
}
