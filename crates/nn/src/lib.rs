//! Graph neural network layers for Candle, with PyTorch Geometric's names and defaults
