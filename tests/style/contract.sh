#!/usr/bin/env bash
# contract.sh EXPRESS.json EXPRESS.yaml - the bundled contract, as the tools of partners read it.
set -uo pipefail
json=$(realpath "$1") yaml=$(realpath "$2")
# Some linters look for their settings and plugins around the present folder.
cd "${EXPRESS_SOURCE_DIR:?run this with tools/test contract}/tools/npm" || exit 1

tools=${CONTRACT_TOOLS_DIR:?run this with tools/test contract}/node_modules/.bin
folder=$(mktemp -d "$CONTRACT_TOOLS_DIR/work-XXXXXX") # below node_modules, where tsc finds its own types
trap 'rm -rf "$folder"' EXIT
export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true CI=true NO_COLOR=1
number=0
failures=0

# check SENTENCE COMMAND... - TAP, with what the command said when it failed
check() {
    local sentence=$1
    shift
    number=$((number + 1))
    if "$@" >"$folder/said" 2>&1 </dev/null; then
        echo "ok $number - $sentence"
    else
        echo "not ok $number - $sentence"
        head -n 200 "$folder/said" | sed 's/^/# /'
        failures=$((failures + 1))
    fi
}

same_document() {
    python3 - "$json" "$yaml" <<'PYTHON'
import json, sys, yaml
if json.load(open(sys.argv[1])) != yaml.load(open(sys.argv[2]), yaml.CSafeLoader):
    sys.exit("express.json and express.yaml differ")
PYTHON
}

typed_client() {
    "$tools/openapi-typescript" "$json" --output "$folder/express.ts" || return 1
    # The types of every operation are looked through: tsc meets each of them.
    cat >"$folder/client.ts" <<'TYPESCRIPT'
import type { operations, paths } from "./express.js";

type Answer<Name extends keyof operations> = operations[Name]["responses"];
export type Answers = { [Name in keyof operations]: Answer<Name> };
export const known: (keyof paths)[] = ["/v1/practices", "/v1/search"];
TYPESCRIPT
    "$tools/tsc" --strict --noEmit --skipLibCheck false --target es2022 --module nodenext \
        --moduleResolution nodenext "$folder/client.ts"
}

echo 1..4
check 'JSON and YAML are one document' same_document
check 'Redocly finds nothing to complain of' "$tools/redocly" lint --config redocly.yaml \
    --max-problems 500 "$yaml"
check 'Spectral finds nothing to complain of' "$tools/spectral" lint --ruleset spectral.yaml \
    --fail-severity warn "$yaml"
check 'a typed client is generated, and compiles' typed_client
[ "$failures" -eq 0 ]
