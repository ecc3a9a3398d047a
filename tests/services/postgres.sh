#!/usr/bin/env bash
# Prints the directory that holds PostgreSQL's server programs. With --install, gets them first
# (Debian's package, as root) if they are missing.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

find_programs() {
  local dir
  for dir in "$(dirname "$(command -v initdb || echo /nowhere/initdb)")" \
    $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -rV) /usr/local/bin; do
    if [ -x "$dir/initdb" ] && [ -x "$dir/postgres" ]; then
      echo "$dir"
      return
    fi
  done
  return 1
}

find_programs && exit
[ "${1-}" = --install ] || die "initdb and postgres are not installed (make services installs them)"
apt_install postgresql
find_programs || die "the postgresql package has no initdb"
