// Grouping edges by one of their ends: a stable sort by digits of the key, the least one first, and then the tasks that
// the rows are. Integers only.
#include "rows.cuh"

constexpr unsigned DIGITS = 16;  // values of a digit of four bits
constexpr unsigned ITEMS = 8;    // neighbours that a thread takes
constexpr unsigned TILE = THREADS * ITEMS;

// The position of the thread in a grid that goes over single numbers.
__device__ inline size_t position() { return size_t(blockIdx.x) * THREADS + threadIdx.x; }

// The sum of `value` over the threads before this one; `total` is that over all.
__device__ inline unsigned sum_before(unsigned value, unsigned& total) {
    __shared__ unsigned sums[THREADS];
    const unsigned t = threadIdx.x;
    sums[t] = value;
    __syncthreads();
    for (unsigned d = 1; d < THREADS; d *= 2) {
        const unsigned other = t >= d ? sums[t - d] : 0;
        __syncthreads();
        sums[t] += other;
        __syncthreads();
    }
    total = sums[THREADS - 1];
    return sums[t] - value;
}

// out[i] = Σ in[k] over k < i within a tile, and the total of each tile.
struct Scan {
    const unsigned* in;
    unsigned* out;
    unsigned* totals;
    unsigned n, unused;
};

__device__ inline void scan(const Scan& a) {
    const size_t first = size_t(blockIdx.x) * TILE + threadIdx.x * ITEMS;
    unsigned values[ITEMS], sum = 0, total;
#pragma unroll
    for (unsigned i = 0; i < ITEMS; i++) {
        values[i] = first + i < a.n ? a.in[first + i] : 0;
        sum += values[i];
    }
    unsigned before = sum_before(sum, total);
#pragma unroll
    for (unsigned i = 0; i < ITEMS; i++) {
        if (first + i < a.n) a.out[first + i] = before;
        before += values[i];
    }
    if (threadIdx.x == 0) a.totals[blockIdx.x] = total;
}
ENTRY(group_scan, Scan, scan)

// to[i] += of[tile of i].
struct Add {
    unsigned* to;
    const unsigned* of;
    unsigned n, unused;
};

__device__ inline void add(const Add& a) {
    const size_t i = position();
    if (i < a.n) a.to[i] += a.of[i / TILE];
}
ENTRY(group_add, Add, add)

// One digit: how often each of its values occurs in each tile, then where the keys go.
struct Digit {
    const unsigned* keys;
    const unsigned* ids;  // null: 0, 1, 2, …
    unsigned* counts;     // [DIGITS, tiles]; when keys move, their sums before
    unsigned* sorted_keys;
    unsigned* sorted_ids;
    unsigned n, shift;
};

__device__ inline unsigned digit_of(const Digit& a, unsigned key) { return key >> a.shift & (DIGITS - 1); }

// counts[digit · THREADS + thread]: of the thread's neighbours.
__device__ inline void count_own(const Digit& a, size_t first, unsigned short* counts) {
    for (unsigned d = 0; d < DIGITS; d++) counts[d * THREADS + threadIdx.x] = 0;
    for (unsigned i = 0; i < ITEMS; i++) {
        if (first + i < a.n) counts[digit_of(a, a.keys[first + i]) * THREADS + threadIdx.x]++;
    }
    __syncthreads();
}

__device__ inline void count(const Digit& a) {
    __shared__ unsigned short counts[DIGITS * THREADS];
    count_own(a, size_t(blockIdx.x) * TILE + threadIdx.x * ITEMS, counts);
    if (threadIdx.x < DIGITS) {
        unsigned sum = 0;
        for (unsigned t = 0; t < THREADS; t++) sum += counts[threadIdx.x * THREADS + t];
        a.counts[size_t(threadIdx.x) * gridDim.x + blockIdx.x] = sum;
    }
}
ENTRY(group_count, Digit, count)

