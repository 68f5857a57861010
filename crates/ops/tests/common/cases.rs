//! Every operation on a graph, with the shapes of its arguments, beside its reference and its plain loops.

use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_graph::rng::Stream;
use candle_geometric_ops::{self as ops, Dropout, DynamicScoring, Extras, Reduce, Result, reference};

use super::naive::{self, Mat};

type Run = fn(&[Tensor], &EdgeIndex) -> Result<Tensor>;

pub struct Case {
    pub name: &'static str,
    pub shapes: fn(&EdgeIndex) -> Vec<Vec<usize>>,
    pub ours: Run,
    pub reference: Run,
    pub naive: fn(&[Mat], &EdgeIndex) -> Vec<f64>,
}

pub const H: usize = 3;
pub const C: usize = 5;
const SLOPE: f64 = 0.2;

pub fn dropped() -> Option<Dropout> {
    Some(Dropout { p: 0.4, stream: Stream::new(11, 3) })
}

fn extras(dropout: Option<Dropout>) -> Extras<'static> {
    Extras { dropout, ..Extras::default() }
}

fn dynamic<'a>(edge_terms: Option<&'a Tensor>, att: &'a Tensor) -> DynamicScoring<'a> {
    DynamicScoring { att, edge_terms, negative_slope: SLOPE }
}

fn n_src(e: &EdgeIndex, f: usize) -> Vec<usize> {
    vec![e.num_src(), f]
}
fn n_dst(e: &EdgeIndex, f: usize) -> Vec<usize> {
    vec![e.num_dst(), f]
}
fn n_edges(e: &EdgeIndex, f: usize) -> Vec<usize> {
    vec![e.num_edges(), f]
}

macro_rules! scatter_case {
    ($name:expr, $reduce:expr) => {
        Case {
            name: $name,
            shapes: |e| vec![n_edges(e, W)],
            ours: |t, e| ops::scatter(&t[0], e, $reduce),
            reference: |t, e| reference::scatter(&t[0], e, $reduce),
            naive: |m, e| naive::scatter(&m[0], e, $reduce),
        }
    };
}

/// The operations that the attentions are made of, on rows of `W` numbers.
pub fn primitives<const W: usize>() -> Vec<Case> {
    vec![
        Case {
            name: "gather_src",
            shapes: |e| vec![n_src(e, W)],
            ours: |t, e| ops::gather_src(&t[0], e),
            reference: |t, e| reference::gather_src(&t[0], e),
            naive: |m, e| e.source().iter().flat_map(|&j| m[0].row(j).to_vec()).collect(),
        },
        Case {
            name: "gather_dst",
            shapes: |e| vec![n_dst(e, W)],
            ours: |t, e| ops::gather_dst(&t[0], e),
            reference: |t, e| reference::gather_dst(&t[0], e),
            naive: |m, e| e.destination().iter().flat_map(|&i| m[0].row(i).to_vec()).collect(),
        },
        Case {
            name: "edge_sum",
            shapes: |e| vec![n_src(e, W), n_dst(e, W), n_edges(e, W)],
            ours: |t, e| ops::edge_sum(&t[0], Some(&t[1]), Some(&t[2]), e),
            reference: |t, e| reference::edge_sum(&t[0], Some(&t[1]), Some(&t[2]), e),
            naive: |m, e| {
                let row = |(k, (j, i)): (usize, (u32, u32))| {
                    let ends = m[0].row(j).iter().zip(m[1].row(i)).map(|(a, b)| a + b).collect::<Vec<_>>();
                    ends.into_iter().zip(m[2].row(k as u32)).map(|(a, b)| a + b).collect::<Vec<_>>()
                };
                e.iter().enumerate().flat_map(row).collect()
            },
        },
        Case {
            name: "edge_sum of sources and edges",
            shapes: |e| vec![n_src(e, W), n_edges(e, W)],
            ours: |t, e| ops::edge_sum(&t[0], None, Some(&t[1]), e),
            reference: |t, e| reference::edge_sum(&t[0], None, Some(&t[1]), e),
            naive: |m, e| {
                let rows = e.source().iter().flat_map(|&j| m[0].row(j).to_vec());
                rows.zip(&m[1].data).map(|(a, b)| a + b).collect()
            },
        },
        scatter_case!("sum", Reduce::Sum),
        scatter_case!("mean", Reduce::Mean),
        scatter_case!("max", Reduce::Max),
        scatter_case!("min", Reduce::Min),
        scatter_case!("mul", Reduce::Mul),
        Case {
            name: "segment_softmax",
            shapes: |e| vec![n_edges(e, W)],
            ours: |t, e| ops::segment_softmax(&t[0], e),
            reference: |t, e| reference::segment_softmax(&t[0], e),
            naive: |m, e| naive::softmax(&m[0].data, W, e),
        },
        // A product that another operation reads, and a bias.
        Case {
            name: "spmm_linked, spmm_plus",
            shapes: |e| vec![n_src(e, W), vec![W]],
            ours: |t, e| {
                let same = ops::spmm_linked(e, None, &t[0])?;
                ops::spmm_plus(e, None, &t[0], Some(&t[1]), Some(&same))
            },
            reference: |t, e| {
                let sum = reference::spmm(e, None, &t[0])?;
                reference::bias_add(&(&sum + &sum)?, &t[1])
            },
            naive: |m, e| {
                let sums = naive::weighted_sum(&vec![1.0; e.num_edges()], &m[0], 1, e);
                sums.iter().enumerate().map(|(k, v)| 2.0 * v + m[1].data[k % W]).collect()
            },
        },
        Case {
            name: "spmm",
            shapes: |e| vec![n_src(e, W)],
            ours: |t, e| ops::spmm(e, None, &t[0]),
            reference: |t, e| reference::spmm(e, None, &t[0]),
            naive: |m, e| naive::weighted_sum(&vec![1.0; e.num_edges()], &m[0], 1, e),
        },
        Case {
            name: "weighted spmm",
            shapes: |e| vec![vec![e.num_edges()], n_src(e, W)],
            ours: |t, e| ops::spmm(e, Some(&t[0]), &t[1]),
            reference: |t, e| reference::spmm(e, Some(&t[0]), &t[1]),
            naive: |m, e| naive::weighted_sum(&m[0].data, &m[1], 1, e),
        },
        Case {
            name: "sddmm",
            shapes: |e| vec![n_src(e, W), n_dst(e, W)],
            ours: |t, e| ops::sddmm(&t[0], &t[1], e),
            reference: |t, e| reference::sddmm(&t[0], &t[1], e),
            naive: |m, e| {
                e.iter().map(|(j, i)| m[0].row(j).iter().zip(m[1].row(i)).map(|(a, b)| a * b).sum()).collect()
            },
        },
    ]
}

