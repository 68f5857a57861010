#!/usr/bin/env python3
"""A full-batch training epoch of the two-layer GAT of the paper at the size of Cora in PyTorch Geometric: the peer of
`epoch.rs`. Needs torch and torch_geometric. Prints the median over 100 epochs, in milliseconds."""
import statistics
import time

import torch
import torch.nn.functional as F
from torch_geometric.nn import GATConv

NODES, FEATURES, CLASSES, EDGES = 2708, 1433, 7, 10556


class Gat(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = GATConv(FEATURES, 8, heads=8, dropout=0.6)
        self.conv2 = GATConv(64, CLASSES, heads=1, concat=False, dropout=0.6)

    def forward(self, x, edge_index):
        x = F.dropout(x, 0.6, self.training)
        x = F.dropout(F.elu(self.conv1(x, edge_index)), 0.6, self.training)
        return self.conv2(x, edge_index)


def main():
    torch.manual_seed(0)
    # Squares of uniform numbers: some nodes have many edges, most have few.
    edge_index = (torch.rand(2, EDGES) ** 2 * NODES).long()
    y = torch.randint(0, CLASSES, (NODES,))
    for name, share in [("dense features", 1.0), ("1.3 % non-zeros, as Cora", 0.013)]:
        x = torch.rand(NODES, FEATURES) * (torch.rand(NODES, FEATURES) < share)
        x = x / x.sum(1, keepdim=True).clamp(min=1e-6)
        model = Gat().train()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.005, weight_decay=5e-4)
        times = []
        for _ in range(105):
            begin = time.perf_counter()
            optimizer.zero_grad()
            F.cross_entropy(model(x, edge_index)[:140], y[:140]).backward()
            optimizer.step()
            times.append(1e3 * (time.perf_counter() - begin))
        print(f"{name}: {statistics.median(times[5:]):.1f} ms ({torch.get_num_threads()} threads)")


main()
