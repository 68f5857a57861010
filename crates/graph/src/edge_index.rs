use std::any::Any;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::group::both;
use crate::validate::{check_indices, check_size, check_sizes, narrow};
use crate::{Csr, GraphError, Result};

/// The edges of a graph: validated once, immutable afterwards, cheap to clone.
///
/// Messages flow from `source` to `destination`, as in PyTorch Geometric (`flow="source_to_target"`). Duplicate
/// edges and self-loops are kept. A bipartite graph has two sets of nodes, of two sizes.
///
/// Cloning copies a pointer. The forms grouped by destination and by source are built on first use and kept.
#[derive(Clone)]
pub struct EdgeIndex {
    inner: Arc<Inner>,
}

struct Inner {
    source: Vec<u32>,
    destination: Vec<u32>,
    num_src: usize,
    num_dst: usize,
    bipartite: bool,
    by_destination: OnceLock<Csr>,
    by_source: OnceLock<Csr>,
    attachments: Mutex<Vec<Arc<dyn Any + Send + Sync>>>,
}

/// What `cell` holds, or what `make` makes, which is then kept.
///
/// `get_or_init` would run `make` while the cell is locked. A thread that waits there for the parallel parts of `make`
/// may steal other work that asks for the same cell, and would wait for itself. So threads that race to the first use
/// each make it, and all get the one that is kept.
fn made_once<T>(cell: &OnceLock<T>, make: impl FnOnce() -> T) -> &T {
    cell.get().unwrap_or_else(|| {
        let made = make();
        cell.get_or_init(|| made)
    })
}

impl EdgeIndex {
    /// Edges on one set of `num_nodes` nodes, where edge `e` goes from `source[e]` to `destination[e]`.
    ///
    /// # Errors
    /// If the two lists differ in length, an index is not below `num_nodes`, or a size exceeds 32 bits.
    pub fn new(source: Vec<u32>, destination: Vec<u32>, num_nodes: usize) -> Result<Self> {
        Self::checked(source, destination, num_nodes, num_nodes, false)
    }

    /// Edges from one set of `num_src` nodes to another of `num_dst` nodes.
    ///
    /// # Errors
    /// As [`EdgeIndex::new`], with each list checked against its own size.
    pub fn bipartite(
        source: Vec<u32>,
        destination: Vec<u32>,
        num_src: usize,
        num_dst: usize,
    ) -> Result<Self> {
        Self::checked(source, destination, num_src, num_dst, true)
    }

    /// As [`EdgeIndex::new`], from signed 64-bit indices, the type that PyTorch uses.
    ///
    /// # Errors
    /// As [`EdgeIndex::new`]; a negative index is out of range.
    pub fn from_i64(source: &[i64], destination: &[i64], num_nodes: usize) -> Result<Self> {
        check_sizes(source.len(), destination.len(), num_nodes, num_nodes)?;
        let (source, destination) = both(
            source.len(),
            || narrow("source", source, num_nodes),
            || narrow("destination", destination, num_nodes),
        );
        Ok(Self::trusted(source?, destination?, num_nodes, num_nodes, false))
    }

    /// As [`EdgeIndex::new`], from `(source, destination)` pairs.
    ///
    /// # Errors
    /// As [`EdgeIndex::new`].
    pub fn from_pairs(pairs: impl IntoIterator<Item = (u32, u32)>, num_nodes: usize) -> Result<Self> {
        let (source, destination) = pairs.into_iter().unzip();
        Self::new(source, destination, num_nodes)
    }

    /// The nodes of a batch as edges into their graphs: node `i` is a source, `batch[i]` its destination.
    ///
    /// Every operation over the in-edges of a node so becomes one over the nodes of a graph: pooling is
    /// `scatter` and attention readout is `segment_softmax` on this index.
    ///
    /// # Errors
    /// If an entry of `batch` is not below `num_graphs`.
    pub fn from_batch(batch: &[u32], num_graphs: usize) -> Result<Self> {
        check_size("batch", batch.len())?;
        let nodes = (0..batch.len() as u32).collect();
        Self::bipartite(nodes, batch.to_vec(), batch.len(), num_graphs)
    }

    fn checked(
        source: Vec<u32>,
        destination: Vec<u32>,
        num_src: usize,
        num_dst: usize,
        bipartite: bool,
    ) -> Result<Self> {
        check_sizes(source.len(), destination.len(), num_src, num_dst)?;
        let (valid_source, valid_destination) = both(
            source.len(),
            || check_indices("source", &source, num_src),
            || check_indices("destination", &destination, num_dst),
        );
        valid_source?;
        valid_destination?;
        Ok(Self::trusted(source, destination, num_src, num_dst, bipartite))
    }

