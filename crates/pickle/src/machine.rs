//! The stack machine: <https://github.com/python/cpython/blob/main/Lib/pickletools.py> describes every opcode.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::source::Source;
use crate::value::{CallNode, Id, Node};
use crate::{Error, Result};

pub(crate) struct Machine<'a, 'r> {
    source: Source<'a>,
    allowed: &'r BTreeSet<(&'a str, &'a str)>,
    max_values: usize,
    nodes: Vec<Node<'a>>,
    stack: Vec<Id>,
    /// Heights of the stack at which a mark was set.
    marks: Vec<usize>,
    memo: BTreeMap<u32, Id>,
}

impl<'a, 'r> Machine<'a, 'r> {
    pub(crate) fn new(
        bytes: &'a [u8],
        position: usize,
        allowed: &'r BTreeSet<(&'a str, &'a str)>,
        max_values: usize,
    ) -> Self {
        Self {
            source: Source::new(bytes, position),
            allowed,
            // Positions in the arena are 32-bit.
            max_values: max_values.min(u32::MAX as usize - 1),
            nodes: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: BTreeMap::new(),
        }
    }

    /// The arena and the position behind the pickle.
    pub(crate) fn finish(self) -> (Vec<Node<'a>>, usize) {
        (self.nodes, self.source.position())
    }

    /// Runs until `STOP` and gives the object on top of the stack.
    pub(crate) fn run(&mut self) -> Result<Id> {
        loop {
            match self.source.opcode()? {
                b'.' => return self.pop(),
                opcode => self.step(opcode)?,
            }
        }
    }

