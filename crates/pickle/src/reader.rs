use std::collections::BTreeSet;

use crate::machine::Machine;
use crate::{Limits, Pickle, Result};

/// Reads the pickles that stand one after another at the start of a byte string.
///
/// ```
/// use candle_geometric_pickle::Reader;
/// # fn main() -> Result<(), candle_geometric_pickle::Error> {
/// let mut reader = Reader::new(b"\x80\x02K\x01.\x80\x02K\x02.raw bytes").allow(&[("collections", "OrderedDict")]);
/// assert_eq!(reader.read()?.root().as_i64(), Some(1));
/// assert_eq!(reader.read()?.root().as_i64(), Some(2));
/// assert_eq!(reader.position(), 10); // here the raw bytes start
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
    allowed: BTreeSet<(&'a str, &'a str)>,
    limits: Limits,
}

impl<'a> Reader<'a> {
    /// A reader that allows no global at all, with the default [`Limits`].
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0, allowed: BTreeSet::new(), limits: Limits::default() }
    }

    /// Also allows these globals, as `(module, name)`.
    pub fn allow(mut self, globals: &[(&'a str, &'a str)]) -> Self {
        self.allowed.extend(globals);
        self
    }

    /// Replaces the limits.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Reads the next pickle.
    ///
    /// # Errors
    /// If it is malformed, truncated, exceeds the limits, contains itself, or names a global that is not allowed.
    /// The position then stays where it was.
    pub fn read(&mut self) -> Result<Pickle<'a>> {
        let mut machine = Machine::new(self.bytes, self.position, &self.allowed, self.limits.values);
        let root = machine.run()?;
        let (nodes, end) = machine.finish();
        self.limits.check(&nodes, root)?;
        self.position = end;
        Ok(Pickle { nodes, root })
    }

    /// How many bytes the pickles read so far took.
    pub fn position(&self) -> usize {
        self.position
    }
}
