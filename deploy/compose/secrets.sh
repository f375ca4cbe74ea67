#!/bin/sh
# Makes the secrets that compose.yml names, each only where there is none: `./secrets.sh [FOLDER]`.
#
# The folder is its owner's alone. The files in it can be read by anybody who is given one: Compose binds
# them into containers as they are, and each of those runs as a user of its own.
set -eu

folder=${1:-$(dirname "$0")/secrets}
umask 077
mkdir -p "$folder"

make() {
  name=$1
  shift
  if [ ! -s "$folder/$name" ]; then
    "$@" >"$folder/$name.new"
    chmod 0444 "$folder/$name.new"
    mv "$folder/$name.new" "$folder/$name"
  fi
}

for name in state_password postgres_password store_password store_owner_password grafana_password; do
  make "$name" openssl rand -hex 24
done
make pepper openssl rand -hex 32
make master_key openssl rand -base64 32
