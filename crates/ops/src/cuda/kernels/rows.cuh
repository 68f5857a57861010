// Who does what: the rows of a compressed form are tasks, and teams of lanes do them.
#pragma once
#include "numbers.cuh"

// Some entries of a row: all of them, with `slot` the row; or, of a long row, a part, with `slot` the number of the
// part among all parts of the graph.
struct Task {
    unsigned row, begin, end, slot;
};

// A row that was cut, and its parts.
struct Cut {
    unsigned row, first_part, end_part, unused;
};

// A compressed form and the tasks of this launch.
struct Rows {
    const Task* tasks;
    const unsigned* columns;
    const unsigned* edge_ids;
    unsigned first_task, num_tasks;
    // Whether these are parts: then partial results are written.
    unsigned parts, unused;
};

// How lanes share rows of H heads of C channels: `lanes` side by side hold a head, V channels each; `heads_at_once` heads lie
// next to each other; and `phases` of these take turns with the edges of a row. All three are powers of two, at most 32
// in all: a team. What is beyond them is done by other blocks: blockIdx.y = tile · chunks + chunk.
struct Layout {
    unsigned heads, channels, lanes, heads_at_once, phases, chunks;
};

// The place of a thread.
struct Place {
    unsigned team;     // in the whole grid
    unsigned mask;     // the lanes of the team
    unsigned phase;
    unsigned head;     // perhaps beyond the last one
    unsigned within;   // the lane within its head
    unsigned chunk;    // of the channels of the head
    unsigned channel;  // the first of V, perhaps beyond the last one
    bool active;       // head and channel exist

    template <int V> __device__ static Place of(const Layout& l, std::integral_constant<int, V>) {
        Place p;
        const unsigned size = l.lanes * l.heads_at_once * l.phases;
        const unsigned lane = threadIdx.x % size, warp_lane = threadIdx.x % WARP;
        p.team = blockIdx.x * (THREADS / size) + threadIdx.x / size;
        p.mask = (size == WARP ? ~0u : (1u << size) - 1) << (warp_lane - warp_lane % size);
        p.within = lane % l.lanes;
        p.phase = lane / (l.lanes * l.heads_at_once);
        p.head = blockIdx.y / l.chunks * l.heads_at_once + lane / l.lanes % l.heads_at_once;
        p.chunk = blockIdx.y % l.chunks;
        p.channel = (p.chunk * l.lanes + p.within) * V;
        p.active = p.head < l.heads && p.channel < l.channels;
        return p;
    }

    // The head, or the last one for lanes that have none: what they read is not used.
    __device__ unsigned a_head(const Layout& l) const { return head < l.heads ? head : l.heads - 1; }

    // The position of the lane's channels in a row, or some position in it.
    __device__ unsigned column(const Layout& l) const {
        return a_head(l) * l.channels + (channel < l.channels ? channel : 0);
    }
};

#define PLACE(layout, V) Place::of(layout, std::integral_constant<int, V>())

// The sum of x over the lanes of a head.
template <class S> __device__ inline S over_head(const Layout& l, const Place& p, S x) {
    for (unsigned d = l.lanes / 2; d > 0; d /= 2) x += __shfl_xor_sync(p.mask, x, d);
    return x;
}

// The sum of x over the phases of a team.
template <class S> __device__ inline S over_phases(const Layout& l, const Place& p, S x) {
    const unsigned step = l.lanes * l.heads_at_once;
    for (unsigned d = step; d < step * l.phases; d *= 2) x += __shfl_xor_sync(p.mask, x, d);
    return x;
}

// The task of a team; an empty one for the teams beyond the last task, which must not leave before the shuffles.
__device__ inline Task task_of(const Rows& rows, const Place& p) {
    return p.team < rows.num_tasks ? rows.tasks[rows.first_task + p.team] : Task{0, 0, 0, 0};
}