__device__ inline void move(const Digit& a) {
    __shared__ unsigned short ranks[DIGITS * THREADS];
    __shared__ unsigned places[DIGITS];
    const size_t first = size_t(blockIdx.x) * TILE + threadIdx.x * ITEMS;
    const unsigned t = threadIdx.x;
    count_own(a, first, ranks);
    // The sums before each count of the tile: the threads take DIGITS neighbours each.
    unsigned sum = 0, total;
    for (unsigned i = 0; i < DIGITS; i++) sum += ranks[t * DIGITS + i];
    unsigned before = sum_before(sum, total);
    for (unsigned i = 0; i < DIGITS; i++) {
        const unsigned own = ranks[t * DIGITS + i];
        ranks[t * DIGITS + i] = before;
        before += own;
    }
    __syncthreads();
    // Where the first key of each digit goes, less its rank in the tile.
    if (t < DIGITS) places[t] = a.counts[size_t(t) * gridDim.x + blockIdx.x] - ranks[t * THREADS];
    __syncthreads();
    for (unsigned i = 0; i < ITEMS && first + i < a.n; i++) {
        const unsigned key = a.keys[first + i], d = digit_of(a, key);
        const unsigned to = places[d] + ranks[d * THREADS + t]++;
        a.sorted_keys[to] = key;
        a.sorted_ids[to] = a.ids ? a.ids[first + i] : unsigned(first + i);
    }
}
ENTRY(group_move, Digit, move)

// The first of n numbers in ascending order that is not below `key`.
__device__ inline unsigned lower_bound(const unsigned* sorted, unsigned n, unsigned key) {
    unsigned begin = 0, end = n;
    while (begin < end) {
        const unsigned middle = begin + (end - begin) / 2;
        if (sorted[middle] < key) begin = middle + 1;
        else end = middle;
    }
    return begin;
}

// Where the rows begin.
struct RowPtr {
    const unsigned* sorted_keys;
    unsigned* row_ptr;  // [rows + 1]
    unsigned n, rows;
};

__device__ inline void row_ptr(const RowPtr& a) {
    const size_t r = position();
    if (r <= a.rows) a.row_ptr[r] = lower_bound(a.sorted_keys, a.n, unsigned(r));
}
ENTRY(group_row_ptr, RowPtr, row_ptr)

// out[i] = values[ids[i]].
struct Take {
    const unsigned* values;
    const unsigned* ids;
    unsigned* out;
    unsigned n, unused;
};

__device__ inline void take(const Take& a) {
    const size_t i = position();
    if (i < a.n) a.out[i] = a.values[a.ids[i]];
}
ENTRY(group_take, Take, take)

// The class of each row: longer ones first, and at the end those that are cut.
struct Classes {
    const unsigned* row_ptr;
    unsigned* classes;
    unsigned rows, longest;
    unsigned last, unused;  // the number of classes of rows that are not cut
};

__device__ inline void classes(const Classes& a) {
    const size_t r = position();
    if (r >= a.rows) return;
    const unsigned length = a.row_ptr[r + 1] - a.row_ptr[r];
    unsigned of_row = a.last;
    if (length <= a.longest) {
        unsigned bits = 0;
        while (length >> bits) bits++;
        of_row = a.last - 1 - bits;
    }
    a.classes[r] = of_row;
}
ENTRY(group_classes, Classes, classes)

// How many parts each cut row has.
struct Parts {
    const unsigned* row_ptr;
    const unsigned* cut;  // the rows
    unsigned* counts;
    unsigned n, longest;
};

__device__ inline void parts(const Parts& a) {
    const size_t i = position();
    if (i >= a.n) return;
    const unsigned r = a.cut[i], length = a.row_ptr[r + 1] - a.row_ptr[r];
    a.counts[i] = (length - 1) / a.longest + 1;
}
ENTRY(group_parts, Parts, parts)

// Tasks and cuts from all of these.
struct Tasks {
    const unsigned* row_ptr;
    const unsigned* order;  // whole rows, then cut ones
    const unsigned* first;  // parts before those of each cut row
    Task* tasks;
    Cut* cuts;
    unsigned whole, num_parts;
    unsigned num_cuts, longest;
};

__device__ inline void tasks(const Tasks& a) {
    size_t i = position();
    if (i < a.whole) {
        const unsigned r = a.order[i];
        a.tasks[i] = Task{r, a.row_ptr[r], a.row_ptr[r + 1], r};
        return;
    }
    i -= a.whole;
    if (i < a.num_parts) {
        const unsigned part = unsigned(i), cut = lower_bound(a.first, a.num_cuts, part + 1) - 1;
        const unsigned r = a.order[a.whole + cut], begin = a.row_ptr[r] + (part - a.first[cut]) * a.longest;
        const unsigned rest = a.row_ptr[r + 1] - begin;
        a.tasks[a.whole + i] = Task{r, begin, begin + (rest < a.longest ? rest : a.longest), part};
        return;
    }
    i -= a.num_parts;
    if (i < a.num_cuts) {
        const unsigned end = i + 1 < a.num_cuts ? a.first[i + 1] : a.num_parts;
        a.cuts[i] = Cut{a.order[a.whole + i], a.first[i], end, 0};
    }
}
ENTRY(group_tasks, Tasks, tasks)
