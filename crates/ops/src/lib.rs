//! Message-passing primitives on Candle tensors, with gradients: gather, scatter, segment softmax, graph attention
