#!/usr/bin/env bash
# Compiles the kernels to PTX. Needs nvcc (CUDA 12 or 13) in the PATH or in NVCC; run it after every change of a kernel:
# a test compares the hash of the sources.
#
# The code is for compute capability 8.0 and newer. Drivers refuse PTX of a newer version than they know, and the kernels
# need nothing new, so the version is lowered to 8.0, which drivers from CUDA 12.0 on take.
#
# build.sh --registers says what each kernel needs on an H100 or H200, and writes nothing.
set -euo pipefail
cd "$(dirname "$0")"
nvcc=${NVCC:-nvcc}
for source in kernels/*.cu; do
  name=$(basename "$source" .cu)
  if [ "${1:-}" = --registers ]; then
    "$nvcc" --cubin -arch=sm_90 -std=c++17 -O3 -Xptxas -v -o /dev/null "$source" 2>&1 |
      sed -n "s/.*Compiling entry function '\([^']*\)'.*/\1/p; s/.*bytes stack frame, \(.*\)/  \1/p; s/.*Used \([0-9]*\) registers.*/  \1 registers/p"
    continue
  fi
  "$nvcc" --ptx -arch=compute_80 -std=c++17 -O3 -o "ptx/$name.tmp" "$source"
  {
    echo "// SHA-256 of the sources: $(cat kernels/*.cuh "$source" | sha256sum | cut -d' ' -f1)"
    # Comments and empty lines are of no use to a driver; hints on unused bytes need a newer version.
    sed -e '/^ *\/\//d' -e '/^$/d' -e '/\.pragma "used_bytes_mask/d' -e 's/^\.version .*/.version 8.0/' "ptx/$name.tmp"
  } >"ptx/$name.fresh"
  rm "ptx/$name.tmp"
  mv "ptx/$name.fresh" "ptx/$name.ptx"
done
