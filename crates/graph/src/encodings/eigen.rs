//! Eigenvalues and eigenvectors of symmetric matrices.

/// All eigenvalues of a symmetric n × n matrix, ascending, and their eigenvectors of length 1, one after the other.
///
/// Reflections make the matrix tridiagonal (Householder 1958), rotations with implicit shifts make it diagonal (Golub and
/// Van Loan, *Matrix Computations*, sections 8.3.1 to 8.3.3).
pub(super) fn symmetric(matrix: Vec<f64>, n: usize) -> (Vec<f64>, Vec<f64>) {
    if n == 0 {
        return (vec![], vec![]);
    }
    let (mut diagonal, mut beside, mut vectors) = tridiagonal(matrix, n);
    diagonalise(&mut diagonal, &mut beside, &mut vectors);
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| diagonal[a].total_cmp(&diagonal[b]));
    let rows = order.iter().flat_map(|&i| vectors[i * n..(i + 1) * n].iter().copied()).collect();
    (order.iter().map(|&i| diagonal[i]).collect(), rows)
}

/// `Q T Qᵀ`: the diagonal of T, what stands beside it, and Qᵀ.
fn tridiagonal(mut a: Vec<f64>, n: usize) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let mut q = vec![0.0; n * n];
    (0..n).for_each(|i| q[i * n + i] = 1.0);
    let mut beside = vec![0.0; n];
    for k in 0..n.saturating_sub(1) {
        // The reflection that leaves of column k nothing below the entry beside the diagonal.
        let from = k + 1;
        let mut v: Vec<f64> = (from..n).map(|i| a[i * n + k]).collect();
        let norm = dot(&v, &v).sqrt();
        beside[k] = if v[0] > 0.0 { -norm } else { norm };
        v[0] -= beside[k];
        let length = dot(&v, &v);
        if length == 0.0 {
            continue;
        }
        let scale = 2.0 / length;
        let row = |i: usize| (from + i) * n + from..(from + i + 1) * n;
        let mut w: Vec<f64> = (0..v.len()).map(|i| scale * dot(&a[row(i)], &v)).collect();
        let half = 0.5 * scale * dot(&w, &v);
        w.iter_mut().zip(&v).for_each(|(w, v)| *w -= half * v);
        for i in 0..v.len() {
            let (vi, wi) = (v[i], w[i]);
            for (a, (v, w)) in a[row(i)].iter_mut().zip(v.iter().zip(&w)) {
                *a -= vi * w + wi * v;
            }
        }
        let mut along = vec![0.0; n];
        for (i, v) in v.iter().enumerate() {
            let q = &q[(from + i) * n..(from + i + 1) * n];
            along.iter_mut().zip(q).for_each(|(sum, q)| *sum += v * q);
        }
        for (i, v) in v.iter().enumerate() {
            let q = &mut q[(from + i) * n..(from + i + 1) * n];
            q.iter_mut().zip(&along).for_each(|(q, sum)| *q -= scale * v * sum);
        }
    }
    ((0..n).map(|i| a[i * n + i]).collect(), beside, q)
}

/// Makes a tridiagonal matrix diagonal; the rows of `vectors` turn with it.
fn diagonalise(d: &mut [f64], e: &mut [f64], vectors: &mut [f64]) {
    let n = d.len();
    let scale = d.iter().zip(e.iter()).fold(0.0f64, |m, (d, e)| m.max(d.abs() + e.abs()));
    let tiny = f64::EPSILON * scale;
    for l in 0..n {
        // Two or three sweeps are enough for an eigenvalue; the bound is for numbers that are none.
        for _ in 0..64 {
            let m = (l..n - 1).find(|&m| e[m].abs() <= tiny).unwrap_or(n - 1);
            if m == l {
                break;
            }
            sweep(d, e, vectors, l, m);
        }
    }
}

/// One sweep of rotations from row m up to row l.
fn sweep(d: &mut [f64], e: &mut [f64], vectors: &mut [f64], l: usize, m: usize) {
    let n = d.len();
    let half = (d[l + 1] - d[l]) / (2.0 * e[l]);
    let mut g = d[m] - d[l] + e[l] / (half + half.hypot(1.0).copysign(half));
    let (mut s, mut c, mut p) = (1.0, 1.0, 0.0);
    for i in (l..m).rev() {
        let (f, b) = (s * e[i], c * e[i]);
        let r = f.hypot(g);
        e[i + 1] = r;
        if r == 0.0 {
            // The matrix falls apart here.
            d[i + 1] -= p;
            e[m] = 0.0;
            return;
        }
        (s, c) = (f / r, g / r);
        g = d[i + 1] - p;
        let t = (d[i] - g) * s + 2.0 * c * b;
        p = s * t;
        d[i + 1] = g + p;
        g = c * t - b;
        let (upper, lower) = vectors[i * n..(i + 2) * n].split_at_mut(n);
        for (u, v) in upper.iter_mut().zip(lower) {
            (*u, *v) = (c * *u - s * *v, s * *u + c * *v);
        }
    }
    d[l] -= p;
    e[l] = g;
    e[m] = 0.0;
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;

    #[test]
    fn vectors_are_orthonormal_and_give_the_matrix() {
        for n in [1, 2, 3, 10, 40] {
            let stream = Stream::new(n as u64, 0);
            let mut a = vec![0.0; n * n];
            for i in 0..n {
                for j in 0..=i {
                    // Many zeros, and rows that are alike.
                    let v = if (i + j) % 3 == 0 { 0.0 } else { stream.normal((i / 2 * n + j / 2) as u64) };
                    (a[i * n + j], a[j * n + i]) = (v, v);
                }
            }
            let (values, vectors) = symmetric(a.clone(), n);
            assert!(values.is_sorted());
            let row = |i: usize| &vectors[i * n..(i + 1) * n];
            for i in 0..n {
                for j in 0..n {
                    let product = dot(row(i), row(j));
                    assert!((product - f64::from(u8::from(i == j))).abs() < 1e-12);
                    let entry: f64 = (0..n).map(|k| values[k] * row(k)[i] * row(k)[j]).sum();
                    assert!((entry - a[i * n + j]).abs() < 1e-12 * n as f64, "{n}: {entry} {}", a[i * n + j]);
                }
            }
        }
    }
}
