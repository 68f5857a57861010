// What is computed for every edge on its own, in the caller's order, from the rows of its two ends. S is the type of sums.
#include "rows.cuh"

struct Ends {
    const unsigned* source;       // [E]
    const unsigned* destination;  // [E]
    unsigned num_edges, unused;
};

template <class T> struct EdgeSum {
    Ends ends;
    const T* src;    // [N_src, D], or null
    const T* dst;    // [N_dst, D], or null
    const T* terms;  // [E, D], or null
    T* out;          // [E, D]
    const unsigned* row_ptr;  // null, or for the gradient of a mean: divides by the in-degree of the destination
    Layout layout;   // of one head
};

template <class T, int V> __device__ inline void add(Sum<T> (&sum)[V], const T* row) {
    Sum<T> x[V];
    load<T, V>(x, row);
#pragma unroll
    for (int i = 0; i < V; i++) sum[i] += x[i];
}

// out[e] = src[source(e)] + dst[destination(e)] + terms[e]: a gather, where only one is given.
// Grid: a team for every edge. Reads per edge: 4 bytes of index and D for each that is given. Writes: D.
template <class T, int V> __device__ inline void edge_sum(const EdgeSum<T>& a) {
    const Layout& l = a.layout;
    const Place p = PLACE(l, V);
    if (!p.active || p.team >= a.ends.num_edges) return;
    const size_t e = p.team, width = size_t(l.heads) * l.channels, column = p.column(l);
    Sum<T> sum[V] = {};
    if (a.src) add<T, V>(sum, a.src + a.ends.source[e] * width + column);
    if (a.dst) add<T, V>(sum, a.dst + a.ends.destination[e] * width + column);
    if (a.terms) add<T, V>(sum, a.terms + e * width + column);
    if (a.row_ptr) {
        const unsigned i = a.ends.destination[e];
#pragma unroll
        for (int n = 0; n < V; n++) sum[n] /= Sum<T>(a.row_ptr[i + 1] - a.row_ptr[i]);
    }
    store<T, V>(a.out + e * width + column, sum);
}

template <class T> struct Sddmm {
    Ends ends;
    const T* a;     // [N_src, D]
    const T* b;     // [N_dst, D]
    T* out;         // [E, H]
    Layout layout;  // one chunk
};

// out[e, h] = ⟨a[source(e), h], b[destination(e), h]⟩.
// Grid: a team for every edge, and blockIdx.y for the heads that it does not hold. Reads per edge: 8 bytes of indices
// and 2D. Writes: H.
template <class T, int V> __device__ inline void sddmm(const Sddmm<T>& a) {
    using S = Sum<T>;
    const Layout& l = a.layout;
    const Place p = PLACE(l, V);
    const bool mine = p.team < a.ends.num_edges && p.head < l.heads;
    const size_t e = mine ? p.team : 0, width = size_t(l.heads) * l.channels;
    S sum = 0;
    if (mine) {
        const T* const x = a.a + a.ends.source[e] * width + p.head * l.channels;
        const T* const y = a.b + a.ends.destination[e] * width + p.head * l.channels;
        for (unsigned c = p.channel; c < l.channels; c += l.lanes * V) {
            S u[V], v[V];
            load<T, V>(u, x + c);
            load<T, V>(v, y + c);
            sum += dot(u, v);
        }
    }
    sum = over_head(l, p, sum);
    if (mine && p.within == 0) a.out[e * l.heads + p.head] = narrow<T>(sum);
}

template <class T> struct SoftmaxEdges {
    Ends ends;
    const T* x;  // [E, D], scores; or in the backward pass the weights
    const T* grad;  // [E, D] in the backward pass, else null
    const Sum<T>* first;   // [N_dst, D], the largest score; or Σ α grad
    const Sum<T>* second;  // [N_dst, D], the inverse total; or null
    T* out;         // [E, D]
    Layout layout;  // of one head
};

