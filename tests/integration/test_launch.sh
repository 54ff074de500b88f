#!/usr/bin/env bash
# The launch contract of tools/serve: first start, second start, signals, two side by side,
# a folder that is taken, a database left behind by a crash.
set -euo pipefail

root=${EXPRESS_SOURCE_DIR:?run this with tools/test integration}
build=${EXPRESS_TEST_BUILD_DIR:?run this with tools/test integration}
for name in "${!EXPRESS_@}"; do
    unset "$name"
done
# The program is built already; tools/serve finds nothing to do there.
export EXPRESS_BUILD_DIR=$build EXPRESS_PORT=0 EXPRESS_ADMIN_PORT=0

folder=$(mktemp -d /tmp/express-launch-XXXXXX)
chmod 0711 "$folder" # the database's own user passes through
running=()

leave() {
    local code=$? pid
    for pid in "${running[@]}"; do
        if kill -TERM "$pid" 2>/dev/null; then
            wait "$pid" || true
        fi
    done
    [ "$code" -eq 0 ] || tail -n 40 "$folder"/*.err
    rm -rf "$folder"
    exit "$code"
}
trap leave EXIT

broken() {
    echo "FAILED: $*"
    exit 1
}

# start NAME - tools/serve on the folder NAME, until it is ready; sets url and pid
start() {
    : >"$folder/$1.out"
    # A script's background jobs ignore SIGINT, unless told otherwise.
    EXPRESS_DATA_DIR="$folder/$1" env --default-signal=INT "$root/tools/serve" \
        >"$folder/$1.out" 2>"$folder/$1.err" &
    pid=$!
    running+=("$pid")
    # The line ends the wait; so does the end of the program.
    timeout 300 tail --pid="$pid" -n +1 -f "$folder/$1.out" 2>/dev/null | grep -q -m 1 . || true
    url=$(sed -n 's/^express-api ready //p' "$folder/$1.out")
    [ -n "$url" ] || broken "$1 did not become ready"
    [ "$(wc -l <"$folder/$1.out")" -eq 1 ] || broken "$1 wrote more than one line"
}

# stop PID SIGNAL - and expect exit code 0
stop() {
    local code=0
    kill "-$2" "$1"
    wait "$1" || code=$?
    [ "$code" -eq 0 ] || broken "exit code $code after SIG$2"
}

count_practices() {
    curl -fsS "$1/v1/practices?count=exact&limit=1" |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["page"]["total"])'
}

id_of_first() {
    curl -fsS "$1/v1/practices?limit=1" |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["data"][0]["id"])'
}

start first
first=$pid first_url=$url
[ "$(count_practices "$url")" -gt 0 ] || broken 'the first start loads the founding catalogue'
first_id=$(id_of_first "$url")
[ "$(stat -c %a "$folder/first/secret")" = 600 ] || broken 'the secret is for its owner only'
secret=$(cat "$folder/first/secret")
echo 'ok: a first start loads the catalogue and says where it is'

[ "$(stat -c %a "$folder/first/environment")" = 600 ] || broken 'the environment is for its owner only'
EXPRESS_DATA_DIR="$folder/first" "$build/express-api" check >"$folder/check.out" 2>&1 ||
    broken "a second shell works on the same database: $(cat "$folder/check.out")"
grep -q '^EXPRESS_SECRET=(set) (file)$' "$folder/check.out" || broken 'and with the same secret'
token=$(EXPRESS_DATA_DIR="$folder/first" "$build/express-api" token --role admin 2>"$folder/token.err") ||
    broken "a second shell makes a token: $(cat "$folder/token.err")"
curl -fsS -o /dev/null -H "Authorization: Bearer $token" "$url/v1/audit" ||
    broken 'the server takes a token from a second shell'
[ "$(curl -sS -o /dev/null -w '%{http_code}' "$url/v1/audit")" = 401 ] ||
    broken 'what is not public asks for a token'
echo 'ok: a command in a second shell works on what tools/serve works on'

code=0
EXPRESS_DATA_DIR="$folder/first" "$root/tools/serve" >"$folder/taken.out" 2>"$folder/taken.err" || code=$?
[ "$code" -ne 0 ] || broken 'a second server on one folder is refused'
grep -q 'another tools/serve is running' "$folder/taken.err" || broken 'the refusal says why'
echo 'ok: a folder that is taken is refused with a sentence'

EXPRESS_CATALOGUE=0 start second
[ "$(count_practices "$url")" -eq 0 ] || broken 'EXPRESS_CATALOGUE=0 leaves the catalogue out'
[ "$(count_practices "$first_url")" -gt 0 ] || broken 'the first one is not disturbed'
stop "$pid" INT
echo 'ok: two run side by side, and SIGINT ends one'

stop "$first" TERM
[ ! -e "$folder/first/postgres/data/postmaster.pid" ] || broken 'the database is stopped, too'
[ ! -e "$folder/first/environment" ] || broken 'nothing is left to mistake for a running server'
echo 'ok: SIGTERM stops server and database'

start first
[ "$(id_of_first "$url")" = "$first_id" ] || broken 'a second start keeps the records'
[ "$(cat "$folder/first/secret")" = "$secret" ] || broken 'a second start keeps the secret'
echo 'ok: a second start reloads nothing'

# A crash of everything: nothing is told to stop, and the database stays behind.
kill -KILL "$pid"
wait "$pid" 2>/dev/null || true
while curl -fsS -o /dev/null "$url/" 2>/dev/null; do sleep 0.1; done
start first
[ "$(id_of_first "$url")" = "$first_id" ] || broken 'the records survive a crash'
kill -KILL "$(head -n 1 "$folder/first/postgres/data/postmaster.pid")"
stop "$pid" TERM
start first
[ "$(id_of_first "$url")" = "$first_id" ] || broken 'the records survive the death of the database'
stop "$pid" TERM
running=()
echo 'ok: a crash leaves nothing that hinders the next start'
