use std::path::Path;

use candle_geometric_graph::EdgeIndex;

use crate::canvas::{Canvas, Style, shorten};
use crate::error::check_length;
use crate::legend::{Classes, draw_colour_bar, draw_ring, outline, ring_radius};
use crate::palette::{self, DARK, GREY, PALE, Scale, WHITE};
use crate::place::{self, Page};
use crate::{Drawing, Error, Heads, Result, Weights, ego, layout};

const WIDTH: f64 = 1030.0;
const HEIGHT: f64 = 760.0;
/// Where the graph goes: left, top, right, bottom. The legend is to the right of it.
const FRAME: [f64; 4] = [30.0, 84.0, 780.0, 736.0];
const LEGEND: f64 = 820.0;
/// Up to this many nodes have names below them, where these are too long to go inside.
const MOST_NAMES: usize = 60;

/// A picture of a graph and the attention on its edges, as SVG.
///
/// Attention has a direction: of two neighbours, each attends to the other in its own measure. So each edge is drawn
/// in two halves, and the half at a node shows how much *that node* attends to the other one: a colour of the bar
/// and a width. Where there is no edge in that direction the half is a thin grey line. Self-loops are not drawn.
/// Nodes have the colour of their predicted class, and a ring in the colour of the true class where that is another.
///
/// The same input gives the same bytes.
///
/// ```
/// use candle_geometric_explain::{Picture, Weights};
/// use candle_geometric_graph::EdgeIndex;
/// # fn main() -> Result<(), candle_geometric_explain::Error> {
/// let edges = EdgeIndex::new(vec![0, 1, 2, 1], vec![1, 0, 1, 2], 3)?;
/// let weights = Weights::new(edges, vec![0.3, 1.0, 0.7, 1.0], 1)?;
/// let svg = Picture { title: "A path".into(), ..Picture::new(&weights) }.to_svg()?;
/// assert!(svg.starts_with("<svg"));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Picture<'a> {
    /// The attention to draw.
    pub weights: &'a Weights,
    /// Which heads (default: the mean).
    pub heads: Heads,
    /// The title (default: "Attention").
    pub title: String,
    /// The predicted class of every node.
    pub predicted: Option<&'a [u32]>,
    /// The true class of every node.
    pub truth: Option<&'a [u32]>,
    /// The names of the classes; a class without one is called by its number.
    pub class_names: &'a [String],
    /// The name of every node (default, and if empty: its index).
    pub node_names: &'a [String],
    /// Draw the surroundings of this node. Without it the whole graph is drawn if it fits, or else the largest
    /// two-hop neighbourhood that does.
    pub centre: Option<u32>,
    /// The most nodes to draw (default 80, at most [`layout::MAX_NODES`]).
    pub max_nodes: usize,
    /// Instead of classes and attention, a weight for each node, as [`rollout`](crate::rollout) gives them: it decides the
    /// colour, and edges are thin lines.
    pub shades: Option<&'a [f64]>,
    /// The seed of the layout (default 0).
    pub seed: u64,
}

impl<'a> Picture<'a> {
    /// A picture of `weights` with the defaults.
    pub fn new(weights: &'a Weights) -> Self {
        Self {
            weights,
            heads: Heads::Mean,
            title: "Attention".into(),
            predicted: None,
            truth: None,
            class_names: &[],
            node_names: &[],
            centre: None,
            max_nodes: 80,
            shades: None,
            seed: 0,
        }
    }

