#!/usr/bin/env bash
# What the house style forbids, as far as a search can find it. Prints every place, then fails.
set -uo pipefail
shopt -s lastpipe # refuse() counts in this shell, at the end of a pipe
export LC_ALL=C.UTF-8 # a column is a character
cd "${EXPRESS_SOURCE_DIR:-$(dirname "${BASH_SOURCE[0]}")/../..}" || exit 1

faults=0

# Sources in the folders given; nothing for a folder that is not there.
sources() {
    find "$@" -type f -name '*.[ch]' 2>/dev/null | sort
}

# refuse WHY - fails when there is something on standard input
refuse() {
    local places
    places=$(cat)
    [ -z "$places" ] && return
    printf '%s:\n%s\n\n' "$1" "$places"
    faults=$((faults + 1))
}

# search PATTERN FILE... - lines of code that match; a comment may name what it warns of
search() {
    local pattern=$1
    shift
    [ $# -gt 0 ] || return 0
    grep -nHP "$pattern" "$@" | grep -vP '^[^:]+:\d+:\s*(/?\*|//)' || true
}

mapfile -t all < <(sources lib api tests)
mapfile -t lib < <(sources lib)
mapfile -t served < <(sources lib api)
mapfile -t texts < <(find lib api tests tools openapi schema/migrations docker .ci -type f \
    \( -name '*.[ch]' -o -name '*.sh' -o -name '*.py' -o -name '*.sql' -o -name 'meson.build' \
    -o -name '*.yaml' -o -name '*.yml' -o -path 'tools/test' -o -path 'tools/serve' \
    -o -path 'tools/bench' -o -path '.ci/run' \) | sort)

search '\b(v?sprintf|strn?cpy|strn?cat|strtok(_r)?|ato[ifl]|atoll|[fs]?scanf|gets|alloca)\s*\(' "${all[@]}" |
    refuse 'Unsafe functions: text_… and num_… stand in their place'
search '\b_?exit\s*\(|\babort\s*\(' "${lib[@]}" |
    refuse 'lib/ never ends the process: it returns a fault'
search '\bgoto\b' "${all[@]}" | grep -v '^api/main\.c:' |
    refuse 'goto serves the one exit of main() only'
search '\bjwt_decode\s*\(' "${all[@]}" | grep -v '^lib/auth/token\.c:' |
    refuse 'jwt_decode() is called by the guard alone: token_verify()'
search '\b(setenv|putenv|setlocale|strerror_l|getenv)\s*\(' "${lib[@]}" |
    refuse 'lib/ does not touch the environment of the process'

search '#\s*include\s*<(ulfius|orcania|yder|microhttpd)\.h>' "${served[@]}" |
    grep -v '^api/server\.c:' | refuse '<ulfius.h> belongs to api/server.c alone'
search '#\s*include\s*<libpq' "${all[@]}" | grep -vE '^(lib/db|tests/support)/' |
    refuse '<libpq-fe.h> belongs to lib/db alone'
search '#\s*include\s*<jwt\.h>' "${all[@]}" | grep -v '^lib/auth/' |
    refuse '<jwt.h> belongs to lib/auth alone'
search '#\s*include\s*<(openssl/.*|curl/.*)>' "${served[@]}" | grep -v '^lib/auth/' |
    refuse '<openssl/…> and <curl/…> belong to lib/auth alone'

# Includes point down. layer FOLDER ALLOWED: what a folder may include of ours, as a pattern.
layer() {
    local -a files
    mapfile -t files < <(sources "lib/$1")
    search "#\s*include\s*\"(?!($2)/)" ${files[0]+"${files[@]}"} |
        refuse "lib/$1 includes only $2"
}
layer base 'base'
layer contract 'contract|base'
layer db 'db|base'
layer audit 'audit|base|db'
layer auth 'auth|audit|db|base'
layer housekeeping 'housekeeping|mentoring|audit|auth|db|base'
layer record 'record|audit|auth|contract|db|base' # auth: on whose behalf is written
layer mentoring 'mentoring|audit|auth|contract|db|base'
layer format 'format|record|contract|db|base'
layer assessment 'assessment|format|base'
layer coverage 'coverage|format|db|base'
search '#\s*include\s*"(\.\./|api/|lib/)' "${all[@]}" |
    refuse 'Paths of includes start at lib/, api/ or tests/'

for file in "${served[@]}"; do
    case $file in
    *.h) [ "$(head -n 1 "$file")" = '#pragma once' ] || echo "$file" ;;
    esac
done | refuse 'A header starts with #pragma once'

# gcc's own <limits.h> would find ours on its way to the system's.
for file in api/*.h tests/*.h lib/*.h; do
    [ ! -e "/usr/include/${file#*/}" ] || echo "$file"
done | refuse 'A header with the name of a system header'

grep -nHP '^.{101,}$' "${all[@]}" | cut -c1-160 | refuse 'Lines over 100 columns'
grep -nHP '\t' "${texts[@]}" | refuse 'Tabs'
grep -nHP '[ \t]+$' "${texts[@]}" | refuse 'Spaces at the end of a line'
grep -nHP '\b(TO''DO|FIX''ME|XX''X|HA''CK)\b' "${texts[@]}" | refuse 'Unfinished work'
for file in "${texts[@]}"; do
    [ -s "$file" ] && [ -n "$(tail -c 1 "$file")" ] && echo "$file"
done | refuse 'No newline at the end'

# Meson lists its sources by name, so that a build is never a matter of what lies around.
for folder in lib api; do
    for file in $(sources $folder | grep '\.c$'); do
        grep -qF "'${file#"$folder"/}'" "$folder/meson.build" || [ "$file" = api/main.c ] || echo "$file"
    done
done | refuse 'Not in the meson.build of its folder'
for file in tests/unit/test_*.c tests/integration/test_*.c tests/fuzz/fuzz_*.c; do
    [ -e "$file" ] || continue
    name=$(basename "$file" .c)
    grep -qF "'${name#*_}'" tests/meson.build || echo "$file"
done | refuse 'Not in tests/meson.build'
for target in tests/fuzz/fuzz_*.c; do
    [ -e "$target" ] || continue
    name=$(basename "$target" .c)
    [ -n "$(find "tests/fuzz/corpus/${name#fuzz_}" -type f 2>/dev/null | head -n 1)" ] || echo "$target"
done | refuse 'A fuzz target without a corpus'
for file in tests/unit/test_*.c; do
    [ -e "$file" ] || continue
    grep -q 'test_ends_without_leaks' "$file" || echo "$file"
done | refuse 'A suite without .fini = test_ends_without_leaks'

clang-format --dry-run -Werror "${all[@]}" 2>&1 | grep -E 'error:|warning:' |
    refuse 'clang-format would write it otherwise'
mapfile -t scripts < <(grep -rlE '^#!.*\b(ba)?sh\b' tools tests .ci docker 2>/dev/null | sort)
shellcheck --external-sources "${scripts[@]}" 2>&1 | refuse 'shellcheck'

printf '%d kinds of fault\n' "$faults"
[ "$faults" -eq 0 ]
