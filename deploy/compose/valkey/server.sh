# Starts a Valkey as what it was when it ended; the first time, as the primary or as a replica of it.
#
# Its file is in /data: Sentinels have it written anew (CONFIG REWRITE) when somebody else becomes primary.
# The password is written there at each start, so that it can be changed, and stands in no command line.
set -eu
umask 077

file=/data/valkey.conf
password=$(cat /run/secrets/state_password)
if [ ! -s "$file" ]; then
  cp "${0%/*}/valkey.conf" "$file"
  [ "$ADDRESS" = "$FIRST" ] || echo "replicaof $FIRST 6379" >>"$file"
fi
{
  grep -v -e '^requirepass ' -e '^masterauth ' -e '^primaryauth ' -e '^replica-announce-ip ' "$file"
  echo "requirepass $password"
  echo "masterauth $password"
  echo "replica-announce-ip $ADDRESS"
} >"$file.new"
mv "$file.new" "$file"
exec valkey-server "$file"
