#!/usr/bin/env bash
# Makes a typed client from the contract, compiles client.ts against it, and runs that against API_URL.
set -euo pipefail
: "${API_URL:?}" "${EXPRESS_CONTRACT_JSON:?}"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tools=${CONTRACT_TOOLS_DIR:?run this with tools/test integration}/node_modules/.bin
folder=$(mktemp -d "$CONTRACT_TOOLS_DIR/client-XXXXXX") # below node_modules, where imports are found
trap 'rm -rf "$folder"' EXIT

cp "$here/client.ts" "$folder"
printf '{"type": "module"}\n' >"$folder/package.json"
cd "$folder"
"$tools/openapi-typescript" "$EXPRESS_CONTRACT_JSON" --output express.ts >&2
"$tools/tsc" --strict --target es2022 --module nodenext --moduleResolution nodenext \
    --lib es2022,dom --skipLibCheck client.ts >&2
node client.js
