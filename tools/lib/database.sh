# A PostgreSQL cluster of our own, reachable by a Unix socket only.
#
# database_start FOLDER MODE  exports DATABASE_URL; MODE is "lasting", "scratch" (no fsync) or
#                             "measured" (room for what tools/bench loads)
# database_stop               the one that was started
# database_remove             stop it and delete its folder
#
# The caller holds a lock on the folder: two never work in one.
#
# PostgreSQL refuses to run as root. So as root its processes run as the system user
# postgres, which Debian's package makes; as anybody else, as that user. Whoever they run
# as owns the socket's folder, which nobody else may enter (0700): that is why the socket
# needs no password. Root enters it all the same.
# shellcheck shell=bash

DATABASE_SOCKET_BYTES_MAX=107 # of sockaddr_un.sun_path

database_programs=
database_home=
database_socket=

as_database_user() {
    if [ "$(id -u)" -eq 0 ]; then
        # From /, because the user may not be allowed into the present folder.
        (cd / && exec runuser -u postgres -- "$@")
    else
        "$@"
    fi
}

# Makes a folder that only the cluster's user may enter. A folder of somebody else is refused:
# in /tmp anybody could have put it there.
database_make_folder() {
    local owner
    owner=$(as_database_user id -u)
    mkdir -p "$1"
    [ ! -L "$1" ] || fail "$1 is a symbolic link; remove it"
    if [ "$(id -u)" -eq 0 ] && [ "$(stat -c %u "$1")" = 0 ]; then
        chown postgres: "$1"
    fi
    [ "$(stat -c %u "$1")" = "$owner" ] || fail "$1 belongs to another user; remove it"
    chmod 0700 "$1"
}

# Where the cluster lives: FOLDER, unless the system user cannot get there, as in a clone under
# /root. Then FOLDER is a link to a place under /var/lib.
database_find_home() {
    local folder=$1
    if [ -L "$folder" ] && [ ! -e "$folder" ]; then
        rm -f "$folder" # to a place that is gone
    fi
    if [ ! -e "$folder" ] && [ "$(id -u)" -eq 0 ] &&
        ! as_database_user test -x "$(dirname "$folder")"; then
        mkdir -p /var/lib/express-api
        database_home=$(mktemp -d /var/lib/express-api/cluster-XXXXXX)
        ln -s "$database_home" "$folder"
        say "the user postgres cannot enter $(dirname "$folder"): the database lives in $database_home"
    fi
    database_home=$folder
    [ ! -L "$folder" ] || database_home=$(readlink "$folder")
    database_make_folder "$database_home"
}

# A socket's path is short by nature of the system: a long one moves to a short place.
database_find_socket() {
    local path=$database_home/socket/.s.PGSQL.5432 base=/tmp
    database_socket=$database_home/socket
    if [ ${#path} -gt $DATABASE_SOCKET_BYTES_MAX ]; then
        [ "$(id -u)" -eq 0 ] || base=${XDG_RUNTIME_DIR:-/tmp}
        database_socket=$base/express-$(printf '%s' "$database_home" | sha256sum | cut -c1-16)
    fi
    database_make_folder "$database_socket"
}

database_create() {
    say "making a database cluster in $database_home"
    rm -rf "$database_home/data"
    as_database_user "$database_programs/initdb" --pgdata="$database_home/data" --username=postgres \
        --encoding=UTF8 --locale=C.UTF-8 --auth=trust --no-instructions >/dev/null
    echo "include 'express.conf'" >>"$database_home/data/postgresql.conf"
}

# Written at each start, so that an older cluster gets today's settings.
database_configure() {
    cat >"$database_home/data/express.conf" <<CONF
# Written by tools/lib/database.sh at each start.
listen_addresses = ''
unix_socket_directories = '$(printf '%s' "$database_socket" | sed "s/'/''/g")'
unix_socket_permissions = 0700
port = 5432
max_connections = 100
shared_buffers = 256MB
work_mem = 16MB
maintenance_work_mem = 128MB
random_page_cost = 1.1
# Requests are short: compiling or spreading one costs more than it saves.
jit = off
max_parallel_workers_per_gather = 0
timezone = 'UTC'
log_timezone = 'UTC'
# Rows and values stay out of the log: they can be about people.
log_error_verbosity = terse
log_min_error_statement = panic
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
CONF
    case $1 in
    scratch)
        cat >>"$database_home/data/express.conf" <<'CONF'
# Thrown away after the tests.
fsync = off
synchronous_commit = off
full_page_writes = off
autovacuum = off
max_connections = 300
CONF
        ;;
    measured)
        cat >>"$database_home/data/express.conf" <<'CONF'
# Everything that is read stays in memory, and nothing runs beside the measurement.
shared_buffers = 1GB
max_wal_size = 4GB
checkpoint_timeout = 30min
autovacuum = off
track_activity_query_size = 64kB
CONF
        ;;
    esac
    if [ "$(id -u)" -eq 0 ]; then
        chown postgres: "$database_home/data/express.conf"
    fi
}

