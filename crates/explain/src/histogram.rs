use kuva::plot::legend::LegendPosition;
use kuva::plot::{Histogram, LinePlot};
use kuva::render::layout::Layout;
use kuva::render::plots::Plot;
use kuva::render::render::render_multiple;

use crate::palette::Scale;
use crate::{Drawing, Error, Heads, Result, Statistics};

/// The number of bars from 0 to a round number above the largest entropy.
const BINS: usize = 30;
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 400.0;

/// How many nodes have which entropy of attention, in the same plot as the entropies of uniform attention: a panel for
/// each layer, from left to right. With [`Heads::Mean`] the nodes of all heads are counted together.
///
/// Where the two agree, attention tells neighbours no more apart than a mean does (after Minjie Wang et al., *Understand
/// Graph Attention Network*, the tutorial of DGL).
///
/// # Errors
/// If there is no such head, or no layer.
pub fn entropy_histogram(layers: &[Statistics], heads: Heads, title: &str) -> Result<Drawing> {
    if layers.is_empty() {
        let (expected, actual) = ("at least one layer with attention".into(), "none".into());
        return Err(Error::Invalid { argument: "layers", expected, actual });
    }
    let panel = |(number, layer): (usize, &Statistics)| {
        let entropy = layer.entropy();
        let by_head = entropy.by_head();
        let (values, times, which): (Vec<f64>, usize, String) = match heads {
            Heads::Mean => {
                let which =
                    if by_head.len() == 1 { "1 head".into() } else { format!("{} heads", by_head.len()) };
                (by_head.concat(), by_head.len(), which)
            }
            Heads::One(h) => match by_head.get(h) {
                Some(values) => (values.clone(), 1, format!("head {h}")),
                None => {
                    let expected = format!("a number below {} (heads are counted from 0)", by_head.len());
                    return Err(Error::Invalid { argument: "head", expected, actual: h.to_string() });
                }
            },
        };
        let uniform = entropy.uniform().repeat(times);
        // A round number; of a graph without edges, anything.
        let end = Scale::to(uniform.iter().chain(&values).fold(0.1_f64, |a, &b| a.max(b))).end();
        let edge = |i: usize| end * i as f64 / BINS as f64;
        let count = |values: &[f64]| {
            let mut counts = vec![0.0; BINS];
            for value in values {
                counts[((value / end * BINS as f64) as usize).min(BINS - 1)] += 1.0;
            }
            counts
        };
        // Bars, and the outline of bars over them: both can be read where they overlap.
        let bars = Histogram::from_bins((0..=BINS).map(edge).collect(), count(&uniform));
        let outline = count(&values).into_iter().enumerate();
        let outline = outline.flat_map(|(i, n)| [(edge(i), n), (edge(i + 1), n)]);
        let outline = LinePlot::new().with_data(outline).with_color("#bc3c5e").with_stroke_width(2.0);
        let plots = vec![
            Plot::Histogram(bars.with_color("#c3c8d2").with_legend("uniform: ln(in-degree)")),
            Plot::Line(outline.with_legend("attention")),
        ];
        let name = layer.name().map_or_else(|| format!("layer {number}"), Into::into);
        let layout = Layout::auto_from_plots(&plots)
            .with_title(format!("{title}: {name}, {which}"))
            .with_x_label("entropy of a node's attention, nats")
            .with_y_label(if times > 1 { "nodes, once for each head" } else { "nodes" })
            .with_legend_position(LegendPosition::OutsideRightTop)
            .with_width(WIDTH)
            .with_height(HEIGHT);
        Ok(render_multiple(plots, layout))
    };
    Ok(Drawing::plots(layers.iter().enumerate().map(panel).collect::<Result<Vec<_>>>()?))
}
