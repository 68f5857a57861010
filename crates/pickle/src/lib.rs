//! A reader of Python pickles that builds data and executes nothing.
//!
//! A pickle is a program for a small stack machine, and Python's own unpickler lets that program call any function
//! it names. Data sets and model weights still come as pickles, so this crate reads them as what they should be:
//! data. Lists, dictionaries, numbers and strings become [`Value`]s. Where the pickle asks for a call (this is how
//! a numpy array or a tensor is written), the result is a [`Call`]: the name of the callable and its arguments, for
//! the caller to interpret. Only names on the caller's list are accepted; any other ends the reading with an error
//! that says which.
//!
//! Protocols 0 to 4 are read, and what protocol 5 writes without out-of-band buffers. A Python 2 `str` is bytes that
//! may be text: [`Value::as_bytes`] and [`Value::as_str`] both accept it.
//!
//! Nothing in a file can make the reader panic, overflow the stack, or allocate more than a small multiple of the
//! file's size. The values stand in one flat arena, so sharing costs nothing and dropping does not recurse; a value
//! that contains itself, or is deeper or larger than the [`Limits`] allow, is an error, so a caller may recurse
//! through what it gets.
//!
//! ```
//! use candle_geometric_pickle::Reader;
//! # fn main() -> Result<(), candle_geometric_pickle::Error> {
//! // pickle.dumps({"heads": [8, 1]}, protocol=2)
//! let bytes = b"\x80\x02}q\0X\x05\0\0\0headsq\x01]q\x02(K\x08K\x01es.";
//! let pickle = Reader::new(bytes).read()?;
//! let heads = pickle.root().get("heads").and_then(|v| v.items());
//! let heads: Vec<_> = heads.into_iter().flatten().filter_map(|v| v.as_i64()).collect();
//! assert_eq!(heads, [8, 1]);
//!
//! let evil = b"cos\nsystem\n(S'echo hello'\ntR.";
//! let error = Reader::new(evil).read().unwrap_err();
//! assert!(error.to_string().contains("the pickle asks for `os system`"));
//! # Ok(()) }
//! ```

mod error;
mod limits;
mod machine;
mod reader;
mod scalar;
mod source;
mod text;
mod value;

pub use error::Error;
pub use limits::Limits;
pub use reader::Reader;
pub use value::{Call, Pickle, Value};

/// The result of reading a pickle.
pub type Result<T> = std::result::Result<T, Error>;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
