#!/usr/bin/env bash
# Makes the environments of the peers: DIR/pyg and DIR/dgl, versions pinned.
#
#   benches/peers/install.sh DIR
#
# PYTHON       interpreter for PyTorch Geometric (default python3; 3.10 or newer)
# PYTHON_DGL   interpreter for DGL (default $PYTHON; 3.8 to 3.11: its last wheels on the package index)
# WITH_SPARSE  1 also compiles torch-scatter and torch-sparse (a quarter of an hour): PyG's SparseTensor
#
# The package index has PyTorch with CUDA only, some gigabytes. Pip takes the CPU builds instead where
# PIP_EXTRA_INDEX_URL names PyTorch's own index of them; their versions count as newer (2.15.0+cpu).
set -euo pipefail
dir=${1:?"usage: install.sh DIR"}
python=${PYTHON:-python3}
python_dgl=${PYTHON_DGL:-$python}

environment() {
  local name=$1 interpreter=$2
  [ -x "$dir/$name/bin/python" ] || "$interpreter" -m venv "$dir/$name"
  shift 2
  "$dir/$name/bin/python" -m pip install --quiet "$@"
}

environment pyg "$python" torch==2.15.0 torch_geometric==2.8.1 numpy==2.4.6 scipy==1.17.1 safetensors==0.8.0
if [ "${WITH_SPARSE:-0}" = 1 ]; then
  environment pyg "$python" setuptools wheel ninja
  FORCE_ONLY_CPU=1 MAX_JOBS=${MAX_JOBS:-2} environment pyg "$python" --no-build-isolation \
    torch-scatter==2.1.2 torch-sparse==0.6.18
fi
environment dgl "$python_dgl" torch==2.2.1 torchdata==0.7.1 dgl==2.1.0 'numpy<2' safetensors==0.8.0 \
  pandas pydantic pyyaml

"$dir/pyg/bin/python" -c 'import torch, torch_geometric as g; print("PyG", g.__version__, "torch", torch.__version__)'
DGLBACKEND=pytorch "$dir/dgl/bin/python" -W ignore -c \
  'import torch, dgl; print("DGL", dgl.__version__, "torch", torch.__version__)'
