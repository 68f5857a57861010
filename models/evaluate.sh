#!/bin/sh
# Measures every model here again, where its data is at hand, and prints a table beside what the cards say. The data is taken
# from the folder DIR, or from the cache, which is filled over the network.
#
#   models/evaluate.sh [--data DIR]
cd "$(dirname "$0")/.." || exit
# A folder without config.json is a recipe whose data was not at hand: it has no weights.
for config in models/*/config.json; do
  set -- "$@" "$(dirname "$config")"
done
exec cargo run --release --quiet --features smiles -- evaluate "$@"