    /// Writes the picture to a file, as [`Drawing::save`] does.
    ///
    /// # Errors
    /// As [`Picture::draw`], and if the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        self.draw()?.save(path)
    }

    /// The picture as the text of an SVG file.
    ///
    /// # Errors
    /// As [`Picture::draw`].
    pub fn to_svg(&self) -> Result<String> {
        Ok(self.draw()?.to_svg())
    }

    /// The picture.
    ///
    /// # Errors
    /// If the graph is bipartite, a list has not one entry per node, or there is no such head or centre.
    pub fn draw(&self) -> Result<Drawing> {
        let edges = self.weights.edges();
        let total = edges.num_nodes()?;
        for (argument, classes) in [("predicted", self.predicted), ("truth", self.truth)] {
            check_length(argument, classes.map_or(total, <[u32]>::len), total)?;
        }
        if !self.node_names.is_empty() {
            check_length("node_names", self.node_names.len(), total)?;
        }
        check_length("shades", self.shades.map_or(total, <[f64]>::len), total)?;
        if let Some(centre) = self.centre.filter(|&c| c as usize >= total) {
            let expected = format!("a node below {total}");
            return Err(Error::Invalid { argument: "centre", expected, actual: centre.to_string() });
        }
        let alpha = self.weights.select(self.heads)?;
        let centre = match self.centre {
            None if total > self.max_nodes => Some(ego::default_centre(edges, self.max_nodes)),
            given => given,
        };
        let nodes = match centre {
            Some(centre) => ego::around(edges, &alpha, centre, self.max_nodes),
            None => (0..total as u32).collect(),
        };
        let (pairs, ids) = ego::induced(edges, &nodes);
        let drawn = EdgeIndex::from_pairs(pairs, nodes.len())?;
        let radius = place::radius(nodes.len(), (FRAME[2] - FRAME[0]) * (FRAME[3] - FRAME[1]));
        let at = self.place(&layout::force_directed(&drawn, self.seed)?, &nodes, radius);
        let halves = halves(&drawn, &ids.iter().map(|&e| alpha[e]).collect::<Vec<_>>());
        let shown = nodes.iter().filter_map(|&n| Some(self.shades?.get(n as usize).copied().unwrap_or(0.0)));
        let largest = match self.shades {
            Some(_) => shown.fold(0.0, f64::max),
            None => halves.iter().filter_map(|h| h.weight).fold(0.0, f64::max),
        };
        let scale = Scale::to(largest);

        let mut page = Canvas::new(WIDTH, HEIGHT);
        page.text([30.0, 42.0], &self.title, Style::bold(22.0));
        let subtitle = self.subtitle(centre, nodes.len(), total);
        page.text([30.0, 64.0], &subtitle, Style { colour: GREY, ..Style::new(13.5) });
        let end = self.shades.map_or(scale.end(), |_| f64::INFINITY);
        draw_edges(&mut page, &halves, &at, end, radius);
        self.draw_nodes(&mut page, &nodes, &at, radius, centre, scale.end());
        let top = FRAME[1] + 10.0;
        if self.shades.is_some() {
            draw_colour_bar(
                &mut page,
                "Share of a node",
                &scale,
                [LEGEND, top],
                &["Edges are not coloured."],
            );
        } else {
            let below = self.legend(&nodes).draw(&mut page, LEGEND, top);
            let remarks = match self.weights.is_over_all_edges() {
                false => {
                    ["The half of an edge at a node", "shows how much that node", "attends to the other."]
                }
                true => {
                    ["Of the attention of the whole", "graph: the half of an edge", "at its destination."]
                }
            };
            draw_colour_bar(&mut page, "Attention", &scale, [LEGEND, below], &remarks);
        }
        Ok(Drawing::page(page))
    }

    fn subtitle(&self, centre: Option<u32>, drawn: usize, total: usize) -> String {
        let heads = match (self.heads, self.weights.heads()) {
            _ if self.shades.is_some() => String::new(),
            (_, 1) => "one head · ".to_string(),
            (Heads::Mean, n) => format!("mean of {n} heads · "),
            (Heads::One(h), n) => format!("head {h} (of {n}, counted from 0) · "),
        };
        let layer = self.weights.name().filter(|_| self.shades.is_none());
        let layer = layer.map_or_else(String::new, |name| format!("{name} · "));
        match centre {
            Some(c) if self.node_names.is_empty() => {
                format!("{layer}{heads}{drawn} of {total} nodes, around node {c}")
            }
            Some(c) => format!("{layer}{heads}{drawn} of {total} nodes, around {}", self.name(c)),
            None => format!("{layer}{heads}{total} nodes"),
        }
    }

    fn name(&self, node: u32) -> String {
        self.node_names.get(node as usize).cloned().unwrap_or_else(|| node.to_string())
    }

    fn class_name(&self, class: u32) -> String {
        self.class_names.get(class as usize).cloned().unwrap_or_else(|| format!("class {class}"))
    }

    /// The predicted class and, where it is known to be another, the true one.
    fn classes(&self, node: u32) -> (Option<u32>, Option<u32>) {
        if self.shades.is_some() {
            return (None, None);
        }
        let of = |classes: Option<&[u32]>| classes.and_then(|c| c.get(node as usize).copied());
        let (predicted, truth) = (of(self.predicted), of(self.truth));
        (predicted.or(truth), truth.filter(|&t| predicted.is_some_and(|p| p != t)))
    }

    fn place(&self, layout: &[[f64; 2]], nodes: &[u32], radius: f64) -> Vec<[f64; 2]> {
        let outer = |&node: &u32| if self.classes(node).1.is_some() { ring_radius(radius) } else { radius };
        let radii: Vec<f64> = nodes.iter().map(outer).collect();
        // Names below nodes need more room than circles.
        let below =
            nodes.len() <= MOST_NAMES && nodes.iter().any(|&n| name_size(&self.name(n), radius).is_none());
        let (side, foot) = if below { (75.0, 36.0) } else { (22.0, 22.0) };
        let frame = [FRAME[0] + side, FRAME[1] + 22.0, FRAME[2] - side, FRAME[3] - foot];
        place::place(layout, &radii, &Page { frame, gap: if below { 16.0 } else { 5.0 } })
    }

    fn legend(&self, nodes: &[u32]) -> Classes {
        let mut present: Vec<u32> =
            nodes.iter().flat_map(|&n| <[_; 2]>::from(self.classes(n))).flatten().collect();
        present.sort_unstable();
        present.dedup();
        Classes {
            title: if self.predicted.is_some() { "Predicted class" } else { "True class" },
            present: present.into_iter().map(|c| (c, self.class_name(c))).collect(),
            wrong: nodes.iter().filter_map(|&n| self.classes(n).1).collect(),
        }
    }

    fn draw_nodes(
        &self,
        page: &mut Canvas,
        nodes: &[u32],
        at: &[[f64; 2]],
        radius: f64,
        centre: Option<u32>,
        end: f64,
    ) {
        for (&node, &place) in nodes.iter().zip(at) {
            let (class, wrong) = self.classes(node);
            let name = self.name(node);
            let tooltip = match (class, wrong) {
                (Some(c), Some(t)) => {
                    format!("{name}: {} (true: {})", self.class_name(c), self.class_name(t))
                }
                (Some(c), None) => format!("{name}: {}", self.class_name(c)),
                _ => match self.shades.and_then(|s| s.get(node as usize)) {
                    Some(share) => format!("{name}: {share:.4}"),
                    None => name.clone(),
                },
            };
            page.with_tooltip(&tooltip, |page| {
                if let Some(truth) = wrong {
                    draw_ring(page, place, radius, truth);
                }
                let line = if Some(node) == centre { 3.0 } else { outline(radius) };
                let shade = self.shades.and_then(|s| s.get(node as usize)).map(|s| palette::ramp(s / end));
                let fill = shade.or(class.map(palette::class)).unwrap_or(palette::NO_CLASS);
                page.circle(place, radius, fill, DARK, line);
                let outer = if wrong.is_some() { ring_radius(radius) } else { radius };
                let dark = self.shades.and_then(|s| s.get(node as usize)).is_some_and(|s| s / end > 0.45);
                draw_name(page, place, [radius, outer], &name, nodes.len(), dark);
            });
        }
    }
}

