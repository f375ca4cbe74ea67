# How a container is: `probe.sh server|sentinel live|ready`, exit status 0 where it is well.
#
# Alive is who answers anything: a replica without a primary, and a server that loads its file, are not to be restarted.
# Ready is who can be relied on before the next pod is replaced: a primary, or a replica that follows one.
set -eu
. "${0%/*}/known.sh"

# A certificate that has been renewed: the server reads it, a Sentinel cannot and is to be restarted.
is_current() {
  [ "$(certificate)" = "$(cat "$VALKEY_RUN/$1.certificate")" ]
}

case "$1 $2" in
  "server live")
    answer=$(ask_server 127.0.0.1 PING)
    case "$answer" in
      PONG | LOADING* | MASTERDOWN* | BUSY* | NOAUTH* | WRONGPASS*) ;;
      *) echo "$answer" && exit 1 ;;
    esac
    if ! is_current server; then
      now=$(certificate)
      ask_server 127.0.0.1 CONFIG SET tls-cert-file "$VALKEY_TLS/tls.crt" tls-key-file "$VALKEY_TLS/tls.key" \
        tls-ca-cert-file "$VALKEY_TLS/ca.crt" | grep -q -x OK && echo "$now" > "$VALKEY_RUN/server.certificate"
    fi
    ;;
  "server ready")
    ask_server 127.0.0.1 ROLE | awk '
      NR == 1 { role = $0 }
      NR == 4 { link = $0 }
      END { exit !(role == "master" || role == "slave" && link == "connected") }'
    ;;
  "sentinel live")
    is_current sentinel || { echo "the certificate was renewed" && exit 1; }
    ask_sentinel 127.0.0.1 PING | grep -q -x PONG
    ;;
  "sentinel ready")
    # It hears of replicas from the primary every ten seconds. Were that replaced before, nobody could take its place.
    ask_sentinel 127.0.0.1 SENTINEL MASTER "$PRIMARY_NAME" | awk '
      NR % 2 { field = $0; next }
      field == "num-slaves" { replicas = $0 + 0 }
      field == "num-other-sentinels" { sentinels = $0 + 0 }
      END { exit !(replicas > 0 && sentinels > 0) }'
    ;;
  *)
    echo "expected server or sentinel, live or ready" && exit 2
    ;;
esac
