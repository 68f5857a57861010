// Attentions whose scores compare whole rows, head by head: the graph transformer's ⟨query[i], key[j]⟩ · scale, and
// GATv2's ⟨att, LeakyReLU(query[i] + key[j])⟩, where keys are the values, too. S is the type of sums; D = H·C.
#include "dropout.cuh"
#include "softmax.cuh"

template <class T> struct Pairs {
    const T* query;  // [N_dst, D]
    const T* key;    // [N_src, D]
    const T* value;  // [N_src, D]; GATv2: the keys
    const T* edge;   // [E, D], added to the keys, and to the values where these are not the keys; or null
    const T* att;    // [D], GATv2 only
    double number;   // the scale, or the slope of the LeakyReLU
    Dropout dropout;
};

// The score of one channel: it has a value, a derivative by query or key (which are the same, or each other), and for
// the parameters.
template <bool DYNAMIC> struct Score;

template <> struct Score<false> {
    template <class S> __device__ static S of(S query, S key, S, S) { return query * key; }
    template <class S> __device__ static S by_query(S, S key, S, S scale) { return scale * key; }
    template <class S> __device__ static S by_key(S query, S, S, S scale) { return scale * query; }
    template <class S> __device__ static S whole(S sum, S scale) { return scale * sum; }
};

template <> struct Score<true> {
    template <class S> __device__ static S leaky(S t, S slope) { return t > S(0) ? t : slope * t; }
    template <class S> __device__ static S of(S query, S key, S att, S slope) { return att * leaky(query + key, slope); }
    template <class S> __device__ static S by_query(S query, S key, S att, S slope) {
        return query + key > S(0) ? att : slope * att;
    }
    template <class S> __device__ static S by_key(S query, S key, S att, S slope) {
        return by_query(query, key, att, slope);
    }
    template <class S> __device__ static S whole(S sum, S) { return sum; }
};

// V numbers of `row` from `at` on, plus those of the edge terms, if any.
template <class T, int V>
__device__ inline void load_sum(Sum<T> (&to)[V], const T* row, const T* terms, size_t edge, unsigned width, unsigned at) {
    load<T, V>(to, row + at);
    if (!terms) return;
    Sum<T> term[V];
    load<T, V>(term, terms + edge * width + at);
#pragma unroll
    for (int i = 0; i < V; i++) to[i] += term[i];
}

// The lane's part of the score of an edge, and of ⟨g, value⟩, over all channels of the head: for heads of more channels
// than their lanes hold. What is null is left out.
template <bool DYNAMIC, class T, int V>
__device__ inline void all_channels(
    const Pairs<T>& a, const Layout& l, const Place& p, size_t i, size_t j, size_t edge, const T* grad, Sum<T>& score,
    Sum<T>& product
) {
    using S = Sum<T>;
    const unsigned width = l.heads * l.channels, first = p.a_head(l) * l.channels;
    for (unsigned c = p.within * V; c < l.channels; c += l.lanes * V) {
        S q[V], k[V], att[V] = {}, g[V], v[V];
        load<T, V>(q, a.query + i * width + first + c);
        load_sum<T, V>(k, a.key + j * width, a.edge, edge, width, first + c);
        if (DYNAMIC) load<T, V>(att, a.att + first + c);
#pragma unroll
        for (int n = 0; n < V; n++) score += Score<DYNAMIC>::of(q[n], k[n], att[n], S(a.number));
        if (!grad) continue;
        load<T, V>(g, grad + i * width + first + c);
        load_sum<T, V>(v, a.value + j * width, DYNAMIC ? nullptr : a.edge, edge, width, first + c);
        product += dot(g, v);
    }
}

template <class T> struct PairForward {
    Rows rows;  // by destination
    Pairs<T> pairs;
    Attended<T> to;  // null where only scores are wanted
    Sum<T>* scores;  // [E, H] in the caller's order, or null
    Layout layout;
};

