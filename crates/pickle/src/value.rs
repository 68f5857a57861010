use std::borrow::Cow;
use std::fmt;

/// The position of a value in the arena.
pub(crate) type Id = u32;

/// A value as the arena keeps it: children are positions. Byte strings and text point into the file.
#[derive(Debug)]
pub(crate) enum Node<'a> {
    None,
    Bool(bool),
    Int(i64),
    /// Little-endian two's complement.
    BigInt(Cow<'a, [u8]>),
    Float(f64),
    Bytes(Cow<'a, [u8]>),
    Str(Cow<'a, str>),
    List(Vec<Id>),
    Tuple(Vec<Id>),
    Set(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Global(Box<(Cow<'a, str>, Cow<'a, str>)>),
    Call(Box<CallNode>),
    PersistentId(Id),
}

/// The call of a global, and what was then done to its result.
#[derive(Debug)]
pub(crate) struct CallNode {
    pub(crate) global: Id,
    pub(crate) args: Id,
    pub(crate) state: Option<Id>,
    pub(crate) items: Vec<Id>,
    pub(crate) entries: Vec<(Id, Id)>,
}

impl Node<'_> {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Node::None => "None",
            Node::Bool(_) => "bool",
            Node::Int(_) | Node::BigInt(_) => "int",
            Node::Float(_) => "float",
            Node::Bytes(_) => "byte string",
            Node::Str(_) => "str",
            Node::List(_) => "list",
            Node::Tuple(_) => "tuple",
            Node::Set(_) => "set",
            Node::Dict(_) => "dict",
            Node::Global(_) => "global",
            Node::Call(_) => "object",
            Node::PersistentId(_) => "persistent id",
        }
    }

    /// The `i`-th child, in a fixed order; `None` after the last.
    pub(crate) fn child(&self, i: usize) -> Option<Id> {
        let entry = |entries: &[(Id, Id)], i: usize| {
            entries.get(i / 2).map(|&(key, value)| if i.is_multiple_of(2) { key } else { value })
        };
        match self {
            Node::List(ids) | Node::Tuple(ids) | Node::Set(ids) => ids.get(i).copied(),
            Node::Dict(entries) => entry(entries, i),
            Node::PersistentId(id) => (i == 0).then_some(*id),
            Node::Call(call) => {
                let head = [Some(call.global), Some(call.args), call.state];
                let head = head.iter().flatten();
                let fixed = head.clone().count();
                let mut flat = head.chain(&call.items);
                flat.nth(i)
                    .copied()
                    .or_else(|| entry(&call.entries, i.checked_sub(fixed + call.items.len())?))
            }
            _ => None,
        }
    }
}

/// What a pickle holds. Byte strings and text are not copied, so it lives no longer than the bytes it was read from.
#[derive(Debug)]
pub struct Pickle<'a> {
    pub(crate) nodes: Vec<Node<'a>>,
    pub(crate) root: Id,
}

impl Pickle<'_> {
    /// The pickled object.
    pub fn root(&self) -> Value<'_> {
        Value { nodes: &self.nodes, id: self.root }
    }
}

/// A value of a [`Pickle`]: a handle that is copied freely. Each `as_…` gives `None` for a value of another kind.
#[derive(Clone, Copy)]
pub struct Value<'p> {
    nodes: &'p [Node<'p>],
    id: Id,
}

static NONE: Node<'static> = Node::None;

impl<'p> Value<'p> {
    fn node(self) -> &'p Node<'p> {
        // Every id was handed out by the reader for a node it had pushed, so the fallback is never taken.
        self.nodes.get(self.id as usize).unwrap_or(&NONE)
    }

    fn at(self, id: Id) -> Self {
        Self { nodes: self.nodes, id }
    }

