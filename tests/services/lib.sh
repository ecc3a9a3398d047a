# Shared by the scripts beside it, which source it.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${TIDEMILL_CACHE:-$HOME/.cache/tidemill}

# The last line a script writes to stderr is the reason that a skipped test reports.
die() {
  echo "$(basename "$0"): $*" >&2
  exit 1
}

# need COMMAND [PACKAGE]: where services are required, a missing command is installed as a Debian package.
need() {
  command -v "$1" >/dev/null && return
  [ "${TIDEMILL_REQUIRE_SERVICES-}" = 1 ] && [ $# = 2 ] || die "$1 is not installed"
  apt_install "$2"
  command -v "$1" >/dev/null || die "the package $2 has no $1"
}

apt_install() {
  [ "$(id -u)" = 0 ] || die "only root may install Debian's $1 package"
  command -v apt-get >/dev/null || die "apt-get is not installed"
  { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$1"; } >&2 ||
    die "apt-get could not install $1"
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