    /// Edges that are known to be valid, in lists of equal lengths, all sizes within 32 bits.
    pub(crate) fn trusted(
        source: Vec<u32>,
        destination: Vec<u32>,
        num_src: usize,
        num_dst: usize,
        bipartite: bool,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                source,
                destination,
                num_src,
                num_dst,
                bipartite,
                by_destination: OnceLock::new(),
                by_source: OnceLock::new(),
                attachments: Mutex::new(Vec::new()),
            }),
        }
    }

    /// E, the number of edges.
    pub fn num_edges(&self) -> usize {
        self.inner.source.len()
    }

    /// The number of nodes that edges may come from.
    pub fn num_src(&self) -> usize {
        self.inner.num_src
    }

    /// The number of nodes that edges may go to.
    pub fn num_dst(&self) -> usize {
        self.inner.num_dst
    }

    /// N, where there is one set of nodes.
    ///
    /// # Errors
    /// If the graph is bipartite.
    pub fn num_nodes(&self) -> Result<usize> {
        if self.is_bipartite() {
            return Err(GraphError::Bipartite {
                operation: "num_nodes",
                num_src: self.num_src(),
                num_dst: self.num_dst(),
            });
        }
        Ok(self.inner.num_src)
    }

    /// Whether sources and destinations are two different sets of nodes.
    pub fn is_bipartite(&self) -> bool {
        self.inner.bipartite
    }

    /// The source of every edge, in the caller's order.
    pub fn source(&self) -> &[u32] {
        &self.inner.source
    }

    /// The destination of every edge, in the caller's order.
    pub fn destination(&self) -> &[u32] {
        &self.inner.destination
    }

    /// The edges as `(source, destination)` pairs, in the caller's order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (u32, u32)> + '_ {
        self.source().iter().copied().zip(self.destination().iter().copied())
    }

    /// The edges grouped by destination: row `i` holds the in-edges of node `i`, columns are sources.
    pub fn by_destination(&self) -> &Csr {
        let i = &*self.inner;
        made_once(&i.by_destination, || Csr::group(&i.destination, &i.source, i.num_dst))
    }

    /// The edges grouped by source: row `j` holds the out-edges of node `j`, columns are destinations.
    pub fn by_source(&self) -> &Csr {
        let i = &*self.inner;
        made_once(&i.by_source, || Csr::group(&i.source, &i.destination, i.num_src))
    }

    /// The number of in-edges of every destination.
    pub fn in_degrees(&self) -> Vec<u32> {
        self.by_destination().row_ptr().windows(2).map(|w| w[1] - w[0]).collect()
    }

    /// The number of out-edges of every source.
    pub fn out_degrees(&self) -> Vec<u32> {
        self.by_source().row_ptr().windows(2).map(|w| w[1] - w[0]).collect()
    }

    /// The same edges with the direction of every one turned around.
    pub fn reversed(&self) -> Self {
        let i = &*self.inner;
        Self {
            inner: Arc::new(Inner {
                source: i.destination.clone(),
                destination: i.source.clone(),
                num_src: i.num_dst,
                num_dst: i.num_src,
                bipartite: i.bipartite,
                by_destination: i.by_source.clone(),
                by_source: i.by_destination.clone(),
                attachments: Mutex::new(Vec::new()),
            }),
        }
    }

    /// Whether two handles share one structure (and so its caches).
    pub fn ptr_eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// What another crate keeps with this structure, such as its copy on a device: made once per type `T`, then
    /// shared by all clones, and dropped with the last of them.
    ///
    /// `make` may itself ask for attachments. Threads that race to the first use may each call it; all of them get
    /// the one result that is kept. What is kept must not hold this structure, or neither would ever be dropped.
    pub fn attachment<T: Any + Send + Sync>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        match self.try_attachment(|| Ok::<T, Infallible>(make())) {
            Ok(kept) => kept,
            Err(never) => match never {},
        }
    }

    /// As [`attachment`](Self::attachment), where making it can fail. Nothing is kept of a failure.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn try_attachment<T: Any + Send + Sync, E>(
        &self,
        make: impl FnOnce() -> std::result::Result<T, E>,
    ) -> std::result::Result<Arc<T>, E> {
        let find = |kept: &[Arc<dyn Any + Send + Sync>]| {
            kept.iter().find_map(|a| Arc::clone(a).downcast::<T>().ok())
        };
        let lock = || self.inner.attachments.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = find(&lock()) {
            return Ok(found);
        }
        let made = Arc::new(make()?); // not under the lock: `make` may come back here
        let mut kept = lock();
        if let Some(found) = find(&kept) {
            return Ok(found);
        }
        kept.push(made.clone());
        Ok(made)
    }
}

impl std::fmt::Debug for EdgeIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EdgeIndex")
            .field("num_edges", &self.num_edges())
            .field("num_src", &self.num_src())
            .field("num_dst", &self.num_dst())
            .field("bipartite", &self.is_bipartite())
            .finish()
    }
}

impl PartialEq for EdgeIndex {
    fn eq(&self, other: &Self) -> bool {
        self.ptr_eq(other)
            || (self.source() == other.source()
                && self.destination() == other.destination()
                && self.num_src() == other.num_src()
                && self.num_dst() == other.num_dst()
                && self.is_bipartite() == other.is_bipartite())
    }
}

impl Eq for EdgeIndex {}