// Grid: a team for every task, and blockIdx.y for the heads and channels that no lane of the team holds.
// A team walks over the in-edges of its row, EDGES at a time for each phase; the query is in registers. The lanes of a
// head add up their products. Reads per edge: 8 bytes of indices, D of keys, D of values unless these are the keys, and D
// of edge terms. Writes per row: D and 2H.
template <bool DYNAMIC, class T, int V> __device__ inline void pair_forward(const PairForward<T>& a) {
    using S = Sum<T>;
    constexpr int EDGES = 2;
    const Layout& l = a.layout;
    const Pairs<T>& pairs = a.pairs;
    const Place p = PLACE(l, V);
    const Task task = task_of(a.rows, p);
    const unsigned head = p.a_head(l), column = p.column(l), width = l.heads * l.channels;
    const S number = S(pairs.number);
    S query[V] = {}, att[V] = {};
    if (p.active && task.begin < task.end) {
        load<T, V>(query, pairs.query + size_t(task.row) * width + column);
        if (DYNAMIC) load<T, V>(att, pairs.att + column);
    }
    Online<S, V> online;
    // Every lane of the team goes round as often: all are needed for the sums over heads.
    for (unsigned k = task.begin; k < task.end; k += EDGES * l.phases) {
        S score[EDGES] = {}, value[EDGES][V] = {};
        size_t e[EDGES];
#pragma unroll
        for (int u = 0; u < EDGES; u++) {
            const unsigned at = k + p.phase + u * l.phases;
            if (at >= task.end) break;
            const size_t j = a.rows.columns[at];
            e[u] = a.rows.edge_ids[at];
            S key[V] = {};
            if (p.active) {
                load_sum<T, V>(key, pairs.key + j * width, pairs.edge, e[u], width, column);
                if (DYNAMIC && !pairs.edge) {
#pragma unroll
                    for (int i = 0; i < V; i++) value[u][i] = key[i];
                } else if (!a.scores) {
                    load_sum<T, V>(value[u], pairs.value + j * width, DYNAMIC ? nullptr : pairs.edge, e[u], width, column);
                }
            }
            if (l.chunks == 1) {
#pragma unroll
                for (int i = 0; i < V; i++) score[u] += Score<DYNAMIC>::of(query[i], key[i], att[i], number);
            } else {
                S none;
                all_channels<DYNAMIC, T, V>(pairs, l, p, task.row, j, e[u], nullptr, score[u], none);
            }
        }
#pragma unroll
        for (int u = 0; u < EDGES; u++) score[u] = Score<DYNAMIC>::whole(over_head(l, p, score[u]), number);
        S largest = online.largest;
#pragma unroll
        for (int u = 0; u < EDGES; u++) {
            if (k + p.phase + u * l.phases >= task.end) break;
            if (a.scores && p.within == 0 && p.chunk == 0 && p.head < l.heads) {
                a.scores[e[u] * l.heads + head] = score[u];
            }
            largest = score[u] > largest ? score[u] : largest;
        }
        online.raise(largest);
#pragma unroll
        for (int u = 0; u < EDGES; u++) {
            if (k + p.phase + u * l.phases >= task.end) break;
            online.add(score[u], factor<S>(pairs.dropout, e[u] * l.heads + head), value[u]);
        }
    }
    if (!a.scores) write<T, V>(a.to, a.rows, l, p, task, online);
}

// What an edge needs of its destination, for one head: the largest score, the inverse total, and D = ⟨grad, out⟩.
template <class S> struct alignas(4 * sizeof(S)) OfDestination {
    S largest, inverse, inner, unused;
};

template <class T> struct PairPack {
    const Sum<T>* largest;  // [rows, H]
    const Sum<T>* inverse;
    const Sum<T>* out;  // [rows, D], not rounded
    const T* grad;      // [rows, D]
    OfDestination<Sum<T>>* packed;  // [rows, H]
    unsigned num_rows, unused;
    Layout layout;
};

// Grid: a team for every row and blockIdx.y for the heads that it does not hold; one chunk, one phase.
template <class T, int V> __device__ inline void pair_pack(const PairPack<T>& a) {
    using S = Sum<T>;
    const Layout& l = a.layout;
    const Place p = PLACE(l, V);
    const bool mine = p.team < a.num_rows && p.head < l.heads;
    const size_t at = size_t(mine ? p.team : 0) * l.heads + p.a_head(l);
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
    if (mine && p.within == 0) a.packed[at] = {finite_or_0(a.largest[at]), a.inverse[at], inner, S(0)};
}

// Sums of rows, or of parts of rows.
template <class T> struct Gathered {
    T* out;         // [rows, D], or null
    Sum<T>* parts;  // [parts, D]
};

template <class T, int V>
__device__ inline void write_sum(
    const Gathered<T>& to, const Rows& rows, const Layout& l, const Place& p, const Task& task, Sum<T> (&sum)[V]
) {
    if (!to.out) return;
#pragma unroll
    for (int i = 0; i < V; i++) sum[i] = over_phases(l, p, sum[i]);
    if (!p.active || p.phase > 0 || p.team >= rows.num_tasks) return;
    const size_t first = size_t(task.slot) * l.heads * l.channels + p.column(l);
    if (rows.parts) store<Sum<T>, V>(to.parts + first, sum);
    else store<T, V>(to.out + first, sum);
}

