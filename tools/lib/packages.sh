# Debian packages, by purpose; only what is missing is installed.
# shellcheck shell=bash

# What shows that something is there, and the package that brings it. We look for the thing
# and not for the package: a machine may have node or libcurl from elsewhere.
packages_of() {
    case $1 in
    build)
        cat <<'ROWS'
command cc gcc
file /usr/include/stdio.h libc6-dev
command meson meson
command ninja ninja-build
command pkg-config pkg-config
command python3 python3
python yaml python3-yaml
library jansson libjansson-dev
library libbrotlienc libbrotli-dev
library libcrypto libssl-dev
library libcurl libcurl4-gnutls-dev
library libdeflate libdeflate-dev
library libjwt libjwt-dev
library libmicrohttpd libmicrohttpd-dev
library libpcre2-8 libpcre2-dev
library libpq libpq-dev
library libsodium libsodium-dev
library libulfius libulfius-dev
library libzstd libzstd-dev
ROWS
        ;;
    database)
        cat <<'ROWS'
postgresql 15 postgresql
ROWS
        ;;
    test)
        cat <<'ROWS'
library criterion libcriterion-dev
command curl curl
file /usr/share/json-schema-test-suite/tests/draft7 json-schema-test-suite
file /usr/share/perl5/auto/share/dist/Test-JSON-Schema-Acceptance libtest-json-schema-acceptance-perl
file /usr/lib/python3/dist-packages/icalendar python3-icalendar
ROWS
        ;;
    bench)
        cat <<'ROWS'
command curl curl
command ps procps
command psql postgresql-client
ROWS
        ;;
    style)
        cat <<'ROWS'
command clang-format clang-format
command shellcheck shellcheck
ROWS
        ;;
    compilers)
        cat <<'ROWS'
command clang clang
ROWS
        ;;
    contract)
        cat <<'ROWS'
command node nodejs
command npm npm
ROWS
        ;;
    esac
}

is_there() {
    case $1 in
    command) command -v "$2" >/dev/null ;;
    file) [ -e "$2" ] ;;
    library) pkg-config --exists "$2" 2>/dev/null ;;
    python) python3 -c "import $2" 2>/dev/null ;;
    postgresql) [ -n "$(postgresql_folder)" ] ;;
    esac
}

# The programs of the newest PostgreSQL, 15 or later; empty when there is none.
postgresql_folder() {
    local folder best=
    while IFS= read -r folder; do
        [ -x "$folder/initdb" ] && best=$folder
    done < <(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V |
        awk -F/ '$5 + 0 >= 15')
    printf '%s\n' "$best"
}

# packages_install PURPOSE... - install what is missing for these purposes
packages_install() {
    local purpose kind name package
    local -A missing=()
    for purpose in "$@"; do
        while read -r kind name package; do
            is_there "$kind" "$name" || missing[$package]=1
        done < <(packages_of "$purpose")
    done
    [ ${#missing[@]} -eq 0 ] && return

    local -a as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null ||
            fail "these packages are missing, and neither root nor sudo is here to install them:" \
                "${!missing[*]}"
        as_root=(sudo)
    fi
    command -v apt-get >/dev/null ||
        fail "these Debian packages are missing, and there is no apt-get here: ${!missing[*]}"
    say "installing ${!missing[*]}"
    # Without this, Debian's package would start a cluster of its own on port 5432.
    local settings=/etc/postgresql-common/createcluster.d/express-api.conf
    if [ -n "${missing[postgresql]:-}" ] && [ ! -d /etc/postgresql-common ]; then
        "${as_root[@]}" mkdir -p "${settings%/*}"
        echo 'create_main_cluster = false' | "${as_root[@]}" tee "$settings" >/dev/null
    else
        settings=
    fi
    local -a apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive
        apt-get -o DPkg::Lock::Timeout=600 -qq)
    # One after the other, where two copies start at once on a fresh machine.
    "${apt[@]}" update >&2 || say "the package lists could not be refreshed; trying with the old ones"
    "${apt[@]}" install -y --no-install-recommends "${!missing[@]}" >&2 </dev/null ||
        fail "apt-get could not install: ${!missing[*]}"
    [ -z "$settings" ] || "${as_root[@]}" rm -f "$settings"
}
