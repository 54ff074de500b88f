#!/usr/bin/env bash
# Holds tests/security/checks.txt against the tests. A comment directly above a test, or inside it,
#
#     /* Checks A5, A6. What else there is to say. */      # Checks C10.   (in a script)
#
# says that the test proves these checks. Prints every id of the list that no test names, every id
# that a test names and the list does not have, and every such comment that is elsewhere; then
# fails. With --list: each id with the tests that name it.
set -euo pipefail
cd "${EXPRESS_SOURCE_DIR:-$(dirname "${BASH_SOURCE[0]}")/../..}"

mapfile -t files < <(find tests -type f \( -name '*.c' -o -name '*.sh' -o -name '*.py' \) \
    ! -name security.sh | sort)

# A line for each comment: what kind it is (named, stray, malformed), ids, place.
awk '
    function tell(kind) { print kind "\t" ids "\t" place }
    FNR == 1 { waiting = 0 }
    waiting == 2 {
        tell($0 ~ /^(Parameterized)?Test[(]/ ? "named" : "stray")
        waiting = 0
    }
    waiting == 1 && /[*][\/]/ { waiting = 2; next }
    /^ *([\/]\*| \*|#) Checks [A-Z][0-9]/ {
        place = FILENAME ":" FNR
        ids = $0
        sub(/^[^C]* Checks /, "", ids)
        if (match(ids, /^[A-Z][0-9]+(, [A-Z][0-9]+)*[.:]/) == 0) {
            tell("malformed")
            next
        }
        ids = substr(ids, 1, RLENGTH - 1)
        if ($0 ~ /^#/ || $0 ~ /^    /)
            tell("named")
        else
            waiting = $0 ~ /[*][\/]/ ? 2 : 1
        next
    }
    /Checks [A-Z][0-9]+[,.:]/ { place = FILENAME ":" FNR; ids = "-"; tell("malformed") }
' "${files[@]}" |
    awk -F '\t' -v list="${1:-}" '
    FNR == NR {
        if (/^[A-Z][0-9]+ /) {
            split($0, words, / +/)
            known[words[1]] = 1
            order[++count] = words[1]
            absent[words[1]] = $0 ~ /^[A-Z][0-9]+ +not here: ./
        } else if (!/^(#.*)?$/) {
            print "tests/security/checks.txt:" FNR ": no check"
            faults++
        }
        next
    }
    $1 != "named" {
        why = "the comment is not directly above a test"
        if ($1 == "malformed")
            why = "the comment does not say \"Checks A1, A2.\""
        print $3 ": " why
        faults++
        next
    }
    {
        named = split($2, ids, ", ")
        for (i = 1; i <= named; i++) {
            if (!(ids[i] in known)) {
                print $3 ": " ids[i] " is no check of tests/security/checks.txt"
                faults++
            } else if (absent[ids[i]]) {
                print $3 ": " ids[i] " is not here, says tests/security/checks.txt"
                faults++
            }
            places[ids[i]] = places[ids[i]] " " $3
        }
    }
    END {
        for (i = 1; i <= count; i++) {
            id = order[i]
            if (list == "--list")
                print id (absent[id] ? " not here" : places[id])
            if (!absent[id] && !(id in places)) {
                print id ": no test names it"
                faults++
            }
        }
        printf "%d checks, %d faults\n", count, faults
        exit faults > 0
    }' tests/security/checks.txt -
