// The attention of GAT: α[e] = softmaxᵢ(LeakyReLU(src[j] + dst[i] + edge[e])) and out[i] = Σ α[e] values[j] over the
// in-edges e of i from j, head by head. S is the type of sums; D = H·C.
#include "dropout.cuh"
#include "softmax.cuh"

// What scores are made of. `src`, `dst` or `edge` may be null.
template <class T> struct Scores {
    const T* src;   // [N_src, H]
    const T* dst;   // [N_dst, H]
    const T* edge;  // [E, H]
    double slope;
    Dropout dropout;
};

// The sum inside the LeakyReLU, (src + dst) + edge: in this order in every pass, or its sign, and with it the slope,
// might differ between them.
template <class S> __device__ inline S sum_of(S src, S dst, S edge) { return (src + dst) + edge; }

// Without a LeakyReLU the slope is 1, also for NaN and −∞.
template <class S> __device__ inline S slope_at(S sum, S slope) { return sum > S(0) ? S(1) : slope; }

template <class T> __device__ inline Sum<T> term(const T* of, size_t at) { return of ? wide(of[at]) : Sum<T>(0); }

template <class T> struct Forward {
    Rows rows;  // by destination
    Scores<T> scores;
    const T* values;  // [N_src, D]
    Attended<T> to;
    Layout layout;
};

// Grid: a team for every task, and blockIdx.y for the heads and channels that no lane of the team holds.
// A team walks over the in-edges of its row, EDGES at a time for each phase so that their reads overlap. A lane has V
// channels of one head, and all lanes of a head compute its score: there is nothing to exchange until the end.
// Reads per edge: 4 bytes of column (8 with edge terms or dropout), H scores, D values. Writes per row: D and 2H.
template <class T, int V> __device__ inline void forward(const Forward<T>& a) {
    using S = Sum<T>;
    constexpr int EDGES = 4;
    const Layout& l = a.layout;
    const Place p = PLACE(l, V);
    const Task task = task_of(a.rows, p);
    const unsigned head = p.a_head(l), column = p.column(l), width = l.heads * l.channels;
    const S own = term(a.scores.dst, size_t(task.row) * l.heads + head), slope = S(a.scores.slope);
    const bool ids = a.scores.edge || a.scores.dropout.wanted;
    Online<S, V> online;
    for (unsigned k = task.begin + p.phase; k < task.end; k += EDGES * l.phases) {
        S score[EDGES], factors[EDGES], value[EDGES][V];
        S largest = online.largest;
#pragma unroll
        for (int u = 0; u < EDGES; u++) {
            const unsigned at = k + u * l.phases;
            if (at >= task.end) break;
            const size_t j = a.rows.columns[at];
            const size_t e = ids ? size_t(a.rows.edge_ids[at]) * l.heads + head : 0;
            load<T, V>(value[u], a.values + j * width + column);
            const S sum = sum_of(term(a.scores.src, j * l.heads + head), own, term(a.scores.edge, e));
            score[u] = sum * slope_at(sum, slope);
            factors[u] = factor<S>(a.scores.dropout, e);
            largest = score[u] > largest ? score[u] : largest;
        }
        online.raise(largest);
#pragma unroll
        for (int u = 0; u < EDGES; u++) {
            if (k + u * l.phases >= task.end) break;
            online.add(score[u], factors[u], value[u]);
        }
    }
    write<T, V>(a.to, a.rows, l, p, task, online);
}

// What an edge needs of its destination, for one head, in one read: the term of its score, the largest score, the inverse
// total, and D = ⟨grad, out⟩.
template <class S> struct alignas(4 * sizeof(S)) Packed {
    S dst, largest, inverse, inner;
};

template <class T> struct Pack4 {
    const T* dst;  // [rows, H] or null
    const Sum<T>* largest;
    const Sum<T>* inverse;
    const Sum<T>* out;  // [rows, D], not rounded: or the gradients of scores of one row would not sum to 0
    const T* grad;      // [rows, D]
    Packed<Sum<T>>* packed;  // [rows, H]
    unsigned num_rows, unused;
    Layout layout;
};

// Grid: a team for every row and blockIdx.y for the heads that it does not hold; one chunk, one phase.
// Reads per row: 2D and 3H. Writes: 4H.
template <class T, int V> __device__ inline void pack(const Pack4<T>& a) {
    using S = Sum<T>;
    const Layout& l = a.layout;
    const Place p = PLACE(l, V);
    const bool mine = p.team < a.num_rows && p.head < l.heads;
    const size_t row = mine ? p.team : 0, at = row * l.heads + p.a_head(l);
    S inner = 0;
    if (mine) {
        for (unsigned c = p.channel; c < l.channels; c += l.lanes * V) {
            S g[V], o[V];
            load<T, V>(g, a.grad + at * l.channels + c);
            load<S, V>(o, a.out + at * l.channels + c);
            inner += dot(g, o);
        }
    }
    inner = over_head(l, p, inner);
    if (mine && p.within == 0) a.packed[at] = {term(a.dst, at), finite_or_0(a.largest[at]), a.inverse[at], inner};
}

template <class T> struct Backward {
    Rows rows;  // by source
    Scores<T> scores;
    const T* values;  // [N_src, D]
    const T* grad;    // [N_dst, D]
    const Packed<Sum<T>>* packed;  // [N_dst, H]
    T* of_values;     // [N_src, D], the gradient of the values
    T* of_src;        // [N_src, H], that of the terms of sources, or null
    Sum<T>* of_edges; // [E, H], that of the sums inside the LeakyReLU in the caller's order, or null
    Sum<T>* part_values;  // [parts, D]
    Sum<T>* part_src;     // [parts, H]
    Layout layout;
};