// The weights exp(s[e] − largest) · inverse; or their gradient α[e] (grad[e] − Σ α grad), the sum over the segment of e.
// Grid: a team for every edge. Reads per edge: 4 bytes of index and 3D. Writes: D.
template <class T, int V> __device__ inline void softmax_edges(const SoftmaxEdges<T>& a) {
    using S = Sum<T>;
    const Layout& l = a.layout;
    const Place p = PLACE(l, V);
    if (!p.active || p.team >= a.ends.num_edges) return;
    const size_t width = size_t(l.heads) * l.channels, at = p.team * width + p.column(l);
    const size_t of = a.ends.destination[p.team] * width + p.column(l);
    S x[V], grad[V], first[V], second[V];
    load<T, V>(x, a.x + at);
    load<S, V>(first, a.first + of);
    if (a.grad) {
        load<T, V>(grad, a.grad + at);
#pragma unroll
        for (int i = 0; i < V; i++) x[i] *= grad[i] - first[i];
    } else {
        load<S, V>(second, a.second + of);
#pragma unroll
        for (int i = 0; i < V; i++) {
            const S largest = first[i] == S(-HUGE_VAL) ? S(0) : first[i];
            x[i] = exponential(x[i] - largest) * second[i];
        }
    }
    store<T, V>(a.out + at, x);
}

template <class T> struct ExtremeEdges {
    Ends ends;
    const T* messages;     // [E, D]
    const T* out;          // [N_dst, D]
    const Sum<T>* equals;  // [N_dst, D], how many messages equal it
    const T* grad;         // [N_dst, D]
    T* of_messages;        // [E, D]
    Layout layout;         // of one head
};

// The gradient of the largest or smallest message: those that equal it share it evenly.
// Grid: a team for every edge. Reads per edge: 4 bytes of index and 4D. Writes: D.
template <class T, int V> __device__ inline void extreme_edges(const ExtremeEdges<T>& a) {
    using S = Sum<T>;
    const Layout& l = a.layout;
    const Place p = PLACE(l, V);
    if (!p.active || p.team >= a.ends.num_edges) return;
    const size_t width = size_t(l.heads) * l.channels, at = p.team * width + p.column(l);
    const size_t of = a.ends.destination[p.team] * width + p.column(l);
    S x[V], best[V], equals[V], grad[V];
    load<T, V>(x, a.messages + at);
    load<T, V>(best, a.out + of);
    load<S, V>(equals, a.equals + of);
    load<T, V>(grad, a.grad + of);
#pragma unroll
    for (int i = 0; i < V; i++) x[i] = x[i] == best[i] && equals[i] > S(0) ? grad[i] / equals[i] : S(0);
    store<T, V>(a.of_messages + at, x);
}

template <class T> struct ProductEdges {
    Ends ends;
    const T* messages;      // [E, D]
    const Sum<T>* product;  // [N_dst, D], of the messages that are not 0
    const Sum<T>* zeros;    // [N_dst, D], how many are
    const T* grad;          // [N_dst, D]
    T* of_messages;         // [E, D]
    Layout layout;          // of one head
};

// The gradient of the product: times the product of all other messages. Where one of them is 0 it is 0, and where only this
// one is 0, it is that of all that are not.
// Grid: a team for every edge. Reads per edge: 4 bytes of index and 4D. Writes: D.
template <class T, int V> __device__ inline void product_edges(const ProductEdges<T>& a) {
    using S = Sum<T>;
    const Layout& l = a.layout;
    const Place p = PLACE(l, V);
    if (!p.active || p.team >= a.ends.num_edges) return;
    const size_t width = size_t(l.heads) * l.channels, at = p.team * width + p.column(l);
    const size_t of = a.ends.destination[p.team] * width + p.column(l);
    S x[V], product[V], zeros[V], grad[V];
    load<T, V>(x, a.messages + at);
    load<S, V>(product, a.product + of);
    load<S, V>(zeros, a.zeros + of);
    load<T, V>(grad, a.grad + of);
#pragma unroll
    for (int i = 0; i < V; i++) {
        const S others_that_are_0 = zeros[i] - (x[i] == S(0) ? S(1) : S(0));
        const S others = x[i] == S(0) ? product[i] : product[i] / x[i];
        x[i] = others_that_are_0 > S(0) ? S(0) : grad[i] * others;
    }
    store<T, V>(a.of_messages + at, x);
}

#define EDGES(name, T, V)                                                \
    ENTRY(edge_sum_##name, EdgeSum<T>, (edge_sum<T, V>))                 \
    ENTRY(edge_sddmm_##name, Sddmm<T>, (sddmm<T, V>))                    \
    ENTRY(edge_softmax_##name, SoftmaxEdges<T>, (softmax_edges<T, V>))   \
    ENTRY(edge_extreme_##name, ExtremeEdges<T>, (extreme_edges<T, V>))   \
    ENTRY(edge_product_##name, ProductEdges<T>, (product_edges<T, V>))
FOR_ALL_TYPES(EDGES)
