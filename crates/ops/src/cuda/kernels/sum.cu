// Sums over the rows of a compressed form: out[r] = Σ w[e] x[ids[k]] over the entries k of row r, whose edge is e.
// Scatter's sum and mean, the gradients of gathers, and sparse products are all of these.
#include "rows.cuh"

template <class T> struct Summed {
    T* out;         // [rows, D], or null
    Sum<T>* exact;  // [rows, D], the same not rounded, or null
    Sum<T>* parts;  // [parts, D]
    const unsigned* row_ptr;  // null, or for the mean: what a row is divided by follows from it
};

// Writes a whole row.
template <class T, int V>
__device__ inline void finish(const Summed<T>& to, const Layout& l, const Place& p, unsigned row, Sum<T> (&sum)[V]) {
    if (to.row_ptr) {
        const unsigned degree = to.row_ptr[row + 1] - to.row_ptr[row];
#pragma unroll
        for (int i = 0; i < V; i++) sum[i] /= Sum<T>(degree > 0 ? degree : 1);
    }
    const size_t at = size_t(row) * l.heads * l.channels + p.column(l);
    if (to.out) store<T, V>(to.out + at, sum);
    if (to.exact) store<Sum<T>, V>(to.exact + at, sum);
}

template <class T> struct SumRows {
    Rows rows;
    const unsigned* ids;
    const T* weights;  // [E, H] in the caller's order, or null
    const T* x;        // [_, D]
    Summed<T> to;
    Layout layout;
};

// Grid: a team for every task, and blockIdx.y for the heads and channels that no lane of the team holds.
// A lane has V channels of one head and adds EDGES rows at a time, so that their reads overlap.
// Reads per edge: 4 bytes of index, D; with weights 4 bytes and H more. Writes per row: D.
template <class T, int V> __device__ inline void sum_rows(const SumRows<T>& a) {
    using S = Sum<T>;
    constexpr int EDGES = 4;
    const Layout& l = a.layout;
    const Place p = PLACE(l, V);
    const Task task = task_of(a.rows, p);
    const unsigned head = p.a_head(l), column = p.column(l), width = l.heads * l.channels;
    S sum[V] = {};
    for (unsigned k = task.begin + p.phase; k < task.end; k += EDGES * l.phases) {
        S x[EDGES][V], w[EDGES];
#pragma unroll
        for (int u = 0; u < EDGES; u++) {
            const unsigned at = k + u * l.phases;
            if (at >= task.end) break;
            load<T, V>(x[u], a.x + size_t(a.ids[at]) * width + column);
            w[u] = a.weights ? wide(a.weights[size_t(a.rows.edge_ids[at]) * l.heads + head]) : S(1);
        }
#pragma unroll
        for (int u = 0; u < EDGES; u++) {
            if (k + u * l.phases >= task.end) break;
#pragma unroll
            for (int i = 0; i < V; i++) sum[i] += w[u] * x[u][i];
        }
    }
#pragma unroll
    for (int i = 0; i < V; i++) sum[i] = over_phases(l, p, sum[i]);
    if (!p.active || p.phase > 0 || p.team >= a.rows.num_tasks) return;
    if (a.rows.parts) {
        store<S, V>(a.to.parts + size_t(task.slot) * width + column, sum);
    } else {
        finish<T, V>(a.to, l, p, task.row, sum);
    }
}

template <class T> struct MergeSums {
    Summed<T> to;
    const Cut* cuts;
    unsigned num_cuts, unused;
    Layout layout;
};

// Makes the rows that were cut of their parts, in their order. Grid: a team for every such row.
template <class T, int V> __device__ inline void merge_sums(const MergeSums<T>& a) {
    using S = Sum<T>;
    const Layout& l = a.layout;
    const Place p = PLACE(l, V);
    if (!p.active || p.phase > 0 || p.team >= a.num_cuts) return;
    const Cut cut = a.cuts[p.team];
    S sum[V] = {};
    for (unsigned k = cut.first_part; k < cut.end_part; k++) {
        S part[V];
        load<S, V>(part, a.to.parts + size_t(k) * l.heads * l.channels + p.column(l));
#pragma unroll
        for (int i = 0; i < V; i++) sum[i] += part[i];
    }
    finish<T, V>(a.to, l, p, cut.row, sum);
}

// How many rows a team adds up in one step of a sum of columns.
constexpr unsigned STEP = 64;

template <class T> struct SumColumns {
    const T* x;   // [rows, D]
    Sum<T>* out;  // [rows / STEP, rounded up, D]
    unsigned num_rows, unused;
    Layout layout;  // of one head
};

// Grid: a team for every STEP rows. The host calls this until one row is left.
template <class T, int V> __device__ inline void sum_columns(const SumColumns<T>& a) {
    using S = Sum<T>;
    const Layout& l = a.layout;
    const Place p = PLACE(l, V);
    const size_t first = size_t(p.team) * STEP, width = size_t(l.heads) * l.channels;
    if (!p.active || p.phase > 0 || first >= a.num_rows) return;
    const unsigned count = a.num_rows - first < STEP ? unsigned(a.num_rows - first) : STEP;
    S sum[V] = {};
    for (unsigned k = 0; k < count; k++) {
        S x[V];
        load<T, V>(x, a.x + (first + k) * width + p.column(l));
#pragma unroll
        for (int i = 0; i < V; i++) sum[i] += x[i];
    }
    store<S, V>(a.out + p.team * width + p.column(l), sum);
}

#define SUMS(name, T, V)                                    \
    ENTRY(sum_rows_##name, SumRows<T>, (sum_rows<T, V>))    \
    ENTRY(sum_merge_##name, MergeSums<T>, (merge_sums<T, V>)) \
    ENTRY(sum_columns_##name, SumColumns<T>, (sum_columns<T, V>))
FOR_ALL_TYPES(SUMS)
