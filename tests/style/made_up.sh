#!/usr/bin/env bash
# Whoever is in tests, examples and founding data is made up: addresses of electronic mail end in what
# RFC 2606 and RFC 6761 keep for examples, and telephone numbers begin with +999, which is nobody's,
# or are of the range 555-0100 to 555-0199, which is kept for fiction. Checks itself first.
# Checks P16.
set -euo pipefail
cd "${EXPRESS_SOURCE_DIR:-$(dirname "${BASH_SOURCE[0]}")/../..}"

# strangers - of lines "place: text" those with an address or number that can be somebody's
strangers() {
    { grep -E '[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+' || true; } <<<"$1" |
        sed -E 's/[A-Za-z0-9._%+-]+@([A-Za-z0-9-]+\.)*-?(example(\.(com|net|org|invalid))?|invalid|test|localhost)\b//g' |
        { grep -E '[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+' || true; }
    { grep -E '\+[1-9][0-9]{0,2}[ ./()-]?[0-9][0-9 ./()-]{5,}[0-9]' || true; } <<<"$1" |
        { grep -vE '\+999|\+1[ .-]?[0-9]{3}[ .-]?555[ .-]?01[0-9]{2}' || true; }
}

planted="a: somebody@gmail.com
b: +32 470 12 34 56
c: somebody@mail.example.org, +999 12 34 56 78, +1 212 555 0123"
[ "$(strangers "$planted" | cut -c1 | sort | tr -d '\n')" = ab ] || {
    echo "this check does not see what it should"
    exit 1
}

texts=$(git ls-files -co --exclude-standard -- tests openapi schema docker README.md CONTRIBUTING.md |
    { grep -vE '^tests/(style/made_up\.sh|fuzz/corpus/)' || true; } | tr '\n' '\0' |
    xargs -0 grep -HnIE '@|\+[1-9]' || true)
found=$(strangers "$texts")
[ -z "$found" ] || {
    printf 'these could be somebody: use example.org, or +999 …\n%s\n' "$found"
    exit 1
}
