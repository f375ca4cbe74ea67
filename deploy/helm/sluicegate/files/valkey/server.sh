# Starts Valkey: as the primary that Sentinels name, or as a replica of it.
#
# Two primaries that are written to would count twice. So a server begins as primary only when the newest of what
# Sentinels know names it: what its own has written down, and what that of at least one other pod says. Alone it waits: a
# primary that nobody follows may not write anyway (`min-replicas-to-write`). Nobody has to know more than the first
# time, when Sentinels begin with pod 0.
set -eu
. "${0%/*}/known.sh"

EVERYBODY_S=5
HANDED_OVER_S=60

umask 077

is_empty() {
  [ -z "$(find "$VALKEY_DATA" -name '*.aof' -size +0 2> /dev/null)" ]
}

others_have_data() {
  for each in $(others); do
    if ask_server "$each" INFO keyspace | grep -q keys=; then
      return 0
    fi
  done
  return 1
}

# Prints whom to follow; nothing: nobody.
decide() {
  began=$(date +%s)
  while :; do
    said=$(named_by_others)
    # `$(…)` has no last line's end; an empty one is no answer.
    answers=$(printf '%s' "$said" | grep -c . || true)
    all=$(others | grep -c .)
    primary=$( { remembered; printf '%s\n' "$said" | grep . || true; } | newest)
    waited=$(($(date +%s) - began))
    if [ -n "$primary" ] && [ "$primary" != "$SELF" ]; then
      echo "$primary"
      return
    fi
    if [ -z "$primary" ] && [ "$POD_NAME" != "${VALKEY_PODS%% *}" ]; then
      echo "${VALKEY_PODS%% *}.$VALKEY_SERVICE"
      return
    fi
    # It is us, as far as we have heard. Who knew better might be coming up, so all are given some time.
    if [ "$answers" -eq "$all" ] || { [ "$answers" -gt 0 ] && [ "$waited" -ge "$EVERYBODY_S" ]; }; then
      # An empty primary would empty its replicas. As long as we are silent, Sentinels choose one of those.
      if [ "$waited" -ge "$HANDED_OVER_S" ] || ! is_empty || ! others_have_data; then
        return
      fi
    fi
    sleep 0.5
  done
}

primary=$(decide)
{
  cat "${0%/*}/valkey.conf"
  echo "dir $VALKEY_DATA"
  echo "aclfile $VALKEY_RUN/server.acl"
  echo "replica-announce-ip $SELF"
  echo "masteruser replica"
  printf 'masterauth %s\n' "$(quoted "$VALKEY_PASSWORD")"
  [ -z "$primary" ] || echo "replicaof $primary 6379"
} > "$VALKEY_RUN/server.conf"

inner=$(passwords "$VALKEY_PASSWORD" "${VALKEY_PASSWORD_ALSO:-}")
gateway=$(passwords "$STATE_PASSWORD" "${STATE_PASSWORD_ALSO:-}")
# Sentinel's rights: https://valkey.io/topics/sentinel, "Access Control List authentication". A replica's: those of
# https://valkey.io/topics/acl, "ACL rules for Sentinel and Replicas". `@write` alone would allow FLUSHALL.
{
  # Off: nobody can be it. It may do everything all the same, because the append-only file is read as this user, and what
  # scripts have written would silently be left out (valkey-io/valkey#3983; Redis has it, too).
  echo "user default off resetpass ~* &* +@all"
  echo "user gateway on $gateway resetchannels -@all ~$VALKEY_NAMESPACE:*" \
    "+@connection +@scripting +@read +@write -@dangerous +time +info"
  echo "user replica on $inner resetchannels -@all +psync +replconf +ping"
  echo "user sentinel on $inner allchannels -@all +multi +slaveof +ping +exec +subscribe +config|rewrite" \
    "+role +publish +info +client|setname +client|kill +script|kill"
  echo "user operator on $inner ~* &* +@all"
} > "$VALKEY_RUN/server.acl"

certificate > "$VALKEY_RUN/server.certificate"
say "begins as ${primary:+a replica of }${primary:-the primary}"
exec valkey-server "$VALKEY_RUN/server.conf"
