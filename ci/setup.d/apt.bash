# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# A private apt: the mirror of the system's, other suites, its own lists. Sourced by ci/setup.

suites=(bookworm bookworm-updates bookworm-backports trixie)

# The mirror of Debian that the system's apt uses. Without lists apt does not know which suite an archive
# calls itself by, so the word of its configuration has to do; that is asked second because other archives
# may use the same words.
find_mirror() {
    local found
    found=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Component: main' 2>/dev/null)
    if [[ -z $found ]]; then
        found=$(apt-get indextargets --no-release-info --format '$(RELEASE) $(REPO_URI)' \
                    'Created-By: Packages' 'Component: main' 2>/dev/null |
                    sed -nE 's/^(bookworm|trixie|stable|oldstable|oldoldstable) //p')
    fi
    found=$(grep -v -- '-security/*$' <<<"$found" | head -n 1 || true)
    [[ -n $found ]] || die "apt knows no Debian mirror: 'apt-get indextargets' names none"
    printf '%s\n' "$found"
}

# private ARCHITECTURE COMMAND… : COMMAND is apt-get or apt-cache with its arguments
private() {
    local architecture=$1 command=$2 state=$cache/apt/$1
    shift 2
    "$command" -o Dir::State="$state/state" -o Dir::Cache="$state/cache" \
        -o Dir::State::status=/dev/null -o Dir::Etc::sourcelist="$state/sources.list" -o Dir::Etc::sourceparts=- \
        -o Dir::Etc::preferences=- -o Dir::Etc::preferencesparts=- \
        -o APT::Architecture="$architecture" -o APT::Architectures="$architecture" \
        -o APT::Sandbox::User=root -o APT::Get::AllowUnauthenticated=false -o Acquire::AllowInsecureRepositories=false \
        -o Acquire::Languages=none -o Acquire::Retries=3 "$@"
}

declare -A updated=()

# update ARCHITECTURE: at most once a call, since a list of last month names packages that the mirror has replaced
update() {
    local state=$cache/apt/$1 mirror suite
    [[ -z ${updated[$1]:-} ]] || return 0
    [[ -e $keyring ]] || die "no $keyring: the signatures of Debian's archive cannot be verified"
    mirror=$(find_mirror)
    mkdir -p "$state/state/lists/partial" "$state/cache/archives/partial"
    for suite in "${suites[@]}"; do
        printf 'deb [arch=%s signed-by=%s] %s %s main\n' "$1" "$keyring" "$mirror" "$suite"
    done >"$state/sources.list"
    # A suite that the mirror no longer carries is no reason to stop: what is missing is said where it is needed.
    private "$1" apt-get -qq update >&2 || say "apt-get update: not every suite could be read"
    updated[$1]=yes
}

# download FOLDER ARCHITECTURE PACKAGE SUITE… : from the first suite that has it
download() {
    local folder=$1 architecture=$2 package=$3 suite
    shift 3
    update "$architecture"
    for suite in "$@"; do
        if (cd "$folder" && private "$architecture" apt-get -qq download "$package/$suite") >&2 2>"$folder/log"; then
            rm -f "$folder/log"
            return 0
        fi
    done
    cat "$folder/log" >&2
    die "no $package in any of: $*"
}
