// What is found column by column in every row of a compressed form, and is no sum: the largest number with the sum of
// exponentials below it (softmax), the largest or smallest with how many equal it, and the product. S is the type of sums.
#include "softmax.cuh"

// One column of some edges, and how two sets of edges become one.
template <class S> struct SoftmaxColumn {
    S first = S(-INFINITE), second = 0;  // the largest score, the total
    __device__ void join(S m, S t) {
        if (m > first) {
            second *= exponential(first - m);
            first = m;
        }
        second += t * exponential(m - finite_or_0(first));
    }
    __device__ void add(S x) { join(x, S(1)); }
    __device__ void finish(bool) { second = inverse(second); }
    __device__ S result() const { return first; }
};

template <class S> struct ExtremeColumn {
    S first = S(-INFINITE), second = 0;  // the largest, how many equal it; NaN beats all
    __device__ void join(S v, S n) {
        if (v == first) second += n;
        if (v > first || v != v) {
            first = v;
            second = n;
        }
    }
    __device__ void add(S x) { join(x, S(1)); }
    __device__ void finish(bool empty) {
        if (empty) first = 0;
    }
    __device__ S result() const { return first; }
};

template <class S> struct ProductColumn {
    S first = 1, second = 0;  // the product of those that are not 0, how many are 0
    __device__ void join(S v, S n) {
        first *= v;
        second += n;
    }
    __device__ void add(S x) { x == S(0) ? join(S(1), S(1)) : join(x, S(0)); }
    __device__ void finish(bool) {}
    // Not 0 where something is infinite or NaN.
    __device__ S result() const { return second > S(0) ? first * S(0) : first; }
};

template <class T> struct Found {
    T* rounded;      // [rows, D], the result times the sign, or null
    Sum<T>* first;   // [rows, D], times the sign, or null
    Sum<T>* second;  // [rows, D]
    Sum<T>* part_first;   // [parts, D]
    Sum<T>* part_second;  // [parts, D]
    double sign;          // −1 where the smallest is looked for
};

template <class Column, class T, int V>
__device__ inline void finish(const Found<T>& to, const Layout& l, const Place& p, unsigned row, bool empty, Column (&c)[V]) {
    const size_t at = size_t(row) * l.heads * l.channels + p.column(l);
    Sum<T> result[V], first[V], second[V];
#pragma unroll
    for (int i = 0; i < V; i++) {
        c[i].finish(empty);
        result[i] = c[i].result() * Sum<T>(to.sign) + Sum<T>(0);
        first[i] = c[i].first * Sum<T>(to.sign) + Sum<T>(0), second[i] = c[i].second;
    }
    if (to.rounded) store<T, V>(to.rounded + at, result);
    if (to.first) store<Sum<T>, V>(to.first + at, first);
    store<Sum<T>, V>(to.second + at, second);
}

template <class T> struct ColumnsOfRows {
    Rows rows;
    const T* x;  // [E, D] in the caller's order
    Found<T> to;
    Layout layout;  // of one head
};

// Grid: a team for every task, and blockIdx.y for the columns that no lane of the team holds. Phases join at the end,
// each with the next. Reads per edge: 4 bytes of index and D. Writes per row: 2D.
template <template <class> class Column, class T, int V> __device__ inline void columns(const ColumnsOfRows<T>& a) {
    using S = Sum<T>;
    const Layout& l = a.layout;
    const Place p = PLACE(l, V);
    const Task task = task_of(a.rows, p);
    const size_t width = size_t(l.heads) * l.channels, column = p.column(l);
    Column<S> found[V];
    for (unsigned k = task.begin + p.phase; k < task.end; k += l.phases) {
        S x[V];
        load<T, V>(x, a.x + a.rows.edge_ids[k] * width + column);
#pragma unroll
        for (int i = 0; i < V; i++) found[i].add(x[i] * S(a.to.sign));
    }
    const unsigned step = l.lanes * l.heads_at_once;
    for (unsigned d = step; d < step * l.phases; d *= 2) {
#pragma unroll
        for (int i = 0; i < V; i++) {
            const S first = __shfl_xor_sync(p.mask, found[i].first, d);
            found[i].join(first, __shfl_xor_sync(p.mask, found[i].second, d));
        }
    }
    if (!p.active || p.phase > 0 || p.team >= a.rows.num_tasks) return;
    if (!a.rows.parts) return finish<Column<S>, T, V>(a.to, l, p, task.row, task.begin == task.end, found);
    S first[V], second[V];
#pragma unroll
    for (int i = 0; i < V; i++) first[i] = found[i].first, second[i] = found[i].second;
    store<S, V>(a.to.part_first + task.slot * width + column, first);
    store<S, V>(a.to.part_second + task.slot * width + column, second);
}

template <class T> struct MergeColumns {
    Found<T> to;
    const Cut* cuts;
    unsigned num_cuts;
    Layout layout;
};

// Makes the rows that were cut of their parts, in their order. Grid: a team for every such row.
template <template <class> class Column, class T, int V> __device__ inline void merge_columns(const MergeColumns<T>& a) {
    using S = Sum<T>;
    const Layout& l = a.layout;
    const Place p = PLACE(l, V);
    if (!p.active || p.phase > 0 || p.team >= a.num_cuts) return;
    const Cut cut = a.cuts[p.team];
    Column<S> found[V];
    for (unsigned k = cut.first_part; k < cut.end_part; k++) {
        const size_t at = size_t(k) * l.heads * l.channels + p.column(l);
        S first[V], second[V];
        load<S, V>(first, a.to.part_first + at);
        load<S, V>(second, a.to.part_second + at);
#pragma unroll
        for (int i = 0; i < V; i++) found[i].join(first[i], second[i]);
    }
    finish<Column<S>, T, V>(a.to, l, p, cut.row, false, found);
}

#define COLUMNS(name, T, V)                                                                \
    ENTRY(columns_softmax_##name, ColumnsOfRows<T>, (columns<SoftmaxColumn, T, V>))        \
    ENTRY(columns_softmax_merge_##name, MergeColumns<T>, (merge_columns<SoftmaxColumn, T, V>)) \
    ENTRY(columns_extreme_##name, ColumnsOfRows<T>, (columns<ExtremeColumn, T, V>))        \
    ENTRY(columns_extreme_merge_##name, MergeColumns<T>, (merge_columns<ExtremeColumn, T, V>)) \
    ENTRY(columns_product_##name, ColumnsOfRows<T>, (columns<ProductColumn, T, V>))        \
    ENTRY(columns_product_merge_##name, MergeColumns<T>, (merge_columns<ProductColumn, T, V>))
FOR_ALL_TYPES(COLUMNS)
