#!/usr/bin/env bash
# The harness itself: a leak, an overflow, undefined behaviour and a race in a test each
# turn the run red. Criterion alone would pass a leak and a race.
#
# Checks C10, T1. The server itself runs under ThreadSanitizer in tools/test thread.
set -euo pipefail

root=${EXPRESS_SOURCE_DIR:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
# shellcheck source=tools/lib/sanitizers.sh
. "$root/tools/lib/sanitizers.sh"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

read -ra flags < <(pkg-config --cflags --libs criterion)
compile() {
    "${CC:-cc}" -std=c17 -D_POSIX_C_SOURCE=200809L -g -O1 "-fsanitize=$1" \
        "$root/tests/style/$2.c" -o "$folder/$2" "${flags[@]}"
}
compile address,undefined planted_faults
compile thread planted_race

# expect_red TEXT PROGRAM ARGUMENT... - the program fails, or else a report is found, that says TEXT.
# gcc's UndefinedBehaviorSanitizer writes to standard error only, but ends the program.
expect_red() {
    local text=$1 code=0 red=0
    shift
    sanitizers_report_to "$folder/reports"
    "$@" >"$folder/said" 2>&1 || code=$?
    sanitizers_found "$folder/reports" 2>>"$folder/said" || red=$?
    if [ "$code" -eq 0 ] && [ "$red" -ne 0 ]; then
        echo "a planted fault went unnoticed: $*"
        exit 1
    fi
    grep -qE "$text" "$folder/said" || {
        echo "what was noticed of $* does not say $text:"
        cat "$folder/said"
        exit 1
    }
    echo "noticed: $text"
}
faults=$folder/planted_faults
expect_red 'detected memory leaks' "$faults" --filter planted/a_leak
expect_red 'heap-buffer-overflow|insufficient space' "$faults" --filter planted/an_overflow
expect_red 'signed integer overflow' "$faults" --filter planted/undefined_behaviour
# ThreadSanitizer cannot place its shadow where the system scatters addresses too widely.
expect_red 'data race' setarch --addr-no-randomize "$folder/planted_race"

sanitizers_report_to "$folder/reports"
! sanitizers_found "$folder/reports" || {
    echo "an empty folder counts as a report"
    exit 1
}