template <class T> struct PairBySource {
    Rows rows;  // by source
    Pairs<T> pairs;
    const T* grad;  // [N_dst, D]; null where `z` is given
    const OfDestination<Sum<T>>* packed;  // [N_dst, H]
    Gathered<T> of_key;
    Gathered<T> of_value;  // none in GATv2, where it is part of the keys'
    T* of_edge;       // [E, D] in the caller's order, or null
    Sum<T>* of_att;   // [tasks, D], or null
    Sum<T>* z;        // [E, H] in the caller's order: the gradients of the scores, written, or read where grad is null
    Layout layout;
};

// Grid: as forward, a team for every task by source; key and value are in registers.
// With g the gradient of the result and f what dropout makes of a weight: ∂value[j] = Σ f α g[i], and the gradient of a
// score is z = α (f ⟨g[i], value[j]⟩ − D[i]), which is left for the pass by destination.
// Reads per edge: 8 bytes of indices, 4H, D of queries and D of gradient, and D of edge terms. Writes: H, and D where the
// gradient of the terms is wanted.
template <bool DYNAMIC, class T, int V> __device__ inline void pair_by_source(const PairBySource<T>& a) {
    using S = Sum<T>;
    const Layout& l = a.layout;
    const Pairs<T>& pairs = a.pairs;
    const Place p = PLACE(l, V);
    const Task task = task_of(a.rows, p);
    const unsigned head = p.a_head(l), column = p.column(l), width = l.heads * l.channels;
    const S number = S(pairs.number);
    S own_key[V] = {}, own_value[V] = {}, att[V] = {}, of_key[V] = {}, of_value[V] = {}, of_att[V] = {};
    if (p.active && task.begin < task.end) {
        load<T, V>(own_key, pairs.key + size_t(task.row) * width + column);
        if (a.grad) load<T, V>(own_value, pairs.value + size_t(task.row) * width + column);
        if (DYNAMIC) load<T, V>(att, pairs.att + column);
    }
    for (unsigned k = task.begin; k < task.end; k += l.phases) {
        const unsigned at = k + p.phase;
        const bool here = at < task.end;
        const size_t i = here ? a.rows.columns[at] : 0, e = here ? a.rows.edge_ids[at] : 0;
        S query[V] = {}, key[V] = {}, g[V] = {}, score = 0, product = 0;
        if (here && p.active) {
            S term[V] = {};
            if (pairs.edge) load<T, V>(term, pairs.edge + e * width + column);
            load<T, V>(query, pairs.query + i * width + column);
            if (a.grad) load<T, V>(g, a.grad + i * width + column);
#pragma unroll
            for (int n = 0; n < V; n++) {
                key[n] = own_key[n] + term[n];
                if (!a.grad || l.chunks > 1) continue;
                score += Score<DYNAMIC>::of(query[n], key[n], att[n], number);
                product += g[n] * (DYNAMIC ? own_value[n] : own_value[n] + term[n]);
            }
        }
        if (here && a.grad && l.chunks > 1) {
            all_channels<DYNAMIC, T, V>(pairs, l, p, i, task.row, e, a.grad, score, product);
        }
        score = Score<DYNAMIC>::whole(over_head(l, p, score), number);
        product = over_head(l, p, product);
        if (!here) continue;
        const size_t eh = e * l.heads + head;
        S z, kept = 0;
        if (a.grad) {
            const OfDestination<S> of = a.packed[i * l.heads + head];
            const S alpha = exponential(score - of.largest) * of.inverse;
            kept = alpha * factor<S>(pairs.dropout, eh);
            z = kept * product - alpha * of.inner;
            if (a.z && p.within == 0 && p.chunk == 0 && p.head < l.heads) a.z[eh] = z;
        } else {
            z = a.z[eh];
        }
        S of_edge[V];
#pragma unroll
        for (int n = 0; n < V; n++) {
            const S by_key = z * Score<DYNAMIC>::by_key(query[n], key[n], att[n], number);
            of_key[n] += by_key;
            of_value[n] += kept * g[n];
            of_edge[n] = DYNAMIC ? by_key : by_key + kept * g[n];
            if constexpr (DYNAMIC) of_att[n] += z * Score<true>::leaky(query[n] + key[n], number);
        }
        if (a.of_edge && p.active) store<T, V>(a.of_edge + e * width + column, of_edge);
    }
    if constexpr (DYNAMIC) {
#pragma unroll
        for (int n = 0; n < V; n++) of_key[n] += of_value[n];
    }
    write_sum<T, V>(a.of_key, a.rows, l, p, task, of_key);
    if constexpr (!DYNAMIC) write_sum<T, V>(a.of_value, a.rows, l, p, task, of_value);
    if constexpr (DYNAMIC) {
        if (!a.of_att) return;
#pragma unroll
        for (int n = 0; n < V; n++) of_att[n] = over_phases(l, p, of_att[n]);
        if (!p.active || p.phase > 0 || p.team >= a.rows.num_tasks) return;
        store<S, V>(a.of_att + size_t(a.rows.first_task + p.team) * width + column, of_att);
    }
}

