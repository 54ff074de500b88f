#!/usr/bin/env bash
# A PostgreSQL of a test's own, to be stopped and killed without disturbing other tests.
#
#   cluster.sh start FOLDER     makes it, the first time; prints its URL
#   cluster.sh stop FOLDER HOW  HOW is fast or immediate
#   cluster.sh remove FOLDER
set -euo pipefail

# shellcheck source=tools/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../tools/lib/common.sh"
# shellcheck source=tools/lib/packages.sh
. "$ROOT/tools/lib/packages.sh"
# shellcheck source=tools/lib/database.sh
. "$ROOT/tools/lib/database.sh"

folder=$2
case $1 in
start)
    database_start "$folder" scratch
    printf '%s\n' "$DATABASE_URL"
    ;;
stop | remove)
    database_programs=$(postgresql_folder)
    database_find_home "$folder"
    database_find_socket
    if database_is_running; then
        database_tell --mode="${3:-immediate}" stop >&2
    fi
    [ "$1" = stop ] || database_remove
    ;;
esac
