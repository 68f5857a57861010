use std::collections::HashMap;

/// Names of nodes, numbered in the order in which they appear. A file in memory has fewer than 2³² of them.
#[derive(Default)]
pub(crate) struct Names {
    pub(crate) numbers: HashMap<String, u32>,
    pub(crate) list: Vec<String>,
}

impl Names {
    pub(crate) fn number(&mut self, name: &str) -> u32 {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let number = self.list.len() as u32;
        self.numbers.insert(name.to_string(), number);
        self.list.push(name.to_string());
        number
    }
}
