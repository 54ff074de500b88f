#!/usr/bin/env bash
# The change that CONTRIBUTING.md shows, a line in the contract and a migration, is all that a new
# property needs: made on a copy of the sources, built, and used through HTTP.
set -euo pipefail
source_dir=${EXPRESS_SOURCE_DIR:?run this with tools/test integration}
: "${EXPRESS_TEST_DATABASE_URL:?run this with tools/test integration}"

copy=$(mktemp -d /tmp/express-new-property-XXXXXX)
database=new_property_$$
server=

# shellcheck disable=SC2317 # called by the trap
leave() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    [ -z "$server" ] || wait "$server" || true
    psql --quiet "$EXPRESS_TEST_DATABASE_URL" -c "drop database if exists $database with (force)"
    rm -rf "$copy"
}
trap leave EXIT

fail() {
    printf 'not as it should be: %s\n' "$1" >&2
    exit 1
}

# block FILE - the fenced text that CONTRIBUTING.md gives for a file
block() {
    awk -v marker="<!-- new-property: $1 -->" '
        $0 == marker { found = 1; next }
        found && /^```/ { if (inside) exit; inside = 1; next }
        inside { print }' "$source_dir/CONTRIBUTING.md"
}

migration=$(sed -n 's|^<!-- new-property: \(schema/migrations/.*\) -->$|\1|p' "$source_dir/CONTRIBUTING.md")
part=openapi/resources/practices.yaml
if [ -z "$migration" ] || [ -z "$(block "$part")" ] || [ -z "$(block "$migration")" ]; then
    fail 'CONTRIBUTING.md shows the line and the migration'
fi
[ "$(block "$part" | wc -l)" -eq 1 ] || fail 'the contract needs one line'

cp -r "$source_dir"/{meson.build,meson_options.txt,lib,api,openapi,schema,tools} "$copy"
block "$part" >"$copy/line"
sed -i "/^properties:/r $copy/line" "$copy/$part"
# Behind every migration that there is, whatever number the page shows.
block "$migration" >"$copy/schema/migrations/9999_new_property.sql"

meson setup "$copy/build" "$copy" -Dtests=false --buildtype=plain >"$copy/setup.log" 2>&1 ||
    { cat "$copy/setup.log"; fail 'the copy can be configured'; }
ninja -C "$copy/build" >"$copy/build.log" 2>&1 || { tail -40 "$copy/build.log"; fail 'the copy can be built'; }

psql --quiet "$EXPRESS_TEST_DATABASE_URL" -c "create database $database"
[[ $EXPRESS_TEST_DATABASE_URL =~ ^(postgres(ql)?://[^/]*/)[^?]*(.*)$ ]] ||
    fail 'EXPRESS_TEST_DATABASE_URL is a URI'
EXPRESS_DATABASE_URL=${BASH_REMATCH[1]}$database${BASH_REMATCH[3]}
export EXPRESS_DATABASE_URL EXPRESS_PORT=0 EXPRESS_RATE_LIMIT=0
export EXPRESS_SECRET=0123456789abcdef0123456789abcdef

"$copy/build/express-api" migrate
mkdir "$copy/records"
cat >"$copy/records/practices.json" <<'JSON'
[
  {"slug": "small", "title": "Small", "summary": "A small one.", "yearly_budget": 1000},
  {"slug": "large", "title": "Large", "summary": "A large one.", "yearly_budget": 90000},
  {"slug": "silent", "title": "Silent", "summary": "It does not say."}
]
JSON
"$copy/build/express-api" import "$copy/records"

# The program without the property does not serve from this database, and says why.
if "${EXPRESS_API_BINARY:?}" serve >"$copy/refused" 2>&1 </dev/null; then
    fail 'the program without the property refuses to serve'
fi
grep -q 'catalogue.practices.yearly_budget' "$copy/refused" ||
    fail "the refusal names the column: $(cat "$copy/refused")"

mkfifo "$copy/ready"
"$copy/build/express-api" serve >"$copy/ready" 2>"$copy/server.log" </dev/null &
server=$!
read -r _ _ url <"$copy/ready" || { cat "$copy/server.log"; fail 'the server starts'; }

# slugs QUERY - the slugs of the list, in order
slugs() {
    curl --silent --fail-with-body --globoff "$url/v1/practices?$1" |
        python3 -c 'import json, sys; print(*(record["slug"] for record in json.load(sys.stdin)["data"]))'
}

# is WHAT EXPECTED GOT
is() {
    [ "$2" = "$3" ] || fail "$1: '$3' instead of '$2'"
}

is 'it is read' 1000 "$(curl --silent "$url/v1/practices/small" |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["yearly_budget"])')"
is 'it filters by value' 'small' "$(slugs yearly_budget=1000)"
is 'it filters from a bound on' 'large' "$(slugs yearly_budget_min=1001)"
is 'it filters up to a bound' 'small' "$(slugs yearly_budget_max=1000)"
is 'it sorts up, unknown last' 'small large silent' "$(slugs sort=yearly_budget)"
is 'it sorts down, unknown last' 'large small silent' "$(slugs sort=-yearly_budget)"
is 'it is in the table of columns' 'yes' "$(curl --silent "$url/v1/practices?format=csv" | head -1 |
    grep -q '\byearly_budget\b' && echo yes)"
is 'it is in the contract' 'yes' "$(curl --silent "$url/openapi.json" |
    grep -q '"practices.yearly_budget_min"' && echo yes)"

kill "$server"
wait "$server" || fail 'the server stops by itself'
server=
echo 'a new property is a line and a migration'
