#!/usr/bin/env python3
"""DGL as a worker of compare.py (see protocol.py). Variants: the integer type of the graph, i32 or i64."""
import os
import warnings

os.environ["DGLBACKEND"] = "pytorch"
warnings.filterwarnings("ignore")
import dgl
import torch
import torch.nn.functional as F
from dgl.nn.pytorch import GATConv, GATv2Conv, GraphConv, SAGEConv

import protocol

ANY = dict(allow_zero_in_degree=True)  # skips a check at every call


class PpiGat(torch.nn.Module):
    def __init__(self, features):
        super().__init__()
        self.conv1 = GATConv(features, 256, 4, **ANY)
        self.conv2 = GATConv(1024, 256, 4, **ANY)
        self.conv3 = GATConv(1024, 121, 6, **ANY)

    def forward(self, graph, x):
        x = F.elu(self.conv1(graph, x)).flatten(1)
        x = F.elu(self.conv2(graph, x)).flatten(1)
        return self.conv3(graph, x).mean(1)


def make(layer, case):
    width = case.heads * case.channels
    if layer in ("GATConv", "GATv2Conv"):
        return {"GATConv": GATConv, "GATv2Conv": GATv2Conv}[layer](case.features, case.channels, case.heads, **ANY)
    if layer == "GCNConv":
        return GraphConv(case.features, width, norm="both", **ANY)
    if layer == "SAGEConv":
        return SAGEConv(case.features, width, "mean")
    return PpiGat(case.features)


def main():
    args = protocol.arguments()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    case = protocol.Case(args)
    coo = case.edges(self_loops=args.layer != "SAGEConv")
    if args.variant == "i32":
        coo = coo.int()
    graph = dgl.graph((coo[0], coo[1]), num_nodes=case.nodes)
    graph.create_formats_()
    module = make(args.layer, case)
    x = torch.randn(case.nodes, case.features)
    run = protocol.repetition(torch, args.mode, module, lambda x: module(graph, x), x)
    protocol.serve(run, f"DGL {dgl.__version__}, torch {torch.__version__}")


main()
