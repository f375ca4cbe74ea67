# Says whether the server of this container answers, by the name of its port. A replica counts as well.
set -eu
VALKEYCLI_AUTH=$(cat /run/secrets/state_password)
REDISCLI_AUTH=$VALKEYCLI_AUTH
export VALKEYCLI_AUTH REDISCLI_AUTH
[ "$(valkey-cli -h 127.0.0.1 -p "$1" ping)" = PONG ]
