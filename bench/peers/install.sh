#!/bin/sh
# Installs the programs that `hoga bench --only peers` measures hoga beside, each into a virtualenv of its own.
#
#   bench/peers/install.sh [NAME…]          all of them, or some
#
# They go to $HOGA_BENCH_PEERS, or ~/.cache/hoga/peers. What cannot be installed here is told and left out.
set -u

where=${HOGA_BENCH_PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/hoga/peers}
python=${HOGA_PYTHON:-python3}

packages_of() {
    case $1 in
        websockets) echo "websockets uvloop" ;;
        aiohttp) echo "aiohttp uvloop" ;;
        python-binance) echo "python-binance" ;;
        ccxt) echo "ccxt" ;;
        unicorn) echo "unicorn-binance-websocket-api" ;;
        cryptofeed) echo "cryptofeed uvloop" ;;
        nautilus) echo "nautilus_trader" ;;
        hftbacktest) echo "hftbacktest" ;; # no peer on the wire: its validator reads what `hoga export` writes
        *) return 1 ;;
    esac
}

failed=0
for name in ${*:-websockets aiohttp python-binance ccxt unicorn cryptofeed nautilus}; do
    packages=$(packages_of "$name") || { echo "no peer $name" >&2; exit 2; }
    if [ -e "$where/$name/.ready" ]; then
        echo "$name: there already"
        continue
    fi
    mkdir -p "$where"
    rm -rf "${where:?}/$name"
    # shellcheck disable=SC2086 # a list of packages
    if "$python" -m venv "$where/$name" && "$where/$name/bin/pip" install --quiet --disable-pip-version-check $packages >"$where/$name.log" 2>&1; then
        touch "$where/$name/.ready"
        echo "$name: installed"
    else
        echo "$name: cannot be installed here (see $where/$name.log)" >&2
        failed=1
    fi
done
exit $failed
