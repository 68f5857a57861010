use candle_geometric_graph::EdgeIndex;

use crate::canvas::{Canvas, Style};
use crate::error::check_length;
use crate::legend::draw_colour_bar;
use crate::palette::{self, DARK, GREY, Rgb, Scale, WHITE};
use crate::{Drawing, Result, stress};

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 620.0;
/// Where the molecule goes: left, top, right, bottom. The colour bar is to the right of it.
const FRAME: [f64; 4] = [60.0, 110.0, 650.0, 580.0];
const LEGEND: f64 = 690.0;
/// The length of a bond is at most this many pixels.
const LONGEST_BOND: f64 = 84.0;

/// What holds two atoms together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bond {
    /// Or another kind that is drawn as one line.
    Single,
    /// Two lines.
    Double,
    /// Three lines.
    Triple,
    /// A line, and a thin one beside it.
    Aromatic,
}

/// A picture of a molecule whose atoms are weighted, by the attention of a readout say.
///
/// Each atom is a disc with its element, in the colour of its weight. Hydrogen is not drawn unless it is an atom of the
/// graph. The same input gives the same bytes.
///
/// ```
/// use candle_geometric_explain::{Bond, Molecule};
/// use candle_geometric_graph::EdgeIndex;
/// # fn main() -> Result<(), candle_geometric_explain::Error> {
/// // Ethanol, C-C-O, each bond once.
/// let molecule = Molecule {
///     title: "Ethanol".into(),
///     subtitle: "readout attention".into(),
///     atoms: &[6, 6, 8],
///     bonds: &EdgeIndex::new(vec![0, 1], vec![1, 2], 3)?,
///     kinds: &[Bond::Single, Bond::Single],
///     weights: &[0.2, 0.3, 0.5],
/// };
/// assert!(molecule.draw()?.to_svg().contains(">O</text>"));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Molecule<'a> {
    /// The title.
    pub title: String,
    /// Below the title.
    pub subtitle: String,
    /// The atomic number of every atom.
    pub atoms: &'a [u32],
    /// The bonds; one in both directions is drawn once.
    pub bonds: &'a EdgeIndex,
    /// The kind of every bond, in the order of `bonds`.
    pub kinds: &'a [Bond],
    /// The weight of every atom, at least 0.
    pub weights: &'a [f64],
}

impl Molecule<'_> {
    /// The picture.
    ///
    /// # Errors
    /// If a list has not one entry per atom or bond, or there are more atoms than can be laid out
    /// ([`layout::MAX_NODES`](crate::layout::MAX_NODES)).
    pub fn draw(&self) -> Result<Drawing> {
        let n = self.bonds.num_nodes()?;
        check_length("atoms", self.atoms.len(), n)?;
        check_length("weights", self.weights.len(), n)?;
        if self.kinds.len() != self.bonds.num_edges() {
            let expected = format!("one entry for each of {} bonds", self.bonds.num_edges());
            let actual = format!("{} entries", self.kinds.len());
            return Err(crate::Error::Invalid { argument: "kinds", expected, actual });
        }
        if let Some(w) = self.weights.iter().find(|w| !(w.is_finite() && **w >= 0.0)) {
            let expected = "finite weights of at least 0".into();
            return Err(crate::Error::Invalid { argument: "weights", expected, actual: w.to_string() });
        }
        let (at, unit) = on_page(&stress::molecular(self.bonds)?);
        let scale = Scale::to(self.weights.iter().copied().fold(0.0, f64::max));
        let mut page = Canvas::new(WIDTH, HEIGHT);
        page.text([30.0, 42.0], &self.title, Style::bold(20.0));
        page.text([30.0, 66.0], &self.subtitle, Style { colour: GREY, ..Style::new(13.5) });
        let mut bonds: Vec<(u32, u32, usize)> =
            self.bonds.iter().zip(0..).map(|((a, b), e)| (a.min(b), a.max(b), e)).collect();
        bonds.sort_unstable();
        bonds.dedup_by_key(|b| (b.0, b.1));
        for (a, b, e) in bonds.into_iter().filter(|(a, b, _)| a != b) {
            draw_bond(&mut page, at[a as usize], at[b as usize], self.kinds[e], unit);
        }
        let radius = (0.26 * unit).min(17.0);
        for ((&place, &atom), &weight) in at.iter().zip(self.atoms).zip(self.weights) {
            let t = weight / scale.end();
            let symbol = symbol(atom);
            page.with_tooltip(&format!("{symbol}: {weight:.4}"), |page| {
                page.circle(place, radius, palette::ramp(t), DARK, 1.0);
                let size = if symbol.len() > 1 { 0.95 } else { 1.15 } * radius;
                let style = Style { colour: if t > 0.45 { WHITE } else { DARK }, ..Style::centred(size) };
                page.text([place[0], place[1] + 0.36 * size], symbol, style);
            });
        }
        let remarks = ["The darker an atom, the", "more the readout attends", "to it."];
        draw_colour_bar(&mut page, "Attention", &scale, [LEGEND, FRAME[1]], &remarks);
        Ok(Drawing::page(page))
    }
}