pub fn all() -> Vec<Case> {
    let mut all = primitives::<4>();
    all.extend(primitives::<11>());
    all.extend(attentions());
    all
}

fn attentions() -> Vec<Case> {
    vec![
        Case {
            name: "spmm by head",
            shapes: |e| vec![n_edges(e, H), n_src(e, H * C)],
            ours: |t, e| ops::spmm(e, Some(&t[0]), &t[1]),
            reference: |t, e| reference::spmm(e, Some(&t[0]), &t[1]),
            naive: |m, e| naive::weighted_sum(&m[0].data, &m[1], H, e),
        },
        Case {
            name: "sddmm by head",
            shapes: |e| vec![n_src(e, H * C), n_dst(e, H * C)],
            ours: |t, e| ops::sddmm_heads(&t[0], &t[1], H, e),
            reference: |t, e| reference::sddmm_heads(&t[0], &t[1], H, e),
            naive: |m, e| {
                let dot = |(a, b): (&[f64], &[f64])| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
                e.iter()
                    .flat_map(|(j, i)| m[0].row(j).chunks(C).zip(m[1].row(i).chunks(C)).map(dot))
                    .collect()
            },
        },
        Case {
            name: "attend",
            shapes: |e| vec![n_edges(e, H), n_src(e, H * C)],
            ours: |t, e| ops::attend(&t[0], &t[1], e),
            reference: |t, e| reference::attend(&t[0], &t[1], e),
            naive: |m, e| naive::weighted_sum(&naive::softmax(&m[0].data, H, e), &m[1], H, e),
        },
        Case {
            name: "additive_attention",
            shapes: |e| vec![n_src(e, H * 8), n_src(e, H), n_dst(e, H)],
            ours: |t, e| ops::additive_attention(&t[0], &t[1], Some(&t[2]), None, e, SLOPE, None),
            reference: |t, e| reference::additive_attention(&t[0], &t[1], Some(&t[2]), None, e, SLOPE, None),
            naive: |m, e| {
                let scores = naive::additive_scores(&m[1], Some(&m[2]), None, SLOPE, e);
                naive::weighted_sum(&naive::softmax(&scores, H, e), &m[0], H, e)
            },
        },
        Case {
            name: "additive_attention, sources only",
            shapes: |e| vec![n_src(e, H), n_src(e, H)],
            ours: |t, e| ops::additive_attention(&t[0], &t[1], None, None, e, SLOPE, None),
            reference: |t, e| reference::additive_attention(&t[0], &t[1], None, None, e, SLOPE, None),
            naive: |m, e| {
                let scores = naive::additive_scores(&m[1], None, None, SLOPE, e);
                naive::weighted_sum(&naive::softmax(&scores, H, e), &m[0], H, e)
            },
        },
        Case {
            name: "additive_attention, edge terms and dropout",
            shapes: |e| vec![n_src(e, H * C), n_src(e, H), n_dst(e, H), n_edges(e, H)],
            ours: |t, e| ops::additive_attention(&t[0], &t[1], Some(&t[2]), Some(&t[3]), e, SLOPE, dropped()),
            reference: |t, e| {
                reference::additive_attention(&t[0], &t[1], Some(&t[2]), Some(&t[3]), e, SLOPE, dropped())
            },
            naive: |m, e| {
                let scores = naive::additive_scores(&m[1], Some(&m[2]), Some(&m[3]), SLOPE, e);
                let alpha = naive::dropout(&naive::softmax(&scores, H, e), &dropped().unwrap());
                naive::weighted_sum(&alpha, &m[0], H, e)
            },
        },
        Case {
            name: "additive_attention_weights",
            shapes: |e| vec![n_src(e, H), n_dst(e, H), n_edges(e, H)],
            ours: |t, e| ops::additive_attention_weights(&t[0], Some(&t[1]), Some(&t[2]), e, SLOPE),
            reference: |t, e| {
                reference::additive_attention_weights(&t[0], Some(&t[1]), Some(&t[2]), e, SLOPE)
            },
            naive: |m, e| {
                let scores = naive::additive_scores(&m[0], Some(&m[1]), Some(&m[2]), SLOPE, e);
                naive::softmax(&scores, H, e)
            },
        },
        Case {
            name: "dynamic_attention",
            shapes: |e| vec![n_src(e, H * C), n_dst(e, H * C), vec![H, C]],
            ours: |t, e| ops::dynamic_attention(&t[0], &t[1], dynamic(None, &t[2]), e, extras(None)),
            reference: |t, e| reference::dynamic_attention(&t[0], &t[1], dynamic(None, &t[2]), e, None),
            naive: |m, e| {
                let scores = naive::dynamic_scores(&m[0], &m[1], None, &m[2], SLOPE, e);
                naive::weighted_sum(&naive::softmax(&scores, H, e), &m[0], H, e)
            },
        },
        Case {
            name: "dynamic_attention, edge terms and dropout",
            shapes: |e| vec![n_src(e, H * 16), n_dst(e, H * 16), n_edges(e, H * 16), vec![H, 16]],
            ours: |t, e| {
                ops::dynamic_attention(&t[0], &t[1], dynamic(Some(&t[2]), &t[3]), e, extras(dropped()))
            },
            reference: |t, e| {
                reference::dynamic_attention(&t[0], &t[1], dynamic(Some(&t[2]), &t[3]), e, dropped())
            },
            naive: |m, e| {
                let scores = naive::dynamic_scores(&m[0], &m[1], Some(&m[2]), &m[3], SLOPE, e);
                let alpha = naive::dropout(&naive::softmax(&scores, H, e), &dropped().unwrap());
                naive::weighted_sum(&alpha, &m[0], H, e)
            },
        },
        Case {
            name: "dynamic_attention_weights",
            shapes: |e| vec![n_src(e, H * C), n_dst(e, H * C), n_edges(e, H * C), vec![H, C]],
            ours: |t, e| ops::dynamic_attention_weights(&t[0], &t[1], dynamic(Some(&t[2]), &t[3]), e),
            reference: |t, e| {
                reference::dynamic_attention_weights(&t[0], &t[1], dynamic(Some(&t[2]), &t[3]), e)
            },
            naive: |m, e| {
                let scores = naive::dynamic_scores(&m[0], &m[1], Some(&m[2]), &m[3], SLOPE, e);
                naive::softmax(&scores, H, e)
            },
        },
        Case {
            name: "dot_product_attention",
            shapes: |e| vec![n_dst(e, H * 8), n_src(e, H * 8), n_src(e, H * 8)],
            ours: |t, e| ops::dot_product_attention(&t[0], &t[1], &t[2], None, H, e, extras(None)),
            reference: |t, e| reference::dot_product_attention(&t[0], &t[1], &t[2], None, H, e, None),
            naive: |m, e| {
                let scores = naive::dot_product_scores(&m[0], &m[1], None, H, e);
                let alpha = naive::softmax(&scores, H, e);
                naive::weighted_sum(&alpha, &m[2], H, e)
            },
        },
        Case {
            name: "dot_product_attention, edge terms",
            shapes: |e| vec![n_dst(e, H * C), n_src(e, H * C), n_src(e, H * C), n_edges(e, H * C)],
            ours: |t, e| ops::dot_product_attention(&t[0], &t[1], &t[2], Some(&t[3]), H, e, extras(None)),
            reference: |t, e| reference::dot_product_attention(&t[0], &t[1], &t[2], Some(&t[3]), H, e, None),
            naive: |m, e| {
                let scores = naive::dot_product_scores(&m[0], &m[1], Some(&m[3]), H, e);
                let alpha = naive::softmax(&scores, H, e);
                naive::weighted_sum_with_terms(&alpha, &m[2], Some(&m[3]), H, e)
            },
        },
        Case {
            name: "dot_product_attention, dropout",
            shapes: |e| vec![n_dst(e, H * C), n_src(e, H * C), n_src(e, H * C)],
            ours: |t, e| ops::dot_product_attention(&t[0], &t[1], &t[2], None, H, e, extras(dropped())),
            reference: |t, e| reference::dot_product_attention(&t[0], &t[1], &t[2], None, H, e, dropped()),
            naive: |m, e| {
                let scores = naive::dot_product_scores(&m[0], &m[1], None, H, e);
                let alpha = naive::dropout(&naive::softmax(&scores, H, e), &dropped().unwrap());
                naive::weighted_sum(&alpha, &m[2], H, e)
            },
        },
        Case {
            name: "dot_product_attention, edge terms and dropout",
            shapes: |e| vec![n_dst(e, H * 16), n_src(e, H * 16), n_src(e, H * 16), n_edges(e, H * 16)],
            ours: |t, e| {
                ops::dot_product_attention(&t[0], &t[1], &t[2], Some(&t[3]), H, e, extras(dropped()))
            },
            reference: |t, e| {
                reference::dot_product_attention(&t[0], &t[1], &t[2], Some(&t[3]), H, e, dropped())
            },
            naive: |m, e| {
                let scores = naive::dot_product_scores(&m[0], &m[1], Some(&m[3]), H, e);
                let alpha = naive::dropout(&naive::softmax(&scores, H, e), &dropped().unwrap());
                naive::weighted_sum_with_terms(&alpha, &m[2], Some(&m[3]), H, e)
            },
        },
        Case {
            name: "dot_product_attention_weights",
            shapes: |e| vec![n_dst(e, H * C), n_src(e, H * C)],
            ours: |t, e| ops::dot_product_attention_weights(&t[0], &t[1], None, H, e),
            reference: |t, e| reference::dot_product_attention_weights(&t[0], &t[1], None, H, e),
            naive: |m, e| naive::softmax(&naive::dot_product_scores(&m[0], &m[1], None, H, e), H, e),
        },
        Case {
            name: "dot_product_attention_weights, edge terms",
            shapes: |e| vec![n_dst(e, H * C), n_src(e, H * C), n_edges(e, H * C)],
            ours: |t, e| ops::dot_product_attention_weights(&t[0], &t[1], Some(&t[2]), H, e),
            reference: |t, e| reference::dot_product_attention_weights(&t[0], &t[1], Some(&t[2]), H, e),
            naive: |m, e| naive::softmax(&naive::dot_product_scores(&m[0], &m[1], Some(&m[2]), H, e), H, e),
        },
        Case {
            name: "propagate",
            shapes: |e| vec![n_src(e, 3)],
            ours: |t, e| {
                if e.is_bipartite() {
                    return ops::gather_src(&t[0], e);
                }
                ops::propagate(&t[0], e, Reduce::Sum, |m| Ok((m.source * m.destination)?))
            },
            reference: |t, e| {
                let source = reference::gather_src(&t[0], e)?;
                if e.is_bipartite() {
                    return Ok(source);
                }
                reference::scatter(&(source * reference::gather_dst(&t[0], e)?)?, e, Reduce::Sum)
            },
            naive: |m, e| {
                let ends =
                    e.iter().map(|(j, i)| (m[0].row(j), m[0].row(if e.is_bipartite() { j } else { i })));
                if e.is_bipartite() {
                    return ends.flat_map(|(j, _)| j.to_vec()).collect();
                }
                let products =
                    ends.flat_map(|(j, i)| j.iter().zip(i).map(|(a, b)| a * b).collect::<Vec<_>>());
                let messages = Mat { data: products.collect(), width: 3 };
                naive::scatter(&messages, e, Reduce::Sum)
            },
        },
    ]
}
