#!/bin/sh
# Measures every model here again, where its data is at hand, and prints a table beside what the cards say. The data is taken
# from the folder DIR, or from the cache, which is filled over the network.
#
#   models/evaluate.sh [--data DIR]
cd "$(dirname "$0")/.." || exit
exec cargo run --release --quiet --features smiles -- evaluate models/*/ "$@"
