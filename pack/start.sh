#!/bin/sh
# loopscope VERSION for PLATFORM: one file that unpacks itself once, into $LOOPSCOPE_HOME or ~/.cache/loopscope, and starts.
# Deno, the program with its kernels, page and models, and every package are in it; it needs no network.
set -eu
case ${LOOPSCOPE_HOME:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/loopscope} in
  /*) home=${LOOPSCOPE_HOME:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/loopscope}/DIGEST ;;
  *) echo "loopscope: LOOPSCOPE_HOME is ${LOOPSCOPE_HOME:-relative}; expected an absolute path" >&2; exit 2 ;;
esac
if [ ! -e "$home" ]; then
  mkdir -p "${home%/*}"
  part=$(mktemp -d "$home.XXXXXX")
  tail -n +LINE "$0" | tar -xzf - -C "$part" || { rm -rf "$part"; echo "loopscope: cannot unpack into $part" >&2; exit 1; }
  # Of two that start together one wins, and both have whole files.
  mv -T "$part" "$home" 2>/dev/null || rm -rf "$part"
fi
export DENO_DIR="$home/cache" DENO_NO_UPDATE_CHECK=1
app=$home/app
run() { "$home/deno" run -q --cached-only --config "$app/deno.json" "$@"; }
data=$(run --allow-env "$app/lib/schemas/name_data_folder.ts")
case $data in /*) ;; *) data=$PWD/${data#./} ;; esac
export LOOPSCOPE_DATA="$data"
case ${1:-} in
  keys | doctor | backup | restore) exec "$home/deno" run -q --cached-only --config "$app/deno.json" -A "$app/main.ts" "$@" ;;
  cli) shift; exec "$home/deno" run -q --cached-only --config "$app/deno.json" -A "$app/routes/cli/main.ts" "$@" ;;
esac
exec "$home/deno" run -q --cached-only --config "$app/deno.json" --allow-run="$home/deno",sh \
  --allow-read="$app","$data" --allow-write="$data" -P=server "$app/main.ts" "$@"
exit
