//! A pretrained model inside another app: load it, make a graph, predict. See the README beside this file.
use candle_geometric::prelude::*;

fn main() -> anyhow::Result<()> {
    candle_geometric_examples::Arguments::read()?; // as every example here: `--help` is answered
    let zoo = from_pretrained("gat-cora", &Device::Cpu)?;
    let features = zoo.entry.model.in_channels();

    // Four papers. 0, 1 and 2 cite each other in a ring and use words 19 and 81; 3 stands alone and uses word 1177.
    let edges = EdgeIndex::new(vec![0, 1, 1, 2, 2, 0], vec![1, 0, 2, 1, 0, 2], 4)?;
    let mut words = vec![0f32; 4 * features];
    for (paper, word, share) in [(0, 19, 1.0), (1, 81, 1.0), (2, 19, 0.5), (2, 81, 0.5), (3, 1177, 1.0)] {
        words[paper * features + word] = share;
    }
    let x = Tensor::from_vec(words, (4, features), &Device::Cpu)?;

    let classes = zoo.model.forward(&x, &edges)?.argmax(1)?.to_vec1::<u32>()?;
    for (paper, class) in classes.into_iter().enumerate() {
        println!("paper {paper}: {}", zoo.entry.task.labels[class as usize]);
    }
    Ok(())
}
