//! Entity classification in RDF graphs (Ristoski et al. 2016), as R-GCN has it: AIFB, MUTAG, BGS, AM.
//!
//! The facts are N-Triples (gzip is unpacked). Every distinct subject and object is a node, literals too, numbered as they
//! appear; relations are numbered by how often they occur, the most frequent first, equal ones by name. Which nodes have which
//! class is in tables with a header, separated by tabs: two of their columns count, wherever they stand.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Read;

use oxttl::NTriplesParser;

use crate::csv_graph::CsvTable;
use crate::knowledge_graph::{KnowledgeGraph, Triple};
use crate::names::Names;
use crate::tables::{Row, Table};
use crate::text::{shown, without_mark};
use crate::{Error, Result, inflate};

/// A graph of facts in which some entities have a class.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntityDataset {
    /// The facts; all are for training. Names are written as in N-Triples: `<address>`, `_:blank`, `"literal"`.
    pub facts: KnowledgeGraph,
    /// The names of the classes, sorted.
    pub class_names: Vec<String>,
    /// Entities for training, each with its class.
    pub train: Vec<(u32, u32)>,
    /// Entities for testing, each with its class.
    pub test: Vec<(u32, u32)>,
}

/// Assembles the data set from the facts, and from tables whose column `entity` has addresses and `label` classes.
///
/// # Errors
/// If a line is no fact, a column is not there, an entity is in no fact or has two labels, or gzip is damaged.
pub fn parse(
    name: &str,
    facts: &[u8],
    [train, test]: [&[u8]; 2],
    [entity, label]: [&str; 2],
) -> Result<EntityDataset> {
    let facts = read_facts(name, facts)?;
    let numbers: HashMap<&str, u32> = facts.entities.iter().map(String::as_str).zip(0..).collect();
    let mut seen = HashSet::new();
    let mut read = |file: &str, bytes: &[u8]| {
        let mut table = CsvTable::open(file, bytes, b'\t')?;
        let (entity, label) = (table.column(entity)?, table.column(label)?);
        let mut labels = Vec::new();
        while let Some(row) = table.next()? {
            let address = row.text(entity)?;
            let number = numbers.get(format!("<{address}>").as_str()).copied();
            let number = number.ok_or_else(|| row.error(format!("{:?} is in no fact", shown(&address))))?;
            if !seen.insert(number) {
                return Err(row.error(format!("{:?} has two labels", shown(&address))));
            }
            labels.push((number, row.text(label)?.into_owned()));
        }
        Ok(labels)
    };
    let (train, test) = (read("the training table", train)?, read("the test table", test)?);
    let names = train.iter().chain(&test).map(|(_, class)| class.clone());
    let mut classes: BTreeMap<String, u32> = names.map(|class| (class, 0)).collect();
    classes.values_mut().zip(0..).for_each(|(place, number)| *place = number);
    let numbered = |labels: Vec<(u32, String)>| {
        labels.into_iter().filter_map(|(entity, class)| Some((entity, *classes.get(&class)?))).collect()
    };
    let (train, test) = (numbered(train), numbered(test));
    Ok(EntityDataset { facts, class_names: classes.into_keys().collect(), train, test })
}

/// The facts of a file of N-Triples, each once.
fn read_facts(name: &str, bytes: &[u8]) -> Result<KnowledgeGraph> {
    const FILE: &str = "the facts";
    let mut text = Vec::new();
    let mut reader = inflate::plain(bytes, bytes.len() as u64).map_err(Error::io(FILE))?;
    reader.read_to_end(&mut text).map_err(Error::io(FILE))?;
    drop(reader);
    let (mut entities, mut relations) = (Names::default(), Names::default());
    let (mut seen, mut train) = (HashSet::new(), Vec::new());
    for triple in NTriplesParser::new().for_slice(without_mark(&text)) {
        let triple = triple.map_err(|e| {
            let line = usize::try_from(e.location().start.line).unwrap_or(usize::MAX).saturating_add(1);
            Error::line(FILE, line, e.message())
        })?;
        let fact = Triple {
            head: entities.number(&triple.subject.to_string()),
            relation: relations.number(&triple.predicate.to_string()),
            tail: entities.number(&triple.object.to_string()),
        };
        if seen.insert(fact) {
            train.push(fact);
        }
    }
    // From the numbers by appearance to those by frequency.
    let mut counts = vec![0usize; relations.list.len()];
    for fact in &train {
        if let Some(count) = counts.get_mut(fact.relation as usize) {
            *count += 1;
        }
    }
    let mut order: Vec<(std::cmp::Reverse<usize>, &String, usize)> = counts
        .iter()
        .zip(&relations.list)
        .enumerate()
        .map(|(i, (&n, name))| (std::cmp::Reverse(n), name, i))
        .collect();
    order.sort();
    let mut places = vec![0; order.len()];
    for (place, &(.., i)) in (0..).zip(&order) {
        if let Some(slot) = places.get_mut(i) {
            *slot = place;
        }
    }
    train
        .iter_mut()
        .for_each(|fact| fact.relation = places.get(fact.relation as usize).copied().unwrap_or(0));
    let relations = order.into_iter().map(|(_, name, _)| name.clone()).collect();
    Ok(KnowledgeGraph {
        name: name.into(),
        entities: entities.list,
        relations,
        train,
        val: Vec::new(),
        test: Vec::new(),
    })
}
