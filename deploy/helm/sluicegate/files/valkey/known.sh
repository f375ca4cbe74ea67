# What this pod and the others know of each other. Read by the other scripts here; POSIX sh.
#
# POD_NAME, VALKEY_PODS (all names), VALKEY_SERVICE, VALKEY_TLS (a folder, or empty), VALKEY_DATA, VALKEY_RUN are of
# the StatefulSet; VALKEY_PASSWORD is a secret: it stands in no command line.

PRIMARY_NAME=limits
ANSWER_S=2
SELF="$POD_NAME.$VALKEY_SERVICE"
REMEMBERED="$VALKEY_DATA/sentinel/sentinel.conf"
# Both names of one thing: of valkey-cli, and of the program that it comes from.
export VALKEYCLI_AUTH="$VALKEY_PASSWORD" REDISCLI_AUTH="$VALKEY_PASSWORD"

say() {
  echo "$POD_NAME: $*" >&2
}

# Asks as user $1 at $2:$3.
ask() {
  user=$1 host=$2 port=$3
  shift 3
  if [ -n "$VALKEY_TLS" ]; then
    set -- --tls --cacert "$VALKEY_TLS/ca.crt" "$@"
  fi
  timeout "$ANSWER_S" valkey-cli --no-auth-warning --user "$user" -h "$host" -p "$port" "$@" 2>&1
}

ask_server() {
  host=$1
  shift
  ask operator "$host" 6379 "$@"
}

ask_sentinel() {
  host=$1
  shift
  ask sentinel "$host" 26379 "$@"
}

others() {
  for pod in $VALKEY_PODS; do
    [ "$pod" = "$POD_NAME" ] || echo "$pod.$VALKEY_SERVICE"
  done
}

# "EPOCH HOST": the primary that the Sentinel at $1 names, and since which configuration. Nothing: no answer.
named_by() {
  ask_sentinel "$1" SENTINEL MASTER "$PRIMARY_NAME" | awk '
    NR % 2 { field = $0; next }
    field == "ip" { host = $0 }
    field == "config-epoch" { epoch = $0 }
    END { if (host != "" && epoch != "") print epoch, host }'
}

# The same, as the Sentinel of this pod last wrote it down.
remembered() {
  [ -f "$REMEMBERED" ] || return 0
  awk -v name="$PRIMARY_NAME" '
    $1 == "sentinel" && $2 == "monitor" && $3 == name { host = $4 }
    $1 == "sentinel" && $2 == "config-epoch" && $3 == name { epoch = $4 }
    END { if (host != "") print epoch + 0, host }' "$REMEMBERED"
}

named_by_others() {
  for each in $(others); do
    named_by "$each"
  done
}

# Of lines "EPOCH HOST", the host of the newest.
newest() {
  sort -n | tail -n 1 | cut -d ' ' -f 2
}

# A password as ACL files take it: what does not tell it.
hash_of() {
  printf %s "$1" | sha256sum | cut -d ' ' -f 1
}

# Who shows $1, or else $2 where there is a second one (while one is being changed), may come in.
passwords() {
  printf '#%s' "$(hash_of "$1")"
  [ -z "$2" ] || printf ' #%s' "$(hash_of "$2")"
}

# As a value in a configuration file.
quoted() {
  printf '"%s"' "$(printf %s "$1" | sed 's/[\\"]/\\&/g')"
}

certificate() {
  [ -z "$VALKEY_TLS" ] || sha256sum < "$VALKEY_TLS/tls.crt"
}
