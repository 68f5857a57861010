//! Knowledge graphs: facts as triples of a head, a relation and a tail, such as `(Paris, capital_of, France)`.
//!
//! The files `train.txt`, `valid.txt` and `test.txt` of FB15k-237, WN18RR, UMLS and others hold a triple per line, three
//! names separated by tabs. Entities and relations are numbered in the order in which they appear in the three files, as in
//! PyG. `candle_geometric_train::ranking` ranks the answers of a model to their questions. Triples that only validation or testing have may name entities that training does not know.
//!
//! ```
//! # fn main() -> candle_geometric_data::Result<()> {
//! use candle_geometric_data::knowledge_graph::parse;
//! let facts = parse("facts", b"a\tlikes\tb\na\tlikes\tc\n", b"", b"a\tlikes\ta\n")?;
//! assert_eq!(facts.entities, ["a", "b", "c"]);
//! // Which tail does `a likes ?` have, and which head `? likes a`, as a tail of the inverse relation 1?
//! assert_eq!(facts.questions(&facts.test, true), [[0, 0, 0], [0, 1, 0]]);
//! assert_eq!(facts.known(false), [[0, 0, 1], [0, 0, 2], [0, 0, 0]]);
//! # Ok(()) }
//! ```

use std::collections::HashMap;

use candle_geometric_graph::{EdgeIndex, Relations};

use crate::Result;
use crate::text::lines;

/// A fact: entity `head` stands in `relation` to entity `tail`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Triple {
    /// An entity.
    pub head: u32,
    /// A relation.
    pub relation: u32,
    /// An entity.
    pub tail: u32,
}

/// Facts, split into those to learn from and those to be predicted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KnowledgeGraph {
    /// The name that [`Dataset::load`](crate::Dataset::load) knows.
    pub name: String,
    /// The names of the entities.
    pub entities: Vec<String>,
    /// The R names of the relations.
    pub relations: Vec<String>,
    /// The facts for training.
    pub train: Vec<Triple>,
    /// The facts for validation.
    pub val: Vec<Triple>,
    /// The facts for testing.
    pub test: Vec<Triple>,
}

/// Assembles the graph from the contents of the three files.
///
/// # Errors
/// If a line is not three names, separated by tabs.
pub fn parse(name: &str, train: &[u8], valid: &[u8], test: &[u8]) -> Result<KnowledgeGraph> {
    let (mut entities, mut relations) = (Vocabulary::default(), Vocabulary::default());
    let mut read = |file, bytes| {
        let mut triples = Vec::new();
        for line in lines(file, bytes) {
            let line = line?;
            let names = line.fields('\t', "a head, a relation and a tail, separated by tabs")?;
            if names.iter().any(|name| name.is_empty()) {
                return Err(line.error("a name is empty"));
            }
            let [head, relation, tail] = names;
            let triple = (entities.number(head), relations.number(relation), entities.number(tail));
            let (Some(head), Some(relation), Some(tail)) = triple else {
                return Err(line.error("more names than 32 bits can count"));
            };
            triples.push(Triple { head, relation, tail });
        }
        Ok(triples)
    };
    let (train, val, test) = (read("train", train)?, read("valid", valid)?, read("test", test)?);
    Ok(KnowledgeGraph {
        name: name.into(),
        entities: entities.names(),
        relations: relations.names(),
        train,
        val,
        test,
    })
}

/// Names in the order in which they appear.
#[derive(Default)]
struct Vocabulary<'a> {
    numbers: HashMap<&'a str, u32>,
    names: Vec<&'a str>,
}

impl<'a> Vocabulary<'a> {
    fn number(&mut self, name: &'a str) -> Option<u32> {
        if let Some(&number) = self.numbers.get(name) {
            return Some(number);
        }
        let number = u32::try_from(self.names.len()).ok().filter(|&number| number < u32::MAX - 1)?;
        self.numbers.insert(name, number);
        self.names.push(name);
        Some(number)
    }

    fn names(self) -> Vec<String> {
        self.names.into_iter().map(str::to_string).collect()
    }
}

impl KnowledgeGraph {
    /// The facts for training as edges from head to tail, in their order; message passing sees no others.
    ///
    /// With `inverse`, the edges from tail to head follow, in the same order; those of relation `r` belong to relation
    /// `r + R`. This is what R-GCN and CompGCN are given.
    ///
    /// # Errors
    /// If the number of edges exceeds 32 bits.
    pub fn edges(&self, inverse: bool) -> Result<Relations> {
        let side = |first: fn(&Triple) -> u32, second: fn(&Triple) -> u32| -> Vec<u32> {
            let turned = self.train.iter().map(second).filter(|_| inverse);
            self.train.iter().map(first).chain(turned).collect()
        };
        let r = self.relations.len() as u32;
        let turned = self.train.iter().map(|t| t.relation + r).filter(|_| inverse);
        let types: Vec<u32> = self.train.iter().map(|t| t.relation).chain(turned).collect();
        let edges =
            EdgeIndex::new(side(|t| t.head, |t| t.tail), side(|t| t.tail, |t| t.head), self.entities.len())?;
        Ok(Relations::new(&edges, &types, self.relations.len() * (1 + usize::from(inverse)))?)
    }

    /// Facts as (head, relation, tail): questions for the tail. With `inverse`, those for the head follow, as tails of the
    /// inverse relations, which have the numbers from R on.
    pub fn questions(&self, facts: &[Triple], inverse: bool) -> Vec<[u32; 3]> {
        let r = self.relations.len() as u32;
        let turned = facts.iter().filter(|_| inverse).map(|t| [t.tail, t.relation + r, t.head]);
        facts.iter().map(|t| [t.head, t.relation, t.tail]).chain(turned).collect()
    }

    /// The [`questions`](Self::questions) of all facts of the three splits: what is known to be right, by which a *filtered*
    /// ranking (Bordes et al. 2013) is filtered.
    pub fn known(&self, inverse: bool) -> Vec<[u32; 3]> {
        [&self.train, &self.val, &self.test].into_iter().flat_map(|f| self.questions(f, inverse)).collect()
    }

    /// The texts of the entities from a file of lines `entity <tab> text`, in the order of [`entities`](Self::entities).
    /// `None` for those that the file does not have; others in it are left alone.
    ///
    /// # Errors
    /// If a line has no tab.
    pub fn entity_texts(&self, bytes: &[u8]) -> Result<Vec<Option<String>>> {
        texts("entity2text", bytes, &self.entities)
    }

    /// As [`entity_texts`](Self::entity_texts), of the relations.
    ///
    /// # Errors
    /// If a line has no tab.
    pub fn relation_texts(&self, bytes: &[u8]) -> Result<Vec<Option<String>>> {
        texts("relation2text", bytes, &self.relations)
    }
}

fn texts(file: &str, bytes: &[u8], names: &[String]) -> Result<Vec<Option<String>>> {
    let mut known = HashMap::new();
    for line in lines(file, bytes) {
        let line = line?;
        let (name, text) = line
            .text
            .split_once('\t')
            .ok_or_else(|| line.error("expected a name and a text, separated by a tab"))?;
        known.insert(name, text);
    }
    Ok(names.iter().map(|name| known.get(name.as_str()).map(|text| text.to_string())).collect())
}