    fn step(&mut self, opcode: u8) -> Result<()> {
        match opcode {
            // framing
            0x80 => match self.source.u8()? {
                0..=5 => Ok(()),
                other => Err(self.source.malformed(format!("protocol {other}, the newest known is 5"))),
            },
            0x95 => {
                let length = self.source.length8()?;
                self.source.left(length)
            }
            // the stack and the memo
            b'(' => {
                self.marks.push(self.stack.len());
                Ok(())
            }
            b'0' if self.marks.last() == Some(&self.stack.len()) => self.pop_mark().map(drop),
            b'0' => self.pop().map(drop),
            b'1' => self.pop_mark().map(drop),
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
                Ok(())
            }
            b'p' => {
                let key = self.source.decimal()?;
                self.put(key)
            }
            b'q' => {
                let key = u32::from(self.source.u8()?);
                self.put(key)
            }
            b'r' => {
                let key = self.source.u32()?;
                self.put(key)
            }
            0x94 => {
                let key = self.memo.len() as u32;
                self.put(key)
            }
            b'g' => {
                let key = self.source.decimal()?;
                self.get(key)
            }
            b'h' => {
                let key = u32::from(self.source.u8()?);
                self.get(key)
            }
            b'j' => {
                let key = self.source.u32()?;
                self.get(key)
            }
            _ => {
                if let Some(node) = self.source.scalar(opcode)? {
                    return self.push(node);
                }
                self.compound(opcode)
            }
        }
    }

    /// Containers, globals, calls and persistent ids.
    fn compound(&mut self, opcode: u8) -> Result<()> {
        match opcode {
            b']' => self.push(Node::List(Vec::new())),
            b'l' => {
                let items = self.pop_mark()?;
                self.push(Node::List(items))
            }
            b'a' => {
                let item = self.pop()?;
                self.extend(vec![item])
            }
            b'e' | 0x90 => {
                let items = self.pop_mark()?;
                self.extend(items)
            }
            b')' => self.push(Node::Tuple(Vec::new())),
            b't' => {
                let items = self.pop_mark()?;
                self.push(Node::Tuple(items))
            }
            0x85..=0x87 => {
                let mut items = (0..opcode - 0x84).map(|_| self.pop()).collect::<Result<Vec<_>>>()?;
                items.reverse();
                self.push(Node::Tuple(items))
            }
            b'}' => self.push(Node::Dict(Vec::new())),
            b'd' => {
                let entries = self.pop_entries()?;
                self.push(Node::Dict(entries))
            }
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.update(vec![(key, value)])
            }
            b'u' => {
                let entries = self.pop_entries()?;
                self.update(entries)
            }
            0x8f => self.push(Node::Set(Vec::new())),
            0x91 => {
                let items = self.pop_mark()?;
                self.push(Node::Set(items))
            }
            b'c' => {
                let module = self.source.text_line()?;
                let name = self.source.text_line()?;
                self.global(module, name)
            }
            0x93 => {
                let name = self.pop_str()?;
                let module = self.pop_str()?;
                self.global(module, name)
            }
            b'R' | 0x81 => {
                let args = self.pop()?;
                self.call(args)
            }
            0x92 => {
                let keywords = self.pop()?;
                if !matches!(self.node(keywords), Node::Dict(entries) if entries.is_empty()) {
                    return Err(self.source.malformed("a call with keyword arguments".into()));
                }
                let args = self.pop()?;
                self.call(args)
            }
            b'i' => {
                let module = self.source.text_line()?;
                let name = self.source.text_line()?;
                let args = self.pop_mark()?;
                self.global(module, name)?;
                let args = self.add(Node::Tuple(args))?;
                self.call(args)
            }
            b'o' => {
                let mut items = self.pop_mark()?.into_iter();
                let global = self.source.need(items.next(), "a call of nothing")?;
                self.stack.push(global);
                let args = self.add(Node::Tuple(items.collect()))?;
                self.call(args)
            }
            b'b' => {
                let state = self.pop()?;
                let object = self.top()?;
                match self.node_mut(object) {
                    Node::Call(call) if call.state.is_none() => {
                        call.state = Some(state);
                        Ok(())
                    }
                    other => {
                        let kind = other.kind();
                        Err(self
                            .source
                            .malformed(format!("a state for a {kind} that takes none, or a second one")))
                    }
                }
            }
            b'P' => {
                let key = self.source.text_line()?;
                let key = self.add(Node::Str(Cow::Borrowed(key)))?;
                self.push(Node::PersistentId(key))
            }
            b'Q' => {
                let key = self.pop()?;
                self.push(Node::PersistentId(key))
            }
            _ => Err(self.source.unsupported(opcode)),
        }
    }

    // Building.

    fn add(&mut self, node: Node<'a>) -> Result<Id> {
        if self.nodes.len() >= self.max_values {
            return Err(Error::Limit { what: "number of values", limit: self.max_values });
        }
        self.nodes.push(node);
        Ok((self.nodes.len() - 1) as Id)
    }

    fn push(&mut self, node: Node<'a>) -> Result<()> {
        let id = self.add(node)?;
        self.stack.push(id);
        Ok(())
    }

    fn global(&mut self, module: impl Into<Cow<'a, str>>, name: impl Into<Cow<'a, str>>) -> Result<()> {
        let (module, name) = (module.into(), name.into());
        if !self.allowed.contains(&(&*module, &*name)) {
            return Err(Error::UnknownGlobal { module: module.into(), name: name.into() });
        }
        self.push(Node::Global(Box::new((module, name))))
    }

    fn call(&mut self, args: Id) -> Result<()> {
        if !matches!(self.node(args), Node::Tuple(_)) {
            let kind = self.node(args).kind();
            return Err(self
                .source
                .malformed(format!("a call with a {kind} instead of a tuple of arguments")));
        }
        let global = self.pop()?;
        if !matches!(self.node(global), Node::Global(_)) {
            let kind = self.node(global).kind();
            return Err(self.source.malformed(format!("a call of a {kind}")));
        }
        let call = CallNode { global, args, state: None, items: Vec::new(), entries: Vec::new() };
        self.push(Node::Call(Box::new(call)))
    }

    fn extend(&mut self, new: Vec<Id>) -> Result<()> {
        let target = self.top()?;
        match self.node_mut(target) {
            Node::List(items) | Node::Set(items) => items.extend(new),
            Node::Call(call) => call.items.extend(new),
            other => {
                let kind = other.kind();
                return Err(self.source.malformed(format!("items for a {kind}")));
            }
        }
        Ok(())
    }

    fn update(&mut self, new: Vec<(Id, Id)>) -> Result<()> {
        let target = self.top()?;
        match self.node_mut(target) {
            Node::Dict(entries) => entries.extend(new),
            Node::Call(call) => call.entries.extend(new),
            other => {
                let kind = other.kind();
                return Err(self.source.malformed(format!("entries for a {kind}")));
            }
        }
        Ok(())
    }

    fn put(&mut self, key: u32) -> Result<()> {
        let top = self.top()?;
        self.memo.insert(key, top);
        Ok(())
    }

    fn get(&mut self, key: u32) -> Result<()> {
        let Some(&id) = self.memo.get(&key) else {
            return Err(self.source.malformed(format!("memo entry {key} was never set")));
        };
        self.stack.push(id);
        Ok(())
    }

    fn node(&self, id: Id) -> &Node<'a> {
        &self.nodes[id as usize] // ids are made by `add` only
    }

    fn node_mut(&mut self, id: Id) -> &mut Node<'a> {
        &mut self.nodes[id as usize]
    }

    // The stack.

    /// The top of the stack, above the last mark.
    fn top(&self) -> Result<Id> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.last() {
            Some(&id) if self.stack.len() > floor => Ok(id),
            _ => Err(self.source.malformed("nothing on the stack".into())),
        }
    }

    fn pop(&mut self) -> Result<Id> {
        let id = self.top()?;
        self.stack.pop();
        Ok(id)
    }

    /// Everything above the last mark, and the mark.
    fn pop_mark(&mut self) -> Result<Vec<Id>> {
        let Some(height) = self.marks.pop() else {
            return Err(self.source.malformed("no mark on the stack".into()));
        };
        Ok(self.stack.split_off(height))
    }

    fn pop_entries(&mut self) -> Result<Vec<(Id, Id)>> {
        let items = self.pop_mark()?;
        let (pairs, rest) = items.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(self.source.malformed("a key without a value".into()));
        }
        Ok(pairs.iter().map(|&[key, value]| (key, value)).collect())
    }

    fn pop_str(&mut self) -> Result<Cow<'a, str>> {
        let id = self.pop()?;
        match self.node(id) {
            Node::Str(text) => Ok(text.clone()),
            other => Err(self.source.malformed(format!("a {} as the name of a global", other.kind()))),
        }
    }
}
