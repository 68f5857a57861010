//! Graph neural network models, pretrained weights, and importers of PyTorch Geometric and DGL checkpoints
