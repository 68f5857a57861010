//! Grouping edges by one of their ends, on all threads and without comparing: the work behind `Csr`.

use rayon::prelude::*;

/// The smallest number of edges that is worth the cost of handing parts of it to other threads.
pub(crate) const PARALLEL: usize = 1 << 16;

/// The number of edges whose entries a cache may hold, so that one thread alone gains nothing from two levels.
const CACHED: usize = 1 << 21;

/// Runs `a` and `b`, at the same time if they go over many edges.
pub(crate) fn both<A: Send, B: Send>(
    num_edges: usize,
    a: impl FnOnce() -> A + Send,
    b: impl FnOnce() -> B + Send,
) -> (A, B) {
    if num_edges < PARALLEL { (a(), b()) } else { rayon::join(a, b) }
}

/// `row_ptr`, `columns` and `edge_ids` of a [`Csr`](crate::Csr).
pub(crate) type Grouped = (Vec<u32>, Vec<u32>, Vec<u32>);

/// Groups the edges by `keys`, each below `rows`, in O(E + rows). Stable, so there is one right result, and neither
/// the method nor the number of threads can change it.
pub(crate) fn group(keys: &[u32], values: &[u32], rows: usize) -> Grouped {
    if keys.is_sorted() {
        already_grouped(keys, values, rows)
    } else if keys.len() < PARALLEL || keys.len() < CACHED && rayon::current_num_threads() == 1 {
        counting_sort(keys, values, rows)
    } else {
        bucket_sort(keys, values, rows)
    }
}

/// Edge lists are often sorted by one end: nothing moves then.
fn already_grouped(keys: &[u32], values: &[u32], rows: usize) -> Grouped {
    let row_ptr = || {
        let mut row_ptr = Vec::with_capacity(rows + 1);
        for (e, &k) in (0u32..).zip(keys) {
            if row_ptr.len() <= k as usize {
                row_ptr.resize(k as usize + 1, e);
            }
        }
        row_ptr.resize(rows + 1, keys.len() as u32);
        row_ptr
    };
    let edge_ids = || (0..keys.len() as u32).collect();
    if keys.len() < PARALLEL {
        return (row_ptr(), values.to_vec(), edge_ids());
    }
    let (row_ptr, (columns, edge_ids)) = rayon::join(row_ptr, || rayon::join(|| values.to_vec(), edge_ids));
    (row_ptr, columns, edge_ids)
}

/// Counts the edges of each row, then puts each edge to the next free place of its row.
fn counting_sort(keys: &[u32], values: &[u32], rows: usize) -> Grouped {
    let mut row_ptr = vec![0u32; rows + 1];
    for &k in keys {
        row_ptr[k as usize + 1] += 1;
    }
    for r in 0..rows {
        row_ptr[r + 1] += row_ptr[r];
    }
    let mut next = row_ptr.clone();
    let mut columns = vec![0u32; keys.len()];
    let mut edge_ids = vec![0u32; keys.len()];
    for (e, (&k, &v)) in keys.iter().zip(values).enumerate() {
        let slot = next[k as usize] as usize;
        next[k as usize] += 1;
        columns[slot] = v;
        edge_ids[slot] = e as u32;
    }
    (row_ptr, columns, edge_ids)
}

/// Two levels of counting sort. The first, by ranges of rows, writes to few places at a time; the second works
/// within a range, which fits the cache. For 10 million edges a single level waits for memory at every edge.
fn bucket_sort(keys: &[u32], values: &[u32], rows: usize) -> Grouped {
    // Some 128 ranges, a power of two wide, and no wider than the 16 bits in which the second level keeps its keys.
    let shift = rows.next_power_of_two().trailing_zeros().saturating_sub(7).min(16);
    let ranges = (rows >> shift) + 1;
    let low = |key: u32| (key & ((1 << shift) - 1)) as u16;
    let chunk = keys.len().div_ceil(rayon::current_num_threads());

    let mut columns = vec![0u32; keys.len()];
    let mut edge_ids = vec![0u32; keys.len()];
    let mut lows = vec![0u16; keys.len()];

    // First level: each thread takes a chunk of the edges and writes, in every range, after the chunks before it.
    let counts: Vec<Vec<usize>> = keys
        .par_chunks(chunk)
        .map(|keys| {
            let mut counts = vec![0; ranges];
            keys.iter().for_each(|&k| counts[(k >> shift) as usize] += 1);
            counts
        })
        .collect();
    let mut rest = Entries { columns: &mut columns, edge_ids: &mut edge_ids, lows: &mut lows };
    let mut places: Vec<Vec<Entries<'_>>> = counts.iter().map(|_| Vec::with_capacity(ranges)).collect();
    for range in 0..ranges {
        for (places, counts) in places.iter_mut().zip(&counts) {
            places.push(rest.take(counts[range]));
        }
    }
    let chunks = keys.par_chunks(chunk).zip(values.par_chunks(chunk)).zip(places);
    chunks.enumerate().for_each(|(number, ((keys, values), mut places))| {
        let mut next = vec![0usize; ranges];
        for (e, (&k, &v)) in ((number * chunk) as u32..).zip(keys.iter().zip(values)) {
            let range = (k >> shift) as usize;
            let (place, slot) = (&mut places[range], next[range]);
            next[range] += 1;
            place.columns[slot] = v;
            place.edge_ids[slot] = e;
            place.lows[slot] = low(k);
        }
    });

    // Second level.
    let mut row_ptr = vec![0u32; rows + 1];
    let mut rest = Entries { columns: &mut columns, edge_ids: &mut edge_ids, lows: &mut lows };
    let mut first = 0;
    let mut tasks = Vec::with_capacity(ranges);
    for (range, ends) in row_ptr[1..].chunks_mut(1 << shift).enumerate() {
        let count = counts.iter().map(|c| c[range]).sum();
        tasks.push((first, ends, rest.take(count)));
        first += count as u32;
    }
    tasks.into_par_iter().for_each_init(Vec::new, |scratch, (first, ends, entries)| {
        entries.sort(first, ends, scratch);
    });
    (row_ptr, columns, edge_ids)
}