/// Half an edge: the side of `node`, which attends with `weight` to the node at the other end.
struct Half {
    node: usize,
    other: usize,
    weight: Option<f64>,
}

/// Both halves of every link; parallel edges are added up. Weak ones first, so that strong ones are drawn over them.
fn halves(edges: &EdgeIndex, alpha: &[f64]) -> Vec<Half> {
    let mut sorted: Vec<(u32, u32, f64)> =
        edges.iter().zip(alpha).map(|((source, destination), &a)| (destination, source, a)).collect();
    sorted.sort_unstable_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)).then(a.2.total_cmp(&b.2)));
    let weight = |node: u32, other: u32| {
        let from = sorted.partition_point(|e| (e.0, e.1) < (node, other));
        let same = sorted[from..].iter().take_while(|e| (e.0, e.1) == (node, other));
        same.map(|e| e.2).reduce(|a, b| a + b)
    };
    let half = |(a, b): (u32, u32)| Half { node: a as usize, other: b as usize, weight: weight(a, b) };
    let mut halves: Vec<Half> =
        layout::links(edges).into_iter().flat_map(|(a, b)| [half((a, b)), half((b, a))]).collect();
    halves.sort_by(|a, b| a.weight.unwrap_or(-1.0).total_cmp(&b.weight.unwrap_or(-1.0)));
    halves
}

fn draw_edges(page: &mut Canvas, halves: &[Half], at: &[[f64; 2]], end: f64, radius: f64) {
    // As thin as the nodes are small.
    let unit = (radius / 13.0).min(1.0);
    for half in halves {
        let (p, q) = (at[half.node], at[half.other]);
        let middle = [(p[0] + q[0]) / 2.0, (p[1] + q[1]) / 2.0];
        match half.weight {
            Some(weight) => {
                let t = weight / end;
                page.line(p, middle, palette::ramp(t), unit * (1.2 + 4.3 * t));
            }
            None => page.line(p, middle, PALE, unit),
        }
    }
}

/// The size at which a name fits into a node, if it is legible there.
fn name_size(name: &str, radius: f64) -> Option<f64> {
    let letters = name.chars().count().max(1) as f64;
    let size = (1.75 * radius / (0.58 * letters)).min(radius * 0.95).min(13.0);
    (size >= 6.5).then_some(size)
}

/// The name inside the node if it fits, below it if there is room, or else only in the tooltip.
fn draw_name(
    page: &mut Canvas,
    [x, y]: [f64; 2],
    [radius, outer]: [f64; 2],
    name: &str,
    nodes: usize,
    dark: bool,
) {
    if let Some(size) = name_size(name, radius) {
        let style = Style::centred(size);
        let style = if dark { Style { colour: WHITE, ..style } } else { style };
        page.text([x, y + 0.35 * size], name, style);
    } else if nodes <= MOST_NAMES {
        page.text([x, y + outer + 12.0], &shorten(name, 24), Style { rim: true, ..Style::centred(11.0) });
    }
}
