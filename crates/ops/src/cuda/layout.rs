//! How the lanes of a GPU share rows: the structures `Layout` and `Dropout` of the kernels.

use candle_core::{DType, Error, Result, Tensor};

use super::machine::{Arguments, THREADS};
use crate::Dropout;

/// Lanes of a warp.
const WARP: u32 = 32;

/// The most blocks in the second dimension of a grid.
const MOST_TILES: u64 = 65_535;

/// Rows of H heads of C channels, shared by teams of lanes: `lanes` side by side hold a head, `vector` channels each, and
/// `heads_at_once` heads lie next to each other. What they do not hold is done by other blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    heads: u32,
    channels: u32,
    lanes: u32,
    heads_at_once: u32,
    chunks: u32,
    vector: u32,
    dtype: DType,
}

impl Layout {
    /// The layout for rows of `tensors`, whose numbers are read in vectors of 16 bytes where all of them allow it.
    pub(super) fn new(heads: usize, channels: usize, dtype: DType, tensors: &[&Tensor]) -> Result<Self> {
        let (Ok(h), Ok(c)) = (u32::try_from(heads), u32::try_from(channels)) else {
            return Err(Error::Msg(format!("rows of {heads} times {channels} numbers are too wide")));
        };
        let widest = match dtype {
            DType::F32 => 4,
            DType::F16 | DType::BF16 => 8,
            _ => 1,
        };
        let aligned = |t: &&Tensor| (t.layout().start_offset() * dtype.size_in_bytes()).is_multiple_of(16);
        let vector = if c.is_multiple_of(widest) && tensors.iter().all(aligned) { widest } else { 1 };
        let lanes = c.div_ceil(vector).next_power_of_two().min(WARP);
        let layout = Self {
            heads: h,
            channels: c,
            lanes,
            heads_at_once: h.next_power_of_two().min(WARP / lanes),
            chunks: c.div_ceil(lanes * vector),
            vector,
            dtype,
        };
        let tiles = u64::from(layout.tiles()) * u64::from(layout.chunks);
        if h == 0 || c == 0 || tiles > MOST_TILES || u32::try_from(heads * channels).is_err() {
            return Err(Error::Msg(format!(
                "rows of {heads} times {channels} numbers are no rows or too wide"
            )));
        }
        Ok(layout)
    }

    /// The same with all channels of a head done by its lanes, one after the other.
    pub(super) fn one_chunk(self) -> Self {
        Self { chunks: 1, ..self }
    }

    fn tiles(&self) -> u32 {
        self.heads.div_ceil(self.heads_at_once)
    }

    /// The most phases: teams that take turns with the edges of a row.
    pub(super) fn most_phases(&self) -> u32 {
        WARP / (self.lanes * self.heads_at_once)
    }

    /// The grid for so many teams.
    pub(super) fn grid(&self, teams: usize, phases: u32) -> Result<(u32, u32)> {
        let teams_of_block = THREADS / (self.lanes * self.heads_at_once * phases);
        let blocks = teams.div_ceil(teams_of_block as usize);
        let blocks = i32::try_from(blocks).map_err(|_| Error::Msg(format!("{teams} rows are too many")))?;
        Ok((blocks.unsigned_abs(), self.tiles() * self.chunks))
    }

    /// The name of the entry point for this layout.
    pub(super) fn entry(&self, kernel: &str) -> String {
        format!("{kernel}_{}x{}", self.dtype.as_str(), self.vector)
    }

    pub(super) fn write_to(&self, arguments: &mut Arguments<'_>, phases: u32) {
        let Self { heads, channels, lanes, heads_at_once, chunks, .. } = *self;
        for v in [heads, channels, lanes, heads_at_once, phases, chunks] {
            arguments.u32(v);
        }
    }
}

/// The fields of the kernels' `Dropout`.
pub(super) fn write_dropout(dropout: Option<Dropout>, arguments: &mut Arguments<'_>) {
    let (seed, id) = dropout.map_or((0, 0), |d| d.stream.key());
    arguments.u64(seed).u64(id).f64(dropout.map_or(1.0, |d| d.scale()));
    arguments.u32(dropout.map_or(0, |d| d.threshold())).u32(dropout.is_some().into());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_of_a_row_has_a_lane() {
        for dtype in [DType::F32, DType::F64, DType::F16] {
            for (h, c) in [(1, 1), (1, 3), (3, 5), (8, 8), (4, 16), (4, 64), (33, 7), (1, 512), (40, 33)] {
                let l = Layout::new(h, c, dtype, &[]).unwrap();
                let covered = (l.tiles() * l.heads_at_once, l.chunks * l.lanes * l.vector);
                assert!(covered.0 >= l.heads && covered.1 >= l.channels, "{l:?}");
                assert!(l.lanes * l.heads_at_once * l.most_phases() == WARP, "{l:?}");
            }
        }
        let l = Layout::new(4, 16, DType::F32, &[]).unwrap();
        assert_eq!((l.vector, l.lanes, l.heads_at_once, l.chunks, l.most_phases()), (4, 4, 4, 1, 2));
    }
}