template <class T> struct PairByDestination {
    Rows rows;  // by destination
    Pairs<T> pairs;
    const Sum<T>* z;  // [E, H] in the caller's order
    Gathered<T> of_query;
    Layout layout;
};

// Grid: as forward, a team for every task by destination. ∂query[i] = Σ z ∂score/∂query[i].
// Reads per edge: 8 bytes of indices, H, D of keys, and D of edge terms. Writes per row: D.
template <bool DYNAMIC, class T, int V> __device__ inline void pair_by_destination(const PairByDestination<T>& a) {
    using S = Sum<T>;
    constexpr int EDGES = 4;
    const Layout& l = a.layout;
    const Pairs<T>& pairs = a.pairs;
    const Place p = PLACE(l, V);
    const Task task = task_of(a.rows, p);
    const unsigned head = p.a_head(l), column = p.column(l), width = l.heads * l.channels;
    S query[V] = {}, att[V] = {}, sum[V] = {};
    if (DYNAMIC && task.begin < task.end) {
        load<T, V>(query, pairs.query + size_t(task.row) * width + column);
        load<T, V>(att, pairs.att + column);
    }
    for (unsigned k = task.begin + p.phase; k < task.end; k += EDGES * l.phases) {
        S key[EDGES][V], z[EDGES];
#pragma unroll
        for (int u = 0; u < EDGES; u++) {
            const unsigned at = k + u * l.phases;
            if (at >= task.end) break;
            const size_t e = a.rows.edge_ids[at];
            load_sum<T, V>(key[u], pairs.key + size_t(a.rows.columns[at]) * width, pairs.edge, e, width, column);
            z[u] = a.z[e * l.heads + head];
        }
#pragma unroll
        for (int u = 0; u < EDGES; u++) {
            if (k + u * l.phases >= task.end) break;
#pragma unroll
            for (int i = 0; i < V; i++) {
                sum[i] += z[u] * Score<DYNAMIC>::by_query(query[i], key[u][i], att[i], S(pairs.number));
            }
        }
    }
    write_sum<T, V>(a.of_query, a.rows, l, p, task, sum);
}

template <class T> struct MergeGathered {
    Gathered<T> to;
    const Cut* cuts;
    unsigned num_cuts;
    Layout layout;
};

// Makes the rows that were cut of their parts, in their order. Grid: a team for every such row.
template <class T, int V> __device__ inline void merge_gathered(const MergeGathered<T>& a) {
    using S = Sum<T>;
    const Layout& l = a.layout;
    const Place p = PLACE(l, V);
    if (!p.active || p.phase > 0 || p.team >= a.num_cuts) return;
    const Cut cut = a.cuts[p.team];
    const unsigned width = l.heads * l.channels;
    S sum[V] = {};
    for (unsigned k = cut.first_part; k < cut.end_part; k++) {
        S part[V];
        load<S, V>(part, a.to.parts + size_t(k) * width + p.column(l));
#pragma unroll
        for (int i = 0; i < V; i++) sum[i] += part[i];
    }
    store<T, V>(a.to.out + size_t(cut.row) * width + p.column(l), sum);
}

#define PAIRWISE(name, T, V)                                                                     \
    ENTRY(dot_forward_##name, PairForward<T>, (pair_forward<false, T, V>))                       \
    ENTRY(dot_by_source_##name, PairBySource<T>, (pair_by_source<false, T, V>))                  \
    ENTRY(dot_by_destination_##name, PairByDestination<T>, (pair_by_destination<false, T, V>))   \
    ENTRY(dynamic_forward_##name, PairForward<T>, (pair_forward<true, T, V>))                    \
    ENTRY(dynamic_by_source_##name, PairBySource<T>, (pair_by_source<true, T, V>))               \
    ENTRY(dynamic_by_destination_##name, PairByDestination<T>, (pair_by_destination<true, T, V>)) \
    ENTRY(pair_pack_##name, PairPack<T>, (pair_pack<T, V>))                                      \
    ENTRY(pair_merge_##name, Merge<T>, (merge_attended<T, V>))                                   \
    ENTRY(pair_merge_sums_##name, MergeGathered<T>, (merge_gathered<T, V>))
FOR_ALL_TYPES(PAIRWISE)