// Grid: as forward, a team for every task by source.
// With g the gradient of the result and f what dropout makes of a weight: ∂values[j] = Σ f α g[i], and that of a sum
// inside the LeakyReLU is z = α (f ⟨g[i], values[j]⟩ − D[i]) · LeakyReLU'. Weights are computed again. The lanes of a
// head add up their products; where a head has more channels than they hold, all blocks of it compute all products.
// Reads per edge: 8 bytes of indices, 4H, D of gradient. Writes: H, where wanted.
template <class T, int V> __device__ inline void backward(const Backward<T>& a) {
    using S = Sum<T>;
    constexpr int EDGES = 2;
    const Layout& l = a.layout;
    const Place p = PLACE(l, V);
    const Task task = task_of(a.rows, p);
    const unsigned head = p.a_head(l), column = p.column(l), width = l.heads * l.channels;
    const S own = term(a.scores.src, size_t(task.row) * l.heads + head), slope = S(a.scores.slope);
    const T* const row = a.values + size_t(task.row) * width;
    const bool one_chunk = l.chunks == 1;
    S value[V] = {}, sum[V] = {}, of_src = 0;
    if (p.active && task.begin < task.end) load<T, V>(value, row + column);
    // Every lane of the team goes round as often: all are needed for the sums over heads.
    for (unsigned k = task.begin; k < task.end; k += EDGES * l.phases) {
        S g[EDGES][V] = {}, product[EDGES] = {};
        Packed<S> of[EDGES];
        size_t e[EDGES];
#pragma unroll
        for (int u = 0; u < EDGES; u++) {
            const unsigned at = k + p.phase + u * l.phases;
            if (at >= task.end) break;
            const size_t i = a.rows.columns[at];
            e[u] = size_t(a.rows.edge_ids[at]) * l.heads + head;
            of[u] = a.packed[i * l.heads + head];
            if (p.active) load<T, V>(g[u], a.grad + i * width + column);
            if (one_chunk) {
                product[u] = dot(g[u], value);
            } else {
                for (unsigned c = p.within * V; c < l.channels; c += l.lanes * V) {
                    S x[V], y[V];
                    load<T, V>(x, a.grad + i * width + head * l.channels + c);
                    load<T, V>(y, row + head * l.channels + c);
                    product[u] += dot(x, y);
                }
            }
        }
#pragma unroll
        for (int u = 0; u < EDGES; u++) product[u] = over_head(l, p, product[u]);
#pragma unroll
        for (int u = 0; u < EDGES; u++) {
            if (k + p.phase + u * l.phases >= task.end) break;
            const S inside = sum_of(own, of[u].dst, term(a.scores.edge, e[u])), steep = slope_at(inside, slope);
            const S alpha = exponential(inside * steep - of[u].largest) * of[u].inverse;
            const S kept = alpha * factor<S>(a.scores.dropout, e[u]);
            const S z = (kept * product[u] - alpha * of[u].inner) * steep;
            of_src += z;
            if (a.of_edges && p.within == 0 && p.chunk == 0 && p.head < l.heads) a.of_edges[e[u]] = z;
#pragma unroll
            for (int i = 0; i < V; i++) sum[i] += kept * g[u][i];
        }
    }
    of_src = over_phases(l, p, of_src);
#pragma unroll
    for (int i = 0; i < V; i++) sum[i] = over_phases(l, p, sum[i]);
    if (!p.active || p.phase > 0 || p.team >= a.rows.num_tasks) return;
    const size_t at = size_t(task.slot) * l.heads + p.head, first = size_t(task.slot) * width + column;
    if (a.rows.parts) {
        store<S, V>(a.part_values + first, sum);
        if (p.channel == 0) a.part_src[at] = of_src;
    } else {
        store<T, V>(a.of_values + first, sum);
        if (a.of_src && p.channel == 0) a.of_src[at] = narrow<T>(of_src);
    }
}

template <class T> struct MergeBackward {
    T* of_values;
    T* of_src;  // or null
    const Sum<T>* part_values;
    const Sum<T>* part_src;
    const Cut* cuts;
    unsigned num_cuts;
    Layout layout;
};

// Makes the gradients of the sources that were cut of their parts, in their order. Grid: a team for each.
template <class T, int V> __device__ inline void merge_backward(const MergeBackward<T>& a) {
    using S = Sum<T>;
    const Layout& l = a.layout;
    const Place p = PLACE(l, V);
    if (!p.active || p.phase > 0 || p.team >= a.num_cuts) return;
    const Cut cut = a.cuts[p.team];
    const unsigned width = l.heads * l.channels;
    S sum[V] = {}, of_src = 0;
    for (unsigned k = cut.first_part; k < cut.end_part; k++) {
        S part[V];
        load<S, V>(part, a.part_values + size_t(k) * width + p.column(l));
#pragma unroll
        for (int i = 0; i < V; i++) sum[i] += part[i];
        of_src += a.part_src[size_t(k) * l.heads + p.head];
    }
    store<T, V>(a.of_values + size_t(cut.row) * width + p.column(l), sum);
    if (a.of_src && p.channel == 0) a.of_src[size_t(cut.row) * l.heads + p.head] = narrow<T>(of_src);
}

#define ADDITIVE(name, T, V)                                                \
    ENTRY(additive_forward_##name, Forward<T>, (forward<T, V>))             \
    ENTRY(additive_merge_##name, Merge<T>, (merge_attended<T, V>))          \
    ENTRY(additive_pack_##name, Pack4<T>, (pack<T, V>))                     \
    ENTRY(additive_backward_##name, Backward<T>, (backward<T, V>))          \
    ENTRY(additive_merge_backward_##name, MergeBackward<T>, (merge_backward<T, V>))
FOR_ALL_TYPES(ADDITIVE)
