use crate::value::{Id, Node};
use crate::{Error, Result};

/// How much a pickle may hold. The file's length needs no limit of its own: memory is bounded by a multiple of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How deep containers may be nested. Default 64.
    pub depth: usize,
    /// How many values there may be, a shared one counted wherever it occurs. Default 2²⁴.
    pub values: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 64, values: 1 << 24 }
    }
}

impl Limits {
    /// Checks the finished value: a walk in post-order with its own stack, each node once.
    pub(crate) fn check(&self, nodes: &[Node<'_>], root: Id) -> Result<()> {
        #[derive(Clone, Copy)]
        enum Seen {
            No,
            Open,
            Closed { depth: usize, values: usize },
        }
        let mut seen = vec![Seen::No; nodes.len()];
        // (node, its next child, the depth below it so far, the values in it so far)
        let mut path: Vec<(Id, usize, usize, usize)> = vec![(root, 0, 0, 1)];
        while let Some((id, next, depth, values)) = path.last_mut() {
            let Some((node, state)) = nodes.get(*id as usize).zip(seen.get_mut(*id as usize)) else { break };
            let Some(child) = node.child(*next) else {
                *state = Seen::Closed { depth: *depth, values: *values };
                path.pop();
                continue;
            };
            *state = Seen::Open;
            match seen.get(child as usize).copied().unwrap_or(Seen::No) {
                Seen::No => path.push((child, 0, 0, 1)),
                Seen::Open => return Err(Error::Cycle { kind: node.kind() }),
                Seen::Closed { depth: below, values: inside } => {
                    *next += 1;
                    *depth = (*depth).max(below + 1);
                    *values = values.saturating_add(inside);
                    if *values > self.values {
                        return Err(Error::Limit { what: "number of values", limit: self.values });
                    }
                }
            }
            if path.len() > self.depth + 1 {
                return Err(Error::Limit { what: "depth of nesting", limit: self.depth });
            }
        }
        Ok(())
    }
}