    /// What Python would call the type of this value, for error messages.
    pub fn kind(self) -> &'static str {
        self.node().kind()
    }

    /// Whether this is the very same object as `other` of the same pickle: Python's `is`.
    pub fn is(self, other: Value<'_>) -> bool {
        std::ptr::eq(self.node(), other.node())
    }

    /// Whether this is `None`.
    pub fn is_none(self) -> bool {
        matches!(self.node(), Node::None)
    }

    /// A `bool`, or an `int` of 0 or 1 (what protocol 0 and 1 wrote for a `bool`).
    pub fn as_bool(self) -> Option<bool> {
        match self.node() {
            Node::Bool(b) => Some(*b),
            Node::Int(i @ (0 | 1)) => Some(*i == 1),
            _ => None,
        }
    }

    /// An `int` that fits 64 bits.
    pub fn as_i64(self) -> Option<i64> {
        self.as_i128().and_then(|i| i64::try_from(i).ok())
    }

    /// A non-negative `int` that fits a `usize`: a size, an index.
    pub fn as_usize(self) -> Option<usize> {
        self.as_i128().and_then(|i| usize::try_from(i).ok())
    }

    /// An `int` that fits 128 bits (such as the magic number of an old PyTorch file).
    pub fn as_i128(self) -> Option<i128> {
        match self.node() {
            Node::Int(i) => Some(i128::from(*i)),
            Node::BigInt(bytes) if bytes.len() <= 16 => {
                let negative = bytes.last().is_some_and(|&b| b >= 0x80);
                let mut wide = [if negative { 0xff } else { 0 }; 16];
                wide.iter_mut().zip(bytes.iter()).for_each(|(w, &b)| *w = b);
                Some(i128::from_le_bytes(wide))
            }
            _ => None,
        }
    }

    /// A `float`, or an `int` converted to one.
    pub fn as_f64(self) -> Option<f64> {
        match self.node() {
            Node::Float(f) => Some(*f),
            _ => self.as_i128().map(|i| i as f64),
        }
    }

    /// `bytes`, a Python 2 `str`, or the `_codecs.encode(text, "latin1")` as which Python 3 writes `bytes` in
    /// protocol 2 (where the caller's list allows that).
    pub fn as_bytes(self) -> Option<Cow<'p, [u8]>> {
        if let Node::Bytes(bytes) = self.node() {
            return Some(Cow::Borrowed(bytes));
        }
        let call = self.as_call()?;
        let mut args = call.args.items()?;
        let text = args.next()?.as_str()?;
        let latin1 = matches!(args.next()?.as_str()?, "latin1" | "latin-1");
        if call.global != ("_codecs", "encode") || !latin1 {
            return None;
        }
        text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect::<Option<Vec<u8>>>().map(Cow::Owned)
    }

    /// A `str`; also a Python 2 `str`, which is bytes, if those are UTF-8.
    pub fn as_str(self) -> Option<&'p str> {
        match self.node() {
            Node::Str(text) => Some(text),
            Node::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// The items of a `list`, `tuple` or `set`, or those appended to an object that is a list of some kind.
    pub fn items(self) -> Option<impl ExactSizeIterator<Item = Value<'p>> + Clone> {
        let ids = match self.node() {
            Node::List(ids) | Node::Tuple(ids) | Node::Set(ids) => ids,
            Node::Call(call) => &call.items,
            _ => return None,
        };
        Some(ids.iter().map(move |&id| self.at(id)))
    }

    /// The entries, in the order written, of a `dict` or of an object that is one: `OrderedDict`, `defaultdict`.
    /// (A key that was set twice occurs twice.)
    pub fn entries(self) -> Option<impl ExactSizeIterator<Item = (Value<'p>, Value<'p>)> + Clone> {
        let entries = match self.node() {
            Node::Dict(entries) => entries,
            Node::Call(call) => &call.entries,
            _ => return None,
        };
        Some(entries.iter().map(move |&(key, value)| (self.at(key), self.at(value))))
    }

    /// The value that [`Value::entries`] has under a text key.
    pub fn get(self, key: &str) -> Option<Value<'p>> {
        self.entries()?.filter(|(k, _)| k.as_str() == Some(key)).last().map(|(_, value)| value)
    }

    /// The `(module, name)` of a global that is not called, such as a type given as an argument.
    pub fn as_global(self) -> Option<(&'p str, &'p str)> {
        match self.node() {
            Node::Global(names) => Some((&names.0, &names.1)),
            _ => None,
        }
    }

    /// The call that would have made this object.
    pub fn as_call(self) -> Option<Call<'p>> {
        let Node::Call(call) = self.node() else { return None };
        Some(Call {
            global: self.at(call.global).as_global()?,
            args: self.at(call.args),
            state: call.state.map(|id| self.at(id)),
        })
    }

    /// The key of an object that is stored outside the pickle, such as the storage of a tensor.
    pub fn as_persistent_id(self) -> Option<Value<'p>> {
        match self.node() {
            Node::PersistentId(id) => Some(self.at(*id)),
            _ => None,
        }
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Value").field(&self.kind()).finish()
    }
}

/// A call that the pickle asks for, kept as data: `global(*args)`, then `__setstate__(state)`. What was appended to
/// its result or set in it is in [`Value::items`] and [`Value::entries`].
#[derive(Debug, Clone, Copy)]
pub struct Call<'p> {
    /// Module and name of the callable; one of the names that the caller allowed.
    pub global: (&'p str, &'p str),
    /// The arguments: a tuple.
    pub args: Value<'p>,
    /// What the pickle would pass to the result's `__setstate__`.
    pub state: Option<Value<'p>>,
}
