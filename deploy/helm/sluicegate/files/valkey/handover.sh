# Before the server ends: a primary lets a replica take its place, so that nobody has to notice that it is gone.
set -eu
. "${0%/*}/known.sh"

CAUGHT_UP_S=3
# A Sentinel that has just been started has not yet heard how the replicas are.
BEGUN_S=3
TAKEN_OVER_S=12
NEVER=1000

within() {
  limit=$(($(date +%s) + $1))
  shift
  until "$@"; do
    [ "$(date +%s)" -lt "$limit" ] || return 1
    sleep 0.2
  done
}

is_primary() {
  ask_server 127.0.0.1 ROLE | head -n 1 | grep -q -x master
}

has_all() {
  ask_server 127.0.0.1 INFO replication | tr -d '\r' | awk -F '[:,=]' '
    /^slave[0-9]+:/ { for (i = 2; i < NF; i++) if ($i == "offset" && $(i + 1) > best) best = $(i + 1) }
    /^master_repl_offset:/ { ours = $2 }
    END { exit !(best != "" && best + 0 >= ours + 0) }'
}

begins() {
  for each in $(others); do
    if [ "$(ask_sentinel "$each" SENTINEL FAILOVER "$PRIMARY_NAME")" = OK ]; then
      sentinel=$each
      return 0
    fi
  done
  return 1
}

is_taken_over() {
  now=$(ask_sentinel "$sentinel" SENTINEL GET-MASTER-ADDR-BY-NAME "$PRIMARY_NAME" | head -n 1)
  [ -n "$now" ] && [ "$now" != "$SELF" ] && ask_server "$now" ROLE | head -n 1 | grep -q -x master
}

is_primary || exit 0
before=$(ask_server 127.0.0.1 CONFIG GET min-replicas-to-write | tail -n 1)
# What is counted from here on would be lost. Who is refused asks Sentinels, and comes back to the new primary.
ask_server 127.0.0.1 CONFIG SET min-replicas-to-write "$NEVER" > /dev/null
if within "$CAUGHT_UP_S" has_all && within "$BEGUN_S" begins && within "$TAKEN_OVER_S" is_taken_over; then
  say "handed over to $now"
else
  ask_server 127.0.0.1 CONFIG SET min-replicas-to-write "$before" > /dev/null
  say "nobody took over"
fi
