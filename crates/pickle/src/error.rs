/// Why a pickle could not be read. Positions are byte offsets into what the [`Reader`](crate::Reader) was given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The pickle ends, or a declared length reaches, beyond the last byte.
    #[error("the pickle is truncated: {wanted} bytes wanted at byte {position}, {left} left")]
    Truncated {
        /// Where the bytes were wanted.
        position: usize,
        /// How many were wanted.
        wanted: usize,
        /// How many there are.
        left: usize,
    },
    /// A callable that is not on the caller's list.
    #[error("the pickle asks for `{module} {name}`, which is not among the known ones; nothing was executed")]
    UnknownGlobal {
        /// The Python module.
        module: String,
        /// The name in it.
        name: String,
    },
    /// An opcode that no supported protocol has, or that needs something outside the file.
    #[error("opcode {opcode:#04x} at byte {position} is not supported")]
    Opcode {
        /// Where it stands.
        position: usize,
        /// Its byte.
        opcode: u8,
    },
    /// The bytes are not those of a well-formed pickle.
    #[error("malformed pickle at byte {position}: {problem}")]
    Malformed {
        /// Where the offending opcode starts.
        position: usize,
        /// What is wrong.
        problem: String,
    },
    /// The pickle exceeds one of the [`Limits`](crate::Limits).
    #[error("the pickle exceeds the limit of {limit} on the {what}")]
    Limit {
        /// What is limited.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// A value contains itself.
    #[error("the pickle holds a {kind} that contains itself")]
    Cycle {
        /// What kind of value.
        kind: &'static str,
    },
}
