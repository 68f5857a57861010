#!/usr/bin/env bash
# Everything that wants a GPU: whether the kernels are right, and how fast they are.
#
#   benches/gpu/run.sh [--programs DIR] [--out DIR] [--cases DIR] [--python PYTHON] [--quick] [--cpu]
#
# --programs  a folder with gpu, candle-geometric and on_gpu, built elsewhere (--build makes it): no Rust is needed, and no network
# --build     only builds these into --programs, with the feature cuda, and ends
# --out       where results go: ours.json, pyg.json, report.md, log.txt [default: target/gpu]
# --cases     the cases of PyTorch Geometric and DGL that `candle-geometric verify` reads
# --python    an interpreter with torch and torch_geometric, to measure them on the same graphs
# --quick     small graphs, to see that all of it runs
# --cpu       the same without a GPU
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
programs= out=target/gpu cases= python= quick= device=cuda build= features=(--features cuda)
while [ $# -gt 0 ]; do
  case "$1" in
    --programs) programs=$2; shift ;;
    --out) out=$2; shift ;;
    --cases) cases=$2; shift ;;
    --python) python=$2; shift ;;
    --quick) quick=--quick ;;
    --build) build=1 ;;
    --cpu) device=cpu quick=--quick features=() ;;
    *) sed -n '4,13s/^# \{0,1\}//p' "$0"; exit 2 ;;
  esac
  shift
done
mkdir -p "$out"
if [ -z "$programs" ] || [ -n "$build" ]; then
  programs=${programs:-$out/programs}
  mkdir -p "$programs"
  target=${CARGO_TARGET_DIR:-$root/target}
  (cd "$root" && cargo build --release -p candle-geometric-benches --bin gpu "${features[@]}")
  (cd "$root" && cargo build --release -p candle-geometric "${features[@]}")
  cp "$target/release/gpu" "$target/release/candle-geometric" "$programs/"
  test=$(cd "$root" && cargo test --release --no-run -p candle-geometric-ops --test on_gpu "${features[@]}" 2>&1 |
    sed -n 's/.*Executable.*(\(.*\))/\1/p')
  cp "$(cd "$root" && realpath "$test")" "$programs/on_gpu"
  if [ -n "$build" ]; then exit; fi
fi
failed=0
step() {
  echo "== $1"
  shift
  "$@" 2>&1 | tee -a "$out/log.txt" || { echo "== FAILED"; failed=1; }
}
: >"$out/log.txt"
if [ $device = cuda ]; then
  nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader | tee -a "$out/log.txt"
  export CANDLE_GEOMETRIC_REQUIRE_GPU=1
fi
step "operations against the CPU, twenty times" "$programs/on_gpu"
if [ -n "$cases" ]; then
  step "layers against PyTorch Geometric and DGL, twenty times" "$programs/candle-geometric" verify "$cases" --device $device --times 20
fi
if [ $device = cuda ] && command -v compute-sanitizer >/dev/null; then
  CANDLE_GEOMETRIC_TIMES=1 step "the memory checker" compute-sanitizer --error-exitcode 1 "$programs/on_gpu" operations
fi
step "attention and layers" "$programs/gpu" --device $device --out "$out" --graphs $quick
if [ -n "$python" ]; then
  step "the same in PyTorch Geometric" "$python" "$root/benches/gpu/pyg.py" "$out" --device $device $quick
fi
"$programs/gpu" --out "$out" --report >/dev/null
rm -rf "$out/graphs"
echo "== $out/report.md"
exit $failed
