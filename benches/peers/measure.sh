#!/usr/bin/env bash
# Measures everything and rewrites the tables of the book (docs/src/performance.md).
#
#   benches/peers/measure.sh PEERS [options of compare.py]
#
# PEERS   the folder of install.sh
# DATA    the folder with the original files of Cora (default ../shared/data/planetoid)
# ONLY    what to measure again: layers of plan.py, scaling, start (default all); the others keep their last results
#
# Needs a quiet machine: blocks that other processes disturb are repeated for a while, then taken.
set -euo pipefail
cd "$(dirname "$0")/../.."
peers=${1:?"usage: measure.sh PEERS"}
shift
results=target/peers
layers=$(cd benches/peers && python3 -c 'from plan import PLAN; print(*PLAN)')

cargo build --release --quiet -p candle-geometric -p candle-geometric-benches --bins \
  --features candle-geometric-benches/mimalloc
"$peers/pyg/bin/python" benches/peers/graphs.py "$results/graphs"

# measure NAME COMMAND… keeps the old results of a part until the new ones are there.
measure() {
  local name=$1
  shift
  echo "== $name" >&2
  "$@" >"$results/$name.tmp"
  mv "$results/$name.tmp" "$results/$name.jsonl"
}

for name in ${ONLY:-$layers scaling start}; do
  case $name in
    scaling) measure scaling target/release/scaling ;;
    start) measure start python3 benches/peers/predict.py "$peers" "${DATA:-../shared/data/planetoid}" ;;
    *) measure "$name" python3 benches/peers/compare.py "$peers" --layers "$name" "$@" ;;
  esac
done
python3 benches/peers/report.py --into docs/src/performance.md "$results"/*.jsonl
