// What stands for CUDA where the kernels are compiled for the processor, so that tests can execute their very sources.
//
// Every thread of a block is a fiber, which runs until it waits for others at a shuffle, a vote or a barrier. So these
// behave as on a card; one that not all of its lanes reach is an error, where a card would hang or, worse, would not.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
// Blocks run one after the other.
#define __shared__ static

struct Index {
    unsigned x = 0, y = 0, z = 0;
};
inline Index threadIdx, blockIdx, blockDim, gridDim;

namespace emulator {

// The kernels by their names: how to call one, and the size of its argument.
struct Kernel {
    void (*call)(const void* argument);
    size_t size;
};
inline std::map<std::string, Kernel>& kernels() {
    static std::map<std::string, Kernel> all;
    return all;
}
struct Registered {
    Registered(const char* name, Kernel kernel) { kernels()[name] = kernel; }
};

enum class Wait { None, Shuffle, Vote, Barrier };

// Waits for the lanes of `mask`; `bits` is what this lane shows, and what comes back is what lane `source` shows, or for a
// vote the lanes that show something else than 0.
uint64_t meet(Wait kind, unsigned mask, uint64_t bits, unsigned source);

unsigned lane();

template <class T> T shuffle(unsigned mask, T value, unsigned source) {
    static_assert(sizeof(T) <= 8, "a shuffle moves at most 8 bytes");
    uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof(T));
    bits = meet(Wait::Shuffle, mask, bits, source);
    std::memcpy(&value, &bits, sizeof(T));
    return value;
}

}  // namespace emulator

#define REGISTER(name, Arguments)                                        \
    static const emulator::Registered registered_##name(                 \
        #name, {[](const void* a) { name(*static_cast<const Arguments*>(a)); }, sizeof(Arguments)});

template <class T> T __shfl_xor_sync(unsigned mask, T value, unsigned distance) {
    return emulator::shuffle(mask, value, emulator::lane() ^ distance);
}
template <class T> T __shfl_sync(unsigned mask, T value, unsigned source) {
    return emulator::shuffle(mask, value, source);
}
inline unsigned __ballot_sync(unsigned mask, int predicate) {
    return unsigned(emulator::meet(emulator::Wait::Vote, mask, predicate != 0, emulator::lane()));
}
inline void __syncwarp(unsigned mask = ~0u) { emulator::meet(emulator::Wait::Vote, mask, 0, emulator::lane()); }
inline void __syncthreads() { emulator::meet(emulator::Wait::Barrier, 0, 0, 0); }

inline float __expf(float x) { return std::exp(x); }
