// Dropout from a counter-based stream: the same elements as on the CPU, bit for bit.
#pragma once
#include "numbers.cuh"

struct Dropout {
    unsigned long long seed, stream;
    double scale;         // 1 / (1 − p), or 0 where nothing is kept
    unsigned threshold;   // an element is kept if the upper 24 bits of its word are not below this
    unsigned wanted;
};

struct Words {
    unsigned of[4];
};

// Words 4 block to 4 block + 3 of the stream: Philox 4×32-10 (Salmon et al. 2011).
__device__ inline Words random_words(const Dropout& d, unsigned long long block) {
    unsigned c0 = unsigned(block), c1 = unsigned(block >> 32);
    unsigned c2 = unsigned(d.stream), c3 = unsigned(d.stream >> 32);
    unsigned k0 = unsigned(d.seed), k1 = unsigned(d.seed >> 32);
#pragma unroll 1  // ten times the instructions are not ten times as fast
    for (int round = 0; round < 10; round++) {
        const unsigned long long a = 0xD2511F53ull * c0, b = 0xCD9E8D57ull * c2;
        const unsigned n0 = unsigned(b >> 32) ^ c1 ^ k0, n2 = unsigned(a >> 32) ^ c3 ^ k1;
        c0 = n0, c1 = unsigned(b), c2 = n2, c3 = unsigned(a);
        k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    }
    return {{c0, c1, c2, c3}};
}

// Word i of the stream.
__device__ inline unsigned random_word(const Dropout& d, unsigned long long i) {
    const Words words = random_words(d, i / 4);
    const unsigned w = unsigned(i % 4);
    // Not words.of[w], which would put them into memory.
    return w < 2 ? (w == 0 ? words.of[0] : words.of[1]) : (w == 2 ? words.of[2] : words.of[3]);
}

// What dropout multiplies an element with whose word this is.
template <class S> __device__ inline S factor_of(const Dropout& d, unsigned word) {
    return word >> 8 >= d.threshold ? S(d.scale) : S(0);
}

// What dropout multiplies element i with.
template <class S> __device__ inline S factor(const Dropout& d, unsigned long long i) {
    if (!d.wanted) return S(1);
    return factor_of<S>(d, random_word(d, i));
}
