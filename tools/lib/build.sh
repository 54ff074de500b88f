# Configures and builds with meson.
# shellcheck shell=bash

# build_make FOLDER TARGET OPTION... - build TARGET ("all", "express-api") in FOLDER
#
# The options count for a new folder only; what somebody configured stays. A folder that was
# copied along with its repository would go on building the other one: it is made anew.
# One at a time in a folder, however many ask.
build_make() {
    local folder=$1 target=$2 output parts
    shift 2
    mkdir -p "$folder"
    exec 7>"$folder/lock"
    flock 7
    parts=$(cd "$ROOT" && find openapi schema/migrations -type f | sort)
    if [ ! -e "$folder/build.ninja" ] || [ "$(cat "$folder/source-root" 2>/dev/null)" != "$ROOT" ]; then
        local -a again=()
        [ ! -e "$folder/meson-private/coredata.dat" ] || again=(--wipe)
        say "setting up $folder"
        output=$(meson setup "${again[@]}" "$folder" "$ROOT" "$@" 2>&1 7>&- </dev/null) || {
            printf '%s\n' "$output" >&2
            fail "meson setup failed in $folder"
        }
        printf '%s\n' "$ROOT" >"$folder/source-root"
        printf '%s\n' "$parts" >"$folder/source-parts"
    fi
    # Parts and migrations are found when the folder is configured: a new one is seen here.
    if [ "$(cat "$folder/source-parts" 2>/dev/null)" != "$parts" ]; then
        meson setup --reconfigure "$folder" "$ROOT" >"$folder/build.log" 2>&1 7>&- </dev/null || {
            cat "$folder/build.log" >&2
            fail "meson setup failed in $folder"
        }
        printf '%s\n' "$parts" >"$folder/source-parts"
    fi
    ninja -C "$folder" --quiet "$target" >"$folder/build.log" 2>&1 7>&- </dev/null || {
        cat "$folder/build.log" >&2
        fail "the build failed in $folder"
    }
    exec 7>&-
}

# What meson looked for, instead of being told by name: a new one needs another look.
build_parts() {
    find "$ROOT/openapi" "$ROOT/schema/migrations" -name '*.yaml' -o -name '*.sql' | LC_ALL=C sort
}
