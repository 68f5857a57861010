//! Families: persons, who is what to whom, and questions about them.

use std::collections::BTreeSet;

use candle_geometric::graph::rng::{Sequence, Stream};
use candle_geometric::prelude::*;

/// What an edge says: `source –relation→ destination`. The last one joins each person to itself, for walks that have arrived.
pub(crate) const RELATIONS: [&str; 6] = ["mother", "father", "spouse", "son", "daughter", "self"];
const SELF: u32 = 5;

/// The words of questions, and the relations that each stands for: one way or several, each of one or two steps. The model is
/// not told.
pub(crate) const WORDS: [(&str, &[&[u32]]); 10] = [
    ("mother", &[&[0]]),
    ("father", &[&[1]]),
    ("spouse", &[&[2]]),
    ("son", &[&[3]]),
    ("daughter", &[&[4]]),
    ("grandmother", &[&[0, 0], &[1, 0]]),
    ("grandfather", &[&[0, 1], &[1, 1]]),
    ("granddaughter", &[&[3, 4], &[4, 4]]),
    ("mother-in-law", &[&[2, 0]]),
    ("father-in-law", &[&[2, 1]]),
];

/// Persons, and the edges between them with their relations.
pub(crate) struct World {
    pub(crate) names: Vec<String>,
    pub(crate) edges: EdgeIndex,
    pub(crate) relations: Vec<u32>,
}

/// Who is the `words[0]` of the `words[1]` of `person`? (Of one word, the second is none.)
pub(crate) struct Question {
    pub(crate) person: u32,
    /// Numbers of [`WORDS`], the one that is asked for last at the end; `WORDS.len()` is no word.
    pub(crate) words: [u32; 2],
    /// All right answers.
    pub(crate) answers: BTreeSet<u32>,
}

impl World {
    /// So many generations of families: each generation marries at random and each couple has two or three children.
    pub(crate) fn generate(generations: usize, couples: usize, seed: u64) -> anyhow::Result<Self> {
        let mut random = Stream::named(seed, "families").sequence();
        let (mut names, mut facts) = (vec![], vec![]);
        let mut person = |woman: bool| {
            let pool =
                if woman { ["Ada", "Eva", "Ida", "Mia", "Zoe"] } else { ["Ben", "Jan", "Leo", "Max", "Tom"] };
            names.push(format!("{}{}", pool[names.len() % 5], names.len()));
            names.len() as u32 - 1
        };
        let mut women: Vec<u32> = (0..couples).map(|_| person(true)).collect();
        let mut men: Vec<u32> = (0..couples).map(|_| person(false)).collect();
        for _ in 1..generations {
            let (mut daughters, mut sons) = (vec![], vec![]);
            random.shuffle(&mut men);
            for (&mother, &father) in women.iter().zip(&men) {
                facts.extend([(mother, 2, father), (father, 2, mother)]);
                for _ in 0..2 + random.below(2) {
                    let woman = random.below(2) == 0;
                    let child = person(woman);
                    facts.extend([(child, 0, mother), (child, 1, father)]);
                    let relation = if woman { 4 } else { 3 };
                    facts.extend([(mother, relation, child), (father, relation, child)]);
                    if woman { &mut daughters } else { &mut sons }.push(child);
                }
            }
            (women, men) = (daughters, sons);
        }
        facts.extend((0..names.len() as u32).map(|person| (person, SELF, person)));
        let edges = EdgeIndex::from_pairs(facts.iter().map(|&(a, _, b)| (a, b)), names.len())?;
        Ok(Self { names, edges, relations: facts.into_iter().map(|(_, relation, _)| relation).collect() })
    }

    /// Everyone whom a chain of relations leads to.
    fn follow(&self, from: &BTreeSet<u32>, relation: u32) -> BTreeSet<u32> {
        let leaving = self.edges.by_source();
        let edges = from.iter().flat_map(|&person| leaving.range(person as usize));
        let edges = edges.filter(|&place| self.relations[leaving.edge_ids()[place] as usize] == relation);
        edges.map(|place| leaving.columns()[place]).collect()
    }

    /// So many questions that have an answer, of one word or of two.
    pub(crate) fn ask(&self, count: usize, random: &mut Sequence) -> Vec<Question> {
        let mut questions = vec![];
        while questions.len() < count {
            let person = random.below(self.names.len() as u32);
            let word = |random: &mut Sequence| random.below(WORDS.len() as u32);
            let first = word(random);
            let second = if random.below(3) == 0 { WORDS.len() as u32 } else { word(random) };
            let mut answers = BTreeSet::from([person]);
            for word in [first, second] {
                let Some((_, ways)) = WORDS.get(word as usize) else { continue };
                let way = |way: &&[u32]| way.iter().fold(answers.clone(), |at, &r| self.follow(&at, r));
                answers = ways.iter().flat_map(way).collect();
            }
            if !answers.is_empty() {
                questions.push(Question { person, words: [first, second], answers });
            }
        }
        questions
    }
}

impl Question {
    /// The words as one would say them: the last one of the path is asked for first.
    pub(crate) fn text(&self, world: &World) -> String {
        let words: Vec<&str> = self.known().rev().map(|(name, _)| name).collect();
        format!("Who is the {} of {}?", words.join(" of the "), world.names[self.person as usize])
    }

    /// The relations that lead to the answers.
    pub(crate) fn way(&self) -> String {
        let way = |relations: &&[u32]| {
            relations.iter().map(|&r| RELATIONS[r as usize]).collect::<Vec<_>>().join(" ")
        };
        let word = |(_, ways): (&str, &[&[u32]])| ways.iter().map(way).collect::<Vec<_>>().join(" or ");
        self.known().map(word).collect::<Vec<_>>().join(", then ")
    }

    fn known(&self) -> impl DoubleEndedIterator<Item = (&'static str, &'static [&'static [u32]])> {
        self.words.into_iter().filter_map(|word| WORDS.get(word as usize).copied())
    }
}
