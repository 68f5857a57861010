#!/usr/bin/env python3
"""Writes the graphs that are measured on: R-MAT (Chakrabarti, Zhan, Faloutsos 2004), fixed seeds.

    benches/peers/graphs.py [DIR] [NAME...]       wants numpy and safetensors, as the peers' environments have

Tensors (i64): `edge_index` [2, E], source and destination, no duplicates, no self-loops, sorted by (source,
destination) as data sets are; `edge_index_sl` [2, E + N] with one self-loop per node, sorted by (destination, source).
Metadata: num_nodes, in_features, heads, channels of the layer that is measured on it. Files that exist are kept.
"""
import math
import os
import sys

import numpy as np
from safetensors.numpy import save_file

POWER_LAW = (0.57, 0.19, 0.19)  # Graph500
MILD = (0.45, 0.22, 0.22)
# name: nodes, edges, seed, probabilities, undirected, features, heads, channels
GRAPHS = {
    "cora": (2708, 10_556, 1, MILD, True, 1433, 8, 8),
    "ppi": (2372, 66_000, 100, MILD, True, 50, 4, 256),
    "mid": (100_000, 1_000_000, 2, POWER_LAW, False, 128, 4, 32),
    "large": (1_000_000, 10_000_000, 5, POWER_LAW, False, 64, 4, 16),
}


def draw(rng, count, nodes, probabilities):
    """`count` random edges, those with an end beyond the nodes or two equal ends left out."""
    a, b, c = np.cumsum(probabilities)
    source, destination = np.zeros(count, np.int64), np.zeros(count, np.int64)
    for _ in range(math.ceil(math.log2(nodes))):
        quadrant = rng.random(count)
        low = quadrant >= b
        right = ((quadrant >= a) & (quadrant < b)) | (quadrant >= c)
        source, destination = 2 * source + low, 2 * destination + right
    fits = (source < nodes) & (destination < nodes) & (source != destination)
    return source[fits], destination[fits]


def rmat(nodes, edges, seed, probabilities, undirected):
    """Distinct edges [2, E], their nodes shuffled so that hubs are not neighbours in memory."""
    rng = np.random.default_rng(seed)
    wanted = edges // 2 if undirected else edges
    keys = np.empty(0, np.int64)
    while len(keys) < wanted:
        source, destination = draw(rng, 2 * (wanted - len(keys)) + 1000, nodes, probabilities)
        if undirected:
            source, destination = np.minimum(source, destination), np.maximum(source, destination)
        keys = np.unique(np.concatenate([keys, source * nodes + destination]))
    keys = rng.permutation(keys)[:wanted]
    shuffled = rng.permutation(nodes)
    source, destination = shuffled[keys // nodes], shuffled[keys % nodes]
    if undirected:
        source, destination = np.concatenate([source, destination]), np.concatenate([destination, source])
    order = np.lexsort((destination, source))
    return np.stack([source[order], destination[order]])


def write(path, nodes, edges, seed, probabilities, undirected, features, heads, channels):
    coo = rmat(nodes, edges, seed, probabilities, undirected)
    looped = np.concatenate([coo, np.stack([np.arange(nodes)] * 2)], axis=1)
    looped = np.ascontiguousarray(looped[:, np.lexsort((looped[0], looped[1]))])
    numbers = dict(num_nodes=nodes, in_features=features, heads=heads, channels=channels)
    save_file({"edge_index": coo, "edge_index_sl": looped}, path, {k: str(v) for k, v in numbers.items()})
    print(f"{path}: N {nodes}, E {coo.shape[1]}, most in-edges {np.bincount(coo[1]).max()}")


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else "target/peers/graphs"
    os.makedirs(folder, exist_ok=True)
    for name in sys.argv[2:] or GRAPHS:
        path = os.path.join(folder, f"{name}.safetensors")
        if not os.path.exists(path):
            write(path, *GRAPHS[name])


main()
