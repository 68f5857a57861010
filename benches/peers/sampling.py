"""Neighbour sampling (15, 10) from 1024 seeds by PyTorch Geometric, on the graph of ../sampling.rs.

    python sampling.py [--edges 10000000] [--batches 50]

Prints the median milliseconds per batch of NeighborLoader in this process, and which library sampled."""

import argparse
import statistics
import time

import numpy as np
import torch
import torch_geometric.typing as available
from torch_geometric.data import Data
from torch_geometric.loader import NeighborLoader


def random_edges(num_nodes: int, num_edges: int) -> torch.Tensor:
    """Uniform random edges, as SplitMix64 gives them: those of ../sampling.rs."""
    with np.errstate(over="ignore"):
        z = np.arange(1, 2 * num_edges + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = (z ^ (z >> np.uint64(31))) % np.uint64(num_nodes)
    return torch.from_numpy(z.astype(np.int64).reshape(-1, 2).T.copy())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edges", type=int, default=10_000_000)
    parser.add_argument("--batches", type=int, default=50)
    arguments = parser.parse_args()
    num_nodes = arguments.edges // 10
    data = Data(edge_index=random_edges(num_nodes, arguments.edges), num_nodes=num_nodes)
    begin = time.perf_counter()
    loader = NeighborLoader(data, num_neighbors=[15, 10], batch_size=1024, shuffle=True)
    print(f"prepared in {time.perf_counter() - begin:.2f} s")
    batches, times = iter(loader), []
    for _ in range(min(arguments.batches, len(loader))):
        begin = time.perf_counter()
        next(batches)
        times.append(1e3 * (time.perf_counter() - begin))
    library = "pyg-lib" if available.WITH_PYG_LIB else "torch-sparse"
    print(f"{statistics.median(times):.2f} ms per batch ({library}, {torch.get_num_threads()} threads)")


if __name__ == "__main__":
    main()
