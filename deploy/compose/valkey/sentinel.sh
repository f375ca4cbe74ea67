# Starts a Sentinel with what it knew when it ended; the first time, with the first primary.
set -eu
umask 077

file=/data/sentinel.conf
password=$(cat /run/secrets/state_password)
if [ ! -s "$file" ]; then
  {
    echo "port 26379"
    echo "dir /tmp"
    echo "sentinel monitor main $FIRST 6379 2"
    # 5 s: shorter than a pause that a busy machine makes, and it fails over for nothing.
    echo "sentinel down-after-milliseconds main ${DOWN_AFTER_MS:-5000}"
    echo "sentinel failover-timeout main ${FAILOVER_TIMEOUT_MS:-15000}"
    echo "sentinel parallel-syncs main 1"
  } >"$file"
fi
{
  grep -v -e '^requirepass ' -e '^sentinel auth-pass ' -e '^sentinel sentinel-pass ' \
    -e '^sentinel announce-ip ' "$file"
  echo "requirepass $password"
  echo "sentinel auth-pass main $password"
  echo "sentinel sentinel-pass $password"
  echo "sentinel announce-ip $ADDRESS"
} >"$file.new"
mv "$file.new" "$file"
exec valkey-server "$file" --sentinel
