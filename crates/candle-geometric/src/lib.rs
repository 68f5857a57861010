//! Graph neural networks with attention, in Rust, on Candle: layers, models, pretrained weights, and a program