/// Entries of consecutive rows, and the low bits of the row of each.
struct Entries<'a> {
    columns: &'a mut [u32],
    edge_ids: &'a mut [u32],
    lows: &'a mut [u16],
}

impl<'a> Entries<'a> {
    /// Splits off the first `count` entries.
    fn take(&mut self, count: usize) -> Entries<'a> {
        let (columns, edge_ids, lows);
        (columns, self.columns) = std::mem::take(&mut self.columns).split_at_mut(count);
        (edge_ids, self.edge_ids) = std::mem::take(&mut self.edge_ids).split_at_mut(count);
        (lows, self.lows) = std::mem::take(&mut self.lows).split_at_mut(count);
        Self { columns, edge_ids, lows }
    }

    /// Sorts the entries by row, and writes where each row ends, counted from `first`, the number of entries before
    /// these.
    fn sort(self, first: u32, ends: &mut [u32], scratch: &mut Vec<(u32, u32)>) {
        let mut next = vec![0u32; ends.len()];
        for &k in &*self.lows {
            next[k as usize] += 1;
        }
        let mut total = 0;
        for (next, end) in next.iter_mut().zip(ends) {
            let count = std::mem::replace(next, total);
            total += count;
            *end = first + total;
        }
        if self.lows.is_sorted() {
            return; // a hub on its own, or edges that came sorted but for a few at the end
        }
        scratch.clear();
        scratch.extend(self.columns.iter().copied().zip(self.edge_ids.iter().copied()));
        for (&k, &(column, edge)) in self.lows.iter().zip(&*scratch) {
            let slot = next[k as usize] as usize;
            next[k as usize] += 1;
            self.columns[slot] = column;
            self.edge_ids[slot] = edge;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;

    /// Checks all methods that apply against the plain counting sort, on pools of 1, 2, 3 and 8 threads.
    fn check(keys: &[u32], rows: usize) {
        let mut q = Stream::new(9, 9).sequence();
        let values: Vec<u32> = keys.iter().map(|_| q.word()).collect();
        let expected = counting_sort(keys, &values, rows);
        for threads in [1, 2, 3, 8] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                assert!(group(keys, &values, rows) == expected, "group, {threads} threads");
                if !keys.is_empty() {
                    assert!(bucket_sort(keys, &values, rows) == expected, "bucket_sort, {threads} threads");
                }
                if keys.is_sorted() {
                    assert!(already_grouped(keys, &values, rows) == expected, "already_grouped");
                }
            });
        }
    }

    fn random(n: usize, rows: u32, skew: i32) -> Vec<u32> {
        let q = Stream::new(1, rows.into());
        (0..n as u64).map(|i| (q.uniform(i).powi(skew) * rows as f32) as u32).collect()
    }

    #[test]
    fn every_method_gives_the_stable_grouping_on_any_number_of_threads() {
        // Uniform and power-law; few rows and many more rows than edges; rows around powers of two.
        for rows in [1, 2, 3, 127, 128, 129, 1000, 1024, 65_536, 65_537, 300_000, 9_000_000] {
            for skew in [1, 4] {
                check(&random(2 * PARALLEL + 77, rows, skew), rows as usize);
            }
        }
        for n in [0, 1, 2, 5, 300, PARALLEL - 1, PARALLEL] {
            check(&random(n, 50, 1), 50);
        }
        check(&[], 0);
        check(&[], 3);
        check(&[0], 1);
    }

    #[test]
    fn hubs_and_sorted_lists() {
        let n = 2 * PARALLEL;
        check(&vec![0; n], 1);
        check(&vec![700; n], 1000);
        // Two hubs that take turns within a range, then all other nodes.
        let mut keys: Vec<u32> = (0..n as u32).map(|i| 300 + i % 2).collect();
        keys.extend(0..1000);
        check(&keys, 1000);
        keys.sort_unstable();
        check(&keys, 1002);
        // Sorted, then sorted again, as a graph with self-loops at the end.
        keys.extend(0..1000);
        check(&keys, 1000);
        keys.reverse();
        check(&keys, 1000);
    }
}
