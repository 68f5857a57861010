//! Knowledge graphs: facts as triples of a head, a relation and a tail, such as `(Paris, capital_of, France)`.
//!
//! The files `train.txt`, `valid.txt` and `test.txt` of FB15k-237, WN18RR, UMLS and others hold a triple per line, three
//! names separated by tabs. Entities and relations are numbered in the order in which they appear in the three files, as in
//! PyG. Triples that only validation or testing have may name entities that training does not know.
//!
//! ```
//! # fn main() -> candle_geometric_data::Result<()> {
//! use candle_geometric_data::knowledge_graph::{filtered_rank, parse};
//! let facts = parse("facts", b"a\tlikes\tb\na\tlikes\tc\n", b"", b"a\tlikes\ta\n")?;
//! assert_eq!(facts.entities, ["a", "b", "c"]);
//! // Which tail does `a likes ?` have? The scores of the facts that are known do not count against the right one.
//! let question = facts.test[0];
//! let known = facts.filter();
//! let rank = filtered_rank(&[0.1, 0.9, 0.8], question.tail, known.tails(question.head, question.relation));
//! assert_eq!(rank, Some(1.));
//! # Ok(()) }
//! ```

use std::cmp::Ordering;
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

    /// Every fact of the three splits, arranged to be asked.
    pub fn filter(&self) -> Filter {
        let all = || self.train.iter().chain(&self.val).chain(&self.test);
        Filter {
            tails: Answers::new(all().map(|t| (t.head, t.relation, t.tail)).collect()),
            heads: Answers::new(all().map(|t| (t.relation, t.tail, t.head)).collect()),
        }
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

/// What is known to be true, so that a *filtered* ranking (Bordes et al. 2013) does not count it as wrong.
#[derive(Debug, Clone)]
pub struct Filter {
    tails: Answers,
    heads: Answers,
}

impl Filter {
    /// The tails of all facts with this head and relation, ascending.
    pub fn tails(&self, head: u32, relation: u32) -> &[u32] {
        self.tails.of((head, relation))
    }

    /// The heads of all facts with this relation and tail, ascending.
    pub fn heads(&self, relation: u32, tail: u32) -> &[u32] {
        self.heads.of((relation, tail))
    }
}

/// Entities by question.
#[derive(Debug, Clone)]
struct Answers {
    questions: Vec<(u32, u32)>,
    answers: Vec<u32>,
}

impl Answers {
    fn new(mut facts: Vec<(u32, u32, u32)>) -> Self {
        facts.sort_unstable();
        facts.dedup();
        let questions = facts.iter().map(|&(a, b, _)| (a, b)).collect();
        Self { questions, answers: facts.into_iter().map(|(.., answer)| answer).collect() }
    }

    fn of(&self, question: (u32, u32)) -> &[u32] {
        let start = self.questions.partition_point(|&q| q < question);
        let end = self.questions.partition_point(|&q| q <= question);
        self.answers.get(start..end).unwrap_or_default()
    }
}

/// The rank of `target` among all entities by `scores` (the highest is the best), without the others that are `known` to be
/// right (ascending, as [`Filter`] gives them); `None` if there is no such entity.
///
/// Of entities with equal scores, the rank is in the middle: the mean of the optimistic and the pessimistic rank. A model
/// that gives all the same score gets half of the worst rank, not the first. A score that is not a number counts as better
/// than the target's, and a target's as worse than all others.
pub fn filtered_rank(scores: &[f32], target: u32, known: &[u32]) -> Option<f64> {
    let own = *scores.get(target as usize)?;
    // How many places a score takes before the target.
    let places = |score: f32| match score.partial_cmp(&own) {
        Some(Ordering::Less) => 0.,
        Some(Ordering::Equal) => 0.5,
        Some(Ordering::Greater) | None => 1.,
    };
    let others = (0u32..).zip(scores).filter(|&(entity, _)| entity != target);
    let mut rank = 1. + others.map(|(_, &score)| places(score)).sum::<f64>();
    let mut last = None;
    for &entity in known {
        let score = scores.get(entity as usize).filter(|_| entity != target && last != Some(entity));
        rank -= score.map_or(0., |&score| places(score));
        last = Some(entity);
    }
    Some(rank)
}
