use std::collections::HashMap;

/// The scaffold split of MoleculeNet (Wu et al. 2018): molecules with the same scaffold stay together, and rare scaffolds are
/// tested on. Gives the positions of the molecules for training, validation and testing, each in the order of the data.
///
/// Scaffolds are taken by the number of their molecules, the largest first, and by their first molecule, the last first, where
/// numbers are equal, as DeepChem takes them; each goes to training where it fits into the share `train` of all
/// molecules, else to validation where it fits into `train + val` together with training, else to testing.
pub fn scaffold_split(scaffolds: &[impl AsRef<str>], train: f64, val: f64) -> [Vec<usize>; 3] {
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (molecule, scaffold) in scaffolds.iter().enumerate() {
        let group = *numbers.entry(scaffold.as_ref()).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[group].push(molecule);
    }
    groups.sort_by_key(|group| std::cmp::Reverse((group.len(), group.first().copied())));
    let n = scaffolds.len() as f64;
    let (first, second) = (train * n, (train + val) * n);
    let mut split: [Vec<usize>; 3] = Default::default();
    for group in groups {
        let trained = split[0].len() + group.len();
        let part = if trained as f64 <= first {
            0
        } else if (trained + split[1].len()) as f64 <= second {
            1
        } else {
            2
        };
        split[part].extend(group);
    }
    split.each_mut().map(|part| {
        part.sort_unstable();
        std::mem::take(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scaffolds_stay_together_and_rare_ones_are_tested() {
        let scaffolds = ["a", "b", "a", "c", "a", "b", "a", "d", "a", "a"];
        let [train, val, test] = scaffold_split(&scaffolds, 0.6, 0.2);
        assert_eq!(train, [0, 2, 4, 6, 8, 9]);
        assert_eq!(val, [1, 5]);
        assert_eq!(test, [3, 7]);
        assert_eq!(scaffold_split(&[] as &[&str], 0.8, 0.1), [const { Vec::<usize>::new() }; 3]);
    }
}
