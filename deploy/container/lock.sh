#!/bin/sh
# Writes the versions and hashes of what goes into the image, as pyproject.toml allows them today. Needs uv.
set -eu
cd "$(dirname "$0")/../.."

lock() {
  uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header --no-annotate --upgrade "$@"
}

lock pyproject.toml --output-file deploy/container/requirements.txt
lock deploy/container/build.in --output-file deploy/container/build.txt
lock deploy/container/compile.in --constraint deploy/container/requirements.txt \
  --output-file deploy/container/compile.txt
