# Starts a Sentinel with what it had written down before it ended. Without that it asks the others who is primary; pod 0
# is, where nobody says so. Where that was wrong, they tell it within seconds: their configuration is newer.
set -eu
. "${0%/*}/known.sh"

SILENT_S=4
QUORUM=2

umask 077
mkdir -p "${REMEMBERED%/*}"
kept=$(mktemp "$VALKEY_RUN/kept.XXXXXX")
[ ! -f "$REMEMBERED" ] ||
  grep -E '^sentinel (myid|current-epoch|config-epoch|leader-epoch|known-replica|known-sentinel) ' "$REMEMBERED" > "$kept" || true

primary=$(remembered | newest)
began=$(date +%s)
while [ -z "$primary" ] && [ "$(($(date +%s) - began))" -lt "$SILENT_S" ]; do
  primary=$(named_by_others | newest)
  [ -n "$primary" ] || sleep 0.5
done
[ -n "$primary" ] || primary="${VALKEY_PODS%% *}.$VALKEY_SERVICE"

{
  cat "${0%/*}/sentinel.conf"
  echo "dir $VALKEY_RUN"
  echo "aclfile $VALKEY_RUN/sentinel.acl"
  echo "sentinel announce-ip $SELF"
  echo "sentinel monitor $PRIMARY_NAME $primary 6379 $QUORUM"
  echo "sentinel auth-user $PRIMARY_NAME sentinel"
  printf 'sentinel auth-pass %s %s\n' "$PRIMARY_NAME" "$(quoted "$VALKEY_PASSWORD")"
  echo "sentinel sentinel-user sentinel"
  printf 'sentinel sentinel-pass %s\n' "$(quoted "$VALKEY_PASSWORD")"
  cat "$kept"
} > "$REMEMBERED.new"
rm "$kept"
mv "$REMEMBERED.new" "$REMEMBERED"

inner=$(passwords "$VALKEY_PASSWORD" "${VALKEY_PASSWORD_ALSO:-}")
gateway=$(passwords "$STATE_PASSWORD" "${STATE_PASSWORD_ALSO:-}")
{
  echo "user default off resetpass -@all"
  echo "user gateway on $gateway resetchannels &+switch-master -@all +@connection -@dangerous" \
    "+sentinel|get-master-addr-by-name +sentinel|master +subscribe +unsubscribe"
  echo "user sentinel on $inner ~* &* +@all"
} > "$VALKEY_RUN/sentinel.acl"

certificate > "$VALKEY_RUN/sentinel.certificate"
say "watches $primary"
exec valkey-server "$REMEMBERED" --sentinel
