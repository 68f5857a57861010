#!/usr/bin/env python3
"""PyTorch Geometric as a worker of compare.py (see protocol.py). Variants, how the graph is given to the layer:

raw     edge_index as data sets have it; the layer adds self-loops at every call, its default
sorted  self-loops added beforehand, sorted by destination
ei      the same as EdgeIndex with its cached CSR
sp      the same as torch_sparse.SparseTensor (wants torch-sparse)
csr     the same as a sparse CSR tensor of torch (GCNConv and SAGEConv)
"""
import warnings

warnings.filterwarnings("ignore")
import torch
import torch.nn.functional as F
import torch_geometric
from torch_geometric import EdgeIndex
from torch_geometric.nn import GATConv, GATv2Conv, GCNConv, SAGEConv, TransformerConv

import protocol

LOOPED = {"GATConv", "GATv2Conv", "GCNConv", "PpiGAT", "epoch-dense", "epoch-sparse"}


class PpiGat(torch.nn.Module):
    def __init__(self, features, **kwargs):
        super().__init__()
        self.conv1 = GATConv(features, 256, heads=4, **kwargs)
        self.conv2 = GATConv(1024, 256, heads=4, **kwargs)
        self.conv3 = GATConv(1024, 121, heads=6, concat=False, **kwargs)

    def forward(self, x, graph):
        return self.conv3(F.elu(self.conv2(F.elu(self.conv1(x, graph)), graph)), graph)


class PaperGat(torch.nn.Module):
    def __init__(self, features, **kwargs):
        super().__init__()
        self.conv1 = GATConv(features, 8, heads=8, dropout=0.6, **kwargs)
        self.conv2 = GATConv(64, 7, heads=1, concat=False, dropout=0.6, **kwargs)

    def forward(self, x, graph):
        x = F.dropout(x, 0.6, self.training)
        x = F.dropout(F.elu(self.conv1(x, graph)), 0.6, self.training)
        return self.conv2(x, graph)


def give(variant, coo, nodes, gcn_weights):
    if variant == "ei":
        return EdgeIndex(coo, sparse_size=(nodes, nodes), sort_order="col").fill_cache_()
    if variant == "sp":
        from torch_sparse import SparseTensor

        return SparseTensor(row=coo[1], col=coo[0], sparse_sizes=(nodes, nodes)).fill_cache_()
    if variant == "csr":
        degrees = torch.bincount(coo[1], minlength=nodes)
        pointer = torch.cat([torch.zeros(1, dtype=torch.long), degrees.cumsum(0)])
        scale = degrees.float().rsqrt()
        weights = scale[coo[0]] * scale[coo[1]] if gcn_weights else torch.ones(coo.shape[1])
        return torch.sparse_csr_tensor(pointer, coo[0].contiguous(), weights, (nodes, nodes))
    return coo


def make(layer, variant, case):
    own_loops = variant == "raw"
    loops = dict(add_self_loops=own_loops)
    heads = dict(heads=case.heads)
    width = case.heads * case.channels
    if layer in ("GATConv", "GATv2Conv"):
        return {"GATConv": GATConv, "GATv2Conv": GATv2Conv}[layer](case.features, case.channels, **heads, **loops)
    if layer == "TransformerConv":
        return TransformerConv(case.features, case.channels, **heads)
    if layer == "GCNConv":
        ready = dict(normalize=False) if variant == "csr" else dict(cached=variant in ("sorted", "sp"), **loops)
        return GCNConv(case.features, width, **ready)
    if layer == "SAGEConv":
        return SAGEConv(case.features, width)
    return (PpiGat if layer == "PpiGAT" else PaperGat)(case.features, **loops)


def epoch(module, graph, case, share):
    x = torch.rand(case.nodes, case.features) * (torch.rand(case.nodes, case.features) < share)
    x = x / x.sum(1, keepdim=True).clamp(min=1e-6)
    y = torch.randint(0, 7, (case.nodes,))
    optimizer = torch.optim.Adam(module.parameters(), lr=0.005, weight_decay=5e-4)
    module.train()

    def run():
        optimizer.zero_grad()
        F.cross_entropy(module(x, graph)[:140], y[:140]).backward()
        optimizer.step()

    return run


def main():
    args = protocol.arguments()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    case = protocol.Case(args)
    coo = case.edges(self_loops=args.variant != "raw")
    if args.layer not in LOOPED and args.variant != "raw":
        coo = coo[:, coo[0] != coo[1]].contiguous()
    graph = give(args.variant, coo, case.nodes, args.layer == "GCNConv")
    module = make(args.layer, args.variant, case)
    if args.mode == "step":
        run = epoch(module, graph, case, 1.0 if args.layer == "epoch-dense" else 0.013)
    else:
        x = torch.randn(case.nodes, case.features)
        run = protocol.repetition(torch, args.mode, module, lambda x: module(x, graph), x)
    protocol.serve(run, f"PyG {torch_geometric.__version__}, torch {torch.__version__}")


main()
