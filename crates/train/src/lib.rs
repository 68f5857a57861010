//! Training of graph neural networks on Candle: losses, metrics, optimisers, schedules, checkpoints
