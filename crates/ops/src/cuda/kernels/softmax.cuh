// The online softmax (Milakov and Gimelshein 2018) of a row, with the weighted sum of values beside it.
#pragma once
#include "rows.cuh"

constexpr double INFINITE = HUGE_VAL;

// The largest score to subtract: that of no finite score, −∞, counts as 0, so that subtracting it is harmless.
template <class S> __device__ inline S finite_or_0(S largest) { return largest == S(-INFINITE) ? S(0) : largest; }

// 1 / total, and 0 for the total of nothing.
template <class S> __device__ inline S inverse(S total) { return total == S(0) ? S(0) : S(1) / total; }

template <class S, int V> struct Online {
    S largest = S(-INFINITE), total = 0, sum[V] = {};

    // Brings what was summed to a larger largest score.
    __device__ void raise(S to) {
        if (!(to > largest)) return;
        const S scale = exponential(largest - to);
        largest = to;
        total *= scale;
#pragma unroll
        for (int i = 0; i < V; i++) sum[i] *= scale;
    }

    // Adds an edge whose score has been raised to; `factor` is what dropout makes of its weight.
    __device__ void add(S score, S factor, const S (&value)[V]) {
        const S weight = exponential(score - finite_or_0(largest));
        total += weight;
#pragma unroll
        for (int i = 0; i < V; i++) sum[i] += weight * factor * value[i];
    }

    // Joins what another one has summed.
    __device__ void join(S other_largest, S other_total, const S (&other)[V]) {
        raise(other_largest);
        const S scale = exponential(other_largest - finite_or_0(largest));
        total += scale * other_total;
#pragma unroll
        for (int i = 0; i < V; i++) sum[i] += scale * other[i];
    }

    // Joins the phases of a team: afterwards the lanes of each phase have the whole.
    __device__ void join_phases(const Layout& l, const Place& p) {
        const unsigned step = l.lanes * l.heads_at_once;
        for (unsigned d = step; d < step * l.phases; d *= 2) {
            const S m = __shfl_xor_sync(p.mask, largest, d), t = __shfl_xor_sync(p.mask, total, d);
            S others[V];
#pragma unroll
            for (int i = 0; i < V; i++) others[i] = __shfl_xor_sync(p.mask, sum[i], d);
            join(m, t, others);
        }
    }
};

// Where an attention goes. D = H·C.
template <class T> struct Attended {
    T* out;                // [rows, D]
    Sum<T>* exact;         // [rows, D], the same before it is rounded to half precision, or null
    Sum<T>* largest;       // [rows, H], the largest score
    Sum<T>* inverse;       // [rows, H], 1 / Σ exp(score − largest)
    Sum<T>* part_sum;      // [parts, D], not divided by the total
    Sum<T>* part_largest;  // [parts, H]
    Sum<T>* part_total;    // [parts, H]
};

// Writes a whole row.
template <class T, int V>
__device__ inline void finish(const Attended<T>& to, const Layout& l, const Place& p, unsigned row, Online<Sum<T>, V>& o) {
    const Sum<T> share = inverse(o.total);
#pragma unroll
    for (int i = 0; i < V; i++) o.sum[i] *= share;
    const size_t first = size_t(row) * l.heads * l.channels + p.column(l);
    store<T, V>(to.out + first, o.sum);
    if (to.exact) store<Sum<T>, V>(to.exact + first, o.sum);
    if (p.channel == 0) {
        to.largest[size_t(row) * l.heads + p.head] = o.largest;
        to.inverse[size_t(row) * l.heads + p.head] = share;
    }
}

// Writes what a task has summed: a row, or a part of one.
template <class T, int V>
__device__ inline void write(
    const Attended<T>& to, const Rows& rows, const Layout& l, const Place& p, const Task& task, Online<Sum<T>, V>& o
) {
    o.join_phases(l, p);
    if (!p.active || p.phase > 0 || p.team >= rows.num_tasks) return;
    if (!rows.parts) return finish<T, V>(to, l, p, task.row, o);
    store<Sum<T>, V>(to.part_sum + size_t(task.slot) * l.heads * l.channels + p.column(l), o.sum);
    if (p.channel == 0) {
        to.part_largest[size_t(task.slot) * l.heads + p.head] = o.largest;
        to.part_total[size_t(task.slot) * l.heads + p.head] = o.total;
    }
}

// Makes the rows that were cut of their parts, in their order. A team does a row; its phases do the same.
template <class T> struct Merge {
    Attended<T> attended;
    const Cut* cuts;
    unsigned num_cuts;
    Layout layout;
};

template <class T, int V> __device__ inline void merge_attended(const Merge<T>& a) {
    using S = Sum<T>;
    const Layout& l = a.layout;
    const Place p = PLACE(l, V);
    if (!p.active || p.phase > 0 || p.team >= a.num_cuts) return;
    const Cut cut = a.cuts[p.team];
    const Attended<T>& at = a.attended;
    Online<S, V> o;
    for (unsigned k = cut.first_part; k < cut.end_part; k++) {
        S sum[V];
        load<S, V>(sum, at.part_sum + size_t(k) * l.heads * l.channels + p.column(l));
        const size_t h = size_t(k) * l.heads + p.head;
        o.join(at.part_largest[h], at.part_total[h], sum);
    }
    finish<T, V>(at, l, p, cut.row, o);
}
