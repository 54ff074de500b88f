# What the sanitizers found. Criterion passes over a leak that is reported when a test's
# process ends, so the reports themselves are read: they are files, and there must be none.
# shellcheck shell=bash

# sanitizers_report_to FOLDER - from now on every program writes its reports there
sanitizers_report_to() {
    rm -rf "$1"
    mkdir -p "$1"
    export ASAN_OPTIONS="log_path=$1/address:detect_leaks=1"
    export UBSAN_OPTIONS="log_path=$1/undefined:halt_on_error=1:print_stacktrace=1"
    export TSAN_OPTIONS="log_path=$1/thread:second_deadlock_stack=1"
}

# sanitizers_found FOLDER - true, with the reports on standard error, when there are any
sanitizers_found() {
    local report found=1
    for report in "$1"/*; do
        [ -e "$report" ] || continue
        found=0
        printf '%s\n' "--- $report" >&2
        head -n 60 "$report" >&2
    done
    return $found
}
