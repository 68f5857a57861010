use std::io::Write as _;
use std::path::Path;

use kuva::backend::raster::RasterBackend;
use kuva::backend::svg::SvgBackend;
use kuva::render::render::{Primitive, Scene};

use crate::canvas::Canvas;
use crate::{Error, Result};

/// A picture, to be written as SVG or PNG. The same picture gives the same bytes.
#[derive(Debug)]
pub struct Drawing(Content);

#[derive(Debug)]
enum Content {
    /// A graph or a molecule.
    Page(Canvas),
    /// Curves or a histogram.
    Plot(Box<Scene>),
}

/// The most plots beside each other: more could not be read.
const IN_A_ROW: usize = 3;

impl Drawing {
    pub(crate) fn page(canvas: Canvas) -> Self {
        Self(Content::Page(canvas))
    }

    /// Plots of the same size from left to right, in rows of at most [`IN_A_ROW`].
    pub(crate) fn plots(plots: impl IntoIterator<Item = Scene>) -> Self {
        let (mut elements, mut width, mut height) = (Vec::new(), 0.0_f64, 0.0_f64);
        for (i, plot) in plots.into_iter().enumerate() {
            let (row, column) = ((i / IN_A_ROW) as f64, (i % IN_A_ROW) as f64);
            let [left, top] = [column * plot.width, row * plot.height];
            elements.push(Primitive::GroupStart {
                transform: Some(format!("translate({left},{top})")),
                title: None,
                extra_attrs: None,
            });
            width = width.max(left + plot.width);
            height = height.max(top + plot.height);
            // Nothing reaches out of the axes, and clips have numbers that count up while the process lives.
            let clip = |e: &Primitive| matches!(e, Primitive::ClipStart { .. } | Primitive::ClipEnd);
            elements.extend(plot.elements.into_iter().filter(|e| !clip(e)));
            elements.push(Primitive::GroupEnd);
        }
        let mut scene = Scene::new(width, height);
        scene.elements = elements;
        Self(Content::Plot(Box::new(scene)))
    }

    /// The text of an SVG file.
    pub fn to_svg(&self) -> String {
        match &self.0 {
            Content::Page(canvas) => canvas.to_svg(),
            Content::Plot(scene) => SvgBackend::new().render_scene(scene) + "\n",
        }
    }

    /// The bytes of a PNG file with `scale` dots for each pixel of the SVG (2 suits most screens).
    ///
    /// # Errors
    /// If `scale` is not above 0 and at most 8.
    pub fn to_png(&self, scale: f64) -> Result<Vec<u8>> {
        if !(scale > 0.0 && scale <= 8.0) {
            let expected = "above 0 and at most 8".into();
            return Err(Error::Invalid { argument: "scale", expected, actual: scale.to_string() });
        }
        let raster = RasterBackend::new().with_scale(scale as f32);
        let page;
        let scene = match &self.0 {
            Content::Page(canvas) => {
                page = canvas.to_scene();
                &page
            }
            Content::Plot(scene) => scene,
        };
        raster.render_scene(scene).map_err(Error::Png)
    }

    /// Writes the picture to a file, whole or not at all: PNG at two dots for each pixel if the name ends in `.png`, else SVG.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let png = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("png"));
        let bytes = if png { self.to_png(2.0)? } else { self.to_svg().into_bytes() };
        write_atomically(path, &bytes)
    }
}

/// Writes a file under a temporary name in the same folder and renames it, so that it is there whole or not at all.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let write = || {
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        // Readable for all whom the umask lets, as any other output file; a temporary file is private by default.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    write().map_err(|source| Error::Write { path: path.to_owned(), source })
}
