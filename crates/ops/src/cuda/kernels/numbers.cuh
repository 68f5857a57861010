// Numbers: what each element type is summed in, and vectors of them.
#pragma once
#include <cmath>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <type_traits>

#ifndef REGISTER
#define REGISTER(name, Arguments)
#endif
// An entry point: a kernel that takes one structure, whose fields the host writes in their order.
#define ENTRY(name, Arguments, body)                                   \
    extern "C" __global__ void __launch_bounds__(THREADS) name(const Arguments a) { body(a); } \
    REGISTER(name, Arguments)

// Threads of a block, and lanes of a warp.
constexpr unsigned THREADS = 128;
constexpr unsigned WARP = 32;

// Half precision is summed in f32.
template <class T> struct SumOf { using Type = float; };
template <> struct SumOf<double> { using Type = double; };
template <class T> using Sum = typename SumOf<T>::Type;

__device__ inline float wide(float x) { return x; }
__device__ inline double wide(double x) { return x; }
__device__ inline float wide(__half x) { return __half2float(x); }
__device__ inline float wide(__nv_bfloat16 x) { return __bfloat162float(x); }

template <class T> __device__ inline T narrow(Sum<T> x) { return x; }
template <> __device__ inline __half narrow<__half>(float x) { return __float2half(x); }
template <> __device__ inline __nv_bfloat16 narrow<__nv_bfloat16>(float x) { return __float2bfloat16(x); }

// e^x: in f32 by the special function unit.
__device__ inline float exponential(float x) { return __expf(x); }
__device__ inline double exponential(double x) { return exp(x); }

// V neighbours in memory, read and written at once.
template <class T, int V> struct alignas(sizeof(T) * V) Pack { T of[V]; };

template <class T, int V> __device__ inline void load(Sum<T> (&to)[V], const T* from) {
    const Pack<T, V> pack = *reinterpret_cast<const Pack<T, V>*>(from);
#pragma unroll
    for (int i = 0; i < V; i++) to[i] = wide(pack.of[i]);
}

template <class T, int V> __device__ inline void store(T* to, const Sum<T> (&from)[V]) {
    Pack<T, V> pack;
#pragma unroll
    for (int i = 0; i < V; i++) pack.of[i] = narrow<T>(from[i]);
    *reinterpret_cast<Pack<T, V>*>(to) = pack;
}

// V products, summed.
template <class S, int V> __device__ inline S dot(const S (&a)[V], const S (&b)[V]) {
    S sum = 0;
#pragma unroll
    for (int i = 0; i < V; i++) sum += a[i] * b[i];
    return sum;
}

// The entry points of a template for all types, in vectors of 16 bytes and in single numbers.
#define FOR_ALL_TYPES(entry)                                 \
    entry(f32x1, float, 1) entry(f32x4, float, 4)            \
    entry(f64x1, double, 1)                                  \
    entry(f16x1, __half, 1) entry(f16x8, __half, 8)          \
    entry(bf16x1, __nv_bfloat16, 1) entry(bf16x8, __nv_bfloat16, 8)
