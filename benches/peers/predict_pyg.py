#!/usr/bin/env python3
"""`candle-geometric run gat-cora --data DIR` in PyTorch Geometric: reads the original files of Cora in DIR and the
weights in MODEL/model.safetensors, predicts, prints the accuracy on the test nodes.

    predict_pyg.py DIR MODEL
"""
import sys

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch_geometric.io import read_planetoid_data
from torch_geometric.nn import GATConv
from torch_geometric.transforms import NormalizeFeatures


class Gat(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = GATConv(1433, 8, heads=8)
        self.conv2 = GATConv(64, 7, heads=1, concat=False)

    def forward(self, x, edge_index):
        return self.conv2(F.elu(self.conv1(x, edge_index)), edge_index)


def main():
    folder, weights = sys.argv[1:]
    data = NormalizeFeatures()(read_planetoid_data(folder, "cora"))
    model = Gat()
    model.load_state_dict(load_file(f"{weights}/model.safetensors"))
    model.eval()
    with torch.no_grad():
        right = model(data.x, data.edge_index).argmax(1) == data.y
    print(f"accuracy {right[data.test_mask].float().mean():.4f}")


main()