# The processes that work in the cluster's folder. The id in postmaster.pid proves nothing: after
# a crash another program may bear it.
database_processes() {
    local data
    [ -d "$database_home/data" ] || return 0
    data=$(readlink -f "$database_home/data")
    # A process that ends meanwhile makes find complain, and is none of ours.
    { find /proc -mindepth 2 -maxdepth 2 -name cwd -printf '%h\t%l\n' 2>/dev/null || true; } |
        DATA=$data awk -F '\t' '$2 == ENVIRON["DATA"] { sub("/proc/", "", $1); print $1 }'
}

database_is_running() {
    local pid processes
    pid=$(head -n 1 "$database_home/data/postmaster.pid" 2>/dev/null) || return 1
    processes=$(database_processes)
    grep -qx "$pid" <<<"$processes"
}

database_tell() {
    as_database_user "$database_programs/pg_ctl" --pgdata="$database_home/data" --silent --wait \
        -t 120 "$@"
}

# What a kill or a crash left behind. The caller holds the lock, so nothing but remains is here.
database_forget_dead() {
    local tries=0
    if database_is_running; then
        say "the database is still running since an unclean stop: stopping it first"
        database_tell --mode=fast stop >&2 || fail "the database in $database_home does not stop"
    fi
    # Its other processes end by themselves once they notice; nobody may touch the files before.
    while [ -n "$(database_processes)" ]; do
        [ $((tries += 1)) -le 300 ] ||
            fail "processes of an earlier database still work in $database_home:" \
                "$(database_processes | tr '\n' ' ')"
        sleep 0.1
    done
    rm -f "$database_home/data/postmaster.pid" "$database_socket"/.s.PGSQL.5432{,.lock}
}

database_check_version() {
    local version program
    version=$(cat "$database_home/data/PG_VERSION")
    program=/usr/lib/postgresql/$version/bin
    [ -x "$program/postgres" ] ||
        fail "the data in $database_home is of PostgreSQL $version, which is not installed:" \
            "install postgresql-$version"
    database_programs=$program
}

database_start() {
    database_programs=$(postgresql_folder)
    [ -n "$database_programs" ] || fail "no PostgreSQL 15 or later in /usr/lib/postgresql"
    database_find_home "$1"
    database_find_socket
    database_forget_dead
    # Without the mark an earlier try was interrupted: nobody has used that one yet.
    [ -e "$database_home/complete" ] || database_create
    database_check_version
    database_configure "$2"
    # Standard output is closed to it, which would hold a caller's pipe open: it has its log.
    database_tell --log="$database_home/log" start </dev/null >/dev/null 2>&1 || {
        tail -n 20 "$database_home/log" >&2
        fail "the database in $database_home did not start; its log ends above"
    }
    if [ ! -e "$database_home/complete" ]; then
        as_database_user "$database_programs/createdb" --host="$database_socket" \
            --username=postgres express >&2
        : >"$database_home/complete"
    fi
    DATABASE_URL="postgresql://postgres@/express?host=$(percent_encode "$database_socket")"
    export DATABASE_URL
}

database_stop() {
    [ -n "$database_home" ] || return 0
    if database_is_running; then
        database_tell --mode=fast stop >&2
    fi
    [ "$database_socket" = "$database_home/socket" ] || rm -rf "$database_socket"
    database_home=
}

database_remove() {
    local home=$database_home
    database_stop
    [ -z "$home" ] || rm -rf "$home"
}

percent_encode() {
    python3 -c 'import sys, urllib.parse; print(urllib.parse.quote(sys.argv[1], safe=""))' "$1"
}
