// What is computed for every number on its own: dropout, a bias, activations. V neighbours for each thread. S is the type of sums.
#include "dropout.cuh"

// The first number of a thread.
template <int V> __device__ inline unsigned long long first_of_thread() {
    return (static_cast<unsigned long long>(blockIdx.x) * THREADS + threadIdx.x) * V;
}

template <class T> struct Dropped {
    const T* x;
    T* out;
    unsigned long long count;
    Dropout dropout;
};

// out[i] = factor(i) x[i], forward, and backward of the gradient. V words of the stream come from V / 4 blocks of it.
// Reads: 1. Writes: 1.
template <class T, int V> __device__ inline void dropped(const Dropped<T>& a) {
    using S = Sum<T>;
    const unsigned long long i = first_of_thread<V>();
    if (i >= a.count) return;
    S x[V];
    load<T, V>(x, a.x + i);
    if constexpr (V == 1) {
        x[0] *= factor<S>(a.dropout, i);
    } else {
#pragma unroll
        for (int k = 0; k < V; k += 4) {
            const Words words = random_words(a.dropout, (i + k) / 4);
#pragma unroll
            for (int w = 0; w < 4; w++) x[k + w] *= factor_of<S>(a.dropout, words.of[w]);
        }
    }
    store<T, V>(a.out + i, x);
}

template <class T> struct Biased {
    const T* x;
    const T* bias;  // [D]
    T* out;
    unsigned long long count, width;
};

// out[i] = x[i] + bias[i mod D]. V divides D. Reads: 1, and the bias from the cache. Writes: 1.
template <class T, int V> __device__ inline void biased(const Biased<T>& a) {
    const unsigned long long i = first_of_thread<V>();
    if (i >= a.count) return;
    Sum<T> x[V], bias[V];
    load<T, V>(x, a.x + i);
    load<T, V>(bias, a.bias + i % a.width);
#pragma unroll
    for (int k = 0; k < V; k++) x[k] += bias[k];
    store<T, V>(a.out + i, x);
}

enum Function : unsigned { Relu, LeakyRelu, Elu, Sigmoid };

template <class T> struct Activation {
    const T* x;
    const T* grad;  // null, or backward: that of the result
    T* out;
    unsigned long long count;
    double parameter;  // the slope below 0, or α
    unsigned function, unused;
};

template <class S> __device__ inline S sigmoid(S x) {
    const S e = exp(x > S(0) ? -x : x), s = S(1) / (S(1) + e);  // NaN stays NaN
    return x > S(0) ? s : e * s;
}

// f(x).
template <class S> __device__ inline S value(unsigned function, S parameter, S x) {
    switch (function) {
        case Relu: return x <= S(0) ? S(0) : x;  // NaN stays NaN
        case LeakyRelu: return x > S(0) ? x : parameter * x;
        case Elu: return x > S(0) ? x : parameter * expm1(x);
        default: return sigmoid(x);
    }
}

// f′(x) g; at a corner the slope on the left.
template <class S> __device__ inline S slope(unsigned function, S parameter, S x, S g) {
    switch (function) {
        case Relu: return x <= S(0) ? S(0) : g;
        case LeakyRelu: return x > S(0) ? g : parameter * g;
        case Elu: return x > S(0) ? g : g * (parameter * exp(x));
        default: return g * (sigmoid(x) * sigmoid(-x));
    }
}

// Reads: 1, backward 2. Writes: 1.
template <class T, int V> __device__ inline void activation(const Activation<T>& a) {
    using S = Sum<T>;
    const unsigned long long i = first_of_thread<V>();
    if (i >= a.count) return;
    S x[V], grad[V] = {};
    load<T, V>(x, a.x + i);
    if (a.grad) load<T, V>(grad, a.grad + i);
#pragma unroll
    for (int k = 0; k < V; k++) {
        x[k] = a.grad ? slope(a.function, S(a.parameter), x[k], grad[k]) : value(a.function, S(a.parameter), x[k]);
    }
    store<T, V>(a.out + i, x);
}

#define POINTWISE(name, T, V)                                    \
    ENTRY(pointwise_dropout_##name, Dropped<T>, (dropped<T, V>)) \
    ENTRY(pointwise_bias_##name, Biased<T>, (biased<T, V>))      \
    ENTRY(pointwise_activation_##name, Activation<T>, (activation<T, V>))
FOR_ALL_TYPES(POINTWISE)