/// The atoms in the frame, and the pixels of a bond.
fn on_page(layout: &[[f64; 2]]) -> (Vec<[f64; 2]>, f64) {
    let range = |axis: usize| {
        layout.iter().fold([f64::INFINITY, f64::NEG_INFINITY], |r, p| [r[0].min(p[axis]), r[1].max(p[axis])])
    };
    let [x, y] = [range(0), range(1)];
    let fits = |room: f64, r: [f64; 2]| room / (r[1] - r[0]).max(1e-9);
    let unit = fits(FRAME[2] - FRAME[0], x).min(fits(FRAME[3] - FRAME[1], y)).min(LONGEST_BOND);
    let middle = [(x[0] + x[1]) / 2.0, (y[0] + y[1]) / 2.0];
    let centre = [(FRAME[0] + FRAME[2]) / 2.0, (FRAME[1] + FRAME[3]) / 2.0];
    let place = |p: &[f64; 2]| [0, 1].map(|axis| centre[axis] + unit * (p[axis] - middle[axis]));
    (layout.iter().map(place).collect(), unit)
}

fn draw_bond(page: &mut Canvas, from: [f64; 2], to: [f64; 2], kind: Bond, unit: f64) {
    const INK: Rgb = [90, 90, 98];
    let [dx, dy] = [to[0] - from[0], to[1] - from[1]];
    let length = (dx * dx + dy * dy).sqrt().max(1e-9);
    let mut line = |aside: f64, width: f64| {
        let [x, y] = [-dy / length * aside, dx / length * aside];
        page.line([from[0] + x, from[1] + y], [to[0] + x, to[1] + y], INK, width);
    };
    let gap = 0.09 * unit;
    match kind {
        Bond::Single => line(0.0, 2.0),
        Bond::Double => [-gap / 2.0, gap / 2.0].into_iter().for_each(|aside| line(aside, 2.0)),
        Bond::Triple => [-gap, 0.0, gap].into_iter().for_each(|aside| line(aside, 1.8)),
        Bond::Aromatic => {
            line(-gap / 2.0, 2.0);
            line(gap / 2.0, 0.8);
        }
    }
}

/// The symbol of an element by its atomic number; `*` for what is none.
fn symbol(atomic_number: u32) -> &'static str {
    const SYMBOLS: &str = "* H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se \
        Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta \
        W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn \
        Nh Fl Mc Lv Ts Og";
    SYMBOLS.split_ascii_whitespace().nth(atomic_number as usize).unwrap_or("*")
}

#[cfg(test)]
mod tests {
    use super::symbol;

    #[test]
    fn elements_have_their_numbers() {
        let known =
            [(1, "H"), (6, "C"), (17, "Cl"), (26, "Fe"), (35, "Br"), (53, "I"), (79, "Au"), (118, "Og")];
        assert!(known.iter().all(|&(number, name)| symbol(number) == name));
        assert_eq!((symbol(0), symbol(119)), ("*", "*"));
    }
}
