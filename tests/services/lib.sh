# Shared by the scripts beside it, which source it.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${TIDEMILL_CACHE:-$HOME/.cache/tidemill}

# The last line a script writes to stderr is the reason that a skipped test reports.
die() {
  echo "$(basename "$0"): $*" >&2
  exit 1
}

need() {
  command -v "$1" >/dev/null || die "$1 is not installed"
}

# install_once NAME COMMAND...: unless $cache/NAME is there, runs COMMAND with an empty directory as
# its last argument and publishes that directory under the name. A half-made directory never bears
# the name, and of several runs at once one does the work while the others wait.
install_once() {
  local dest=$cache/$1
  shift
  [ -d "$dest" ] && return
  mkdir -p "$cache"
  (
    exec 9>"$dest.lock"
    flock 9
    [ -d "$dest" ] && exit
    tmp=$(mktemp -d "$dest.XXXXXX")
    trap 'rm -rf "$tmp"' EXIT
    "$@" "$tmp"
    chmod 755 "$tmp"
    mv -T "$tmp" "$dest"
  )
}
