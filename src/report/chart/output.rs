//! Charts to SVG text and PNG files.

use plotters::prelude::{BitMapBackend, DrawingBackend, IntoDrawingArea, SVGBackend};
use sha2::{Digest, Sha256};

use super::canvas::{Canvas, Face, register};
use super::draw::draw;
use super::hits::{areas, escaped};
use super::layout::Layout;
use super::picture::{Chart, Size};
use super::theme::{CLASS, style};
use crate::error::{Error, ReportError, Result};
use crate::report::inert::inert;

/// SVG units per pixel: plotters writes whole numbers, which would make curves jagged.
const SVG_FINENESS: u32 = 8;
/// Pixels drawn per pixel kept, each way, to smooth edges that plotters leaves hard.
const OVERSAMPLING: u32 = 4;
/// Height of the page in page units.
const PAGE_HEIGHT: f64 = 500.0;
/// Narrowest page, so that a picture nearly as high as wide keeps room for its legend.
const PAGE_WIDTH: f64 = 620.0;
/// Width of the page of a picture that is higher than wide: that of a phone.
const PHONE_WIDTH: f64 = 390.0;
/// Sides a picture may have, in pixels.
const SIDES: (u32, u32) = (100, 8000);

fn failed(chart: &Chart, reason: impl std::fmt::Display) -> Error {
    ReportError::Draw { chart: chart.name.to_owned(), reason: reason.to_string() }.into()
}

fn check(chart: &Chart, size: Size) -> Result<()> {
    let fits = |side: u32| (SIDES.0..=SIDES.1).contains(&side);
    if fits(size.width) && fits(size.height) {
        return Ok(());
    }
    let (lo, hi) = SIDES;
    let (width, height) = (size.width, size.height);
    Err(ReportError::Size { chart: chart.name.to_owned(), width, height, least: lo, most: hi }
        .into())
}

impl Size {
    /// Pixels per page unit, and the page in page units.
    pub(super) fn page(self) -> (f64, (f64, f64)) {
        let (width, height) = (f64::from(self.width), f64::from(self.height));
        let per_unit = match height > width {
            true => width / PHONE_WIDTH,
            false => (height / PAGE_HEIGHT).min(width / PAGE_WIDTH),
        };
        (per_unit, (width / per_unit, height / per_unit))
    }
}

fn draw_on<DB: DrawingBackend>(
    backend: DB,
    chart: &Chart,
    layout: &Layout<'_>,
    scale: f64,
    face: Face,
) -> Result<()> {
    let area = backend.into_drawing_area();
    let canvas = Canvas { area: &area, chart: chart.name, scale, face };
    draw(&canvas, &chart.layers, layout)?;
    area.present().map_err(|e| failed(chart, e))
}

/// The chart as one SVG element, fit for a file and for inlining in HTML, several on one page.
///
/// It follows the reader's light or dark theme by a style sheet of its own, and is light on paper and
/// in viewers without style sheets. `<title>` and `<desc>` say what is seen. Points have areas in
/// `<g class="hits">`: circles with a `<title>` in words, `data-series`, `data-x` and `data-y`.
///
/// # Errors
/// [`ReportError::Size`] for a size out of range, [`ReportError::Draw`] when the back end fails.
pub fn render_svg(chart: &Chart, size: Size) -> Result<String> {
    check(chart, size)?;
    register();
    let (per_unit, page) = size.page();
    let layout = Layout::of(chart, page);
    let fine = (size.width * SVG_FINENESS, size.height * SVG_FINENESS);
    let scale = per_unit * f64::from(SVG_FINENESS);
    let mut text = String::new();
    draw_on(SVGBackend::with_string(&mut text, fine), chart, &layout, scale, Face::SVG)?;
    // XML has no place for what a name may hold.
    let text = inert(&text);
    let body = text.split_once('>').and_then(|(_, body)| body.trim_end().strip_suffix("</svg>"));
    let body = body.ok_or_else(|| failed(chart, "the SVG is not one element"))?.trim_start();
    let hits = areas(&chart.hits, &layout.frame, scale);
    let subtitle = match chart.subtitle.as_str() {
        "" => String::new(),
        text => format!(" {text}."),
    };
    let said = escaped(&inert(&format!("{}{subtitle}", chart.caption)));
    let title = escaped(&inert(&chart.title));
    // Names of elements are of the whole page: of this picture and no other.
    let digest = Sha256::digest(format!("{}{}{body}{hits}", size.width, chart.name));
    let id: String = digest.iter().take(5).map(|byte| format!("{byte:02x}")).collect();
    let id = format!("{}-{id}", chart.name);
    Ok(format!(
        concat!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" class="{class}" width="{w}" height="{h}" "#,
            r#"viewBox="0 0 {fw} {fh}" stroke-linejoin="round" role="img" "#,
            r#"aria-labelledby="{id}-title {id}-desc">"#,
            "\n<title id=\"{id}-title\">{title}</title>\n<desc id=\"{id}-desc\">{said}</desc>\n",
            "{style}{body}{hits}</svg>\n",
        ),
        class = CLASS,
        w = size.width,
        h = size.height,
        fw = fine.0,
        fh = fine.1,
        id = id,
        title = title,
        said = said,
        style = style(body),
        body = body,
        hits = hits,
    ))
}

/// The chart as PNG bytes, in the colours of the light ground; the font is built in.
///
/// # Errors
/// As [`render_svg`].
pub fn render_png(chart: &Chart, size: Size) -> Result<Vec<u8>> {
    check(chart, size)?;
    let pixels = render_rgb(chart, size)?;
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, size.width, size.height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(&pixels))
        .map_err(|e| failed(chart, e))?;
    Ok(bytes)
}

/// The pixels of a chart, three bytes each, row by row.
fn render_rgb(chart: &Chart, size: Size) -> Result<Vec<u8>> {
    register();
    let k = OVERSAMPLING as usize;
    let (width, height) = (size.width as usize, size.height as usize);
    let mut fine = vec![0_u8; 3 * k * width * k * height];
    let fine_size = (size.width * OVERSAMPLING, size.height * OVERSAMPLING);
    let (per_unit, page) = size.page();
    let backend = BitMapBackend::with_buffer(&mut fine, fine_size);
    let scale = per_unit * f64::from(OVERSAMPLING);
    draw_on(backend, chart, &Layout::of(chart, page), scale, Face::BITMAP)?;
    let mut pixels = vec![0_u8; 3 * width * height];
    for (i, value) in pixels.iter_mut().enumerate() {
        let (channel, column, row) = (i % 3, i / 3 % width, i / 3 / width);
        let sum: u32 = (0..k * k)
            .map(|j| {
                let (x, y) = (k * column + j % k, k * row + j / k);
                u32::from(fine[3 * (y * k * width + x) + channel])
            })
            .sum();
        let count = OVERSAMPLING * OVERSAMPLING;
        *value = ((sum + count / 2) / count) as u8;
    }
    Ok(pixels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::law::Surface;
    use crate::plan::{iso_loss_curve, optimum_of_size};
    use crate::report::compression_chart;
    use crate::units::{Flops, Params};

    fn chart() -> Chart {
        let surface = Surface::published("besiroglu").expect("shipped");
        let loss = optimum_of_size(&surface, Params::new(70e9)).expect("optimum").loss_nats;
        let curve = iso_loss_curve(&surface, loss, 120).expect("curve");
        let model = ("A & <B>".to_owned(), Params::new(40e9), Flops::new(7e23));
        compression_chart(&curve, &[], &[model])
    }

    #[test]
    fn the_same_chart_gives_the_same_bytes() {
        let (a, b) = (render_svg(&chart(), Size::PAGE), render_svg(&chart(), Size::PAGE));
        let a = a.expect("drawn");
        assert_eq!(a, b.expect("drawn"));
        assert!(!a.contains("NaN") && !a.contains("inf"), "only numbers");
        assert!(a.starts_with("<svg") && a.trim_end().ends_with("</svg>"));
        let size = Size { width: 240, height: 160 };
        assert_eq!(
            render_rgb(&chart(), size).expect("drawn"),
            render_rgb(&chart(), size).expect("drawn")
        );
    }

    #[test]
    fn pictures_of_two_sizes_share_no_id_and_every_one_named_is_there() {
        let ids = |size: Size| -> Vec<String> {
            let svg = render_svg(&chart(), size).expect("drawn");
            let quoted = |begin: &str| -> Vec<String> {
                let parts = svg.split(begin).skip(1);
                parts.filter_map(|p| Some(p.split_once('"')?.0.to_owned())).collect()
            };
            let ids = quoted(" id=\"");
            assert_eq!(quoted(" aria-labelledby=\"")[0].split(' ').collect::<Vec<_>>(), ids);
            ids
        };
        let (page, phone) = (ids(Size::PAGE), ids(Size::PHONE));
        assert_eq!((page.len(), phone.len()), (2, 2));
        assert!(page.iter().all(|id| !phone.contains(id)), "{page:?} {phone:?}");
    }

    #[test]
    fn a_phone_shows_no_text_below_eleven_pixels() {
        let svg = render_svg(&chart(), Size::PHONE).expect("drawn");
        let sizes = svg.split(" font-size=\"").skip(1).filter_map(|p| p.split_once('"'));
        let sizes: Vec<f64> = sizes.filter_map(|(size, _)| size.parse().ok()).collect();
        // Shown 390 pixels wide.
        let shown = 390.0 / f64::from(Size::PHONE.width * SVG_FINENESS);
        let least = sizes.iter().copied().fold(f64::INFINITY, f64::min) * shown;
        assert!(sizes.len() > 10 && least > 10.99, "{least}");
    }

    #[test]
    fn a_png_has_its_signature() {
        let bytes = render_png(&chart(), Size { width: 240, height: 160 }).expect("drawn");
        assert!(bytes.starts_with(b"\x89PNG"));
    }

    #[test]
    fn sizes_out_of_range_are_refused() {
        let size = Size { width: 0, height: 500 };
        let error = render_svg(&chart(), size).expect_err("no width");
        assert!(error.to_string().contains("0 x 500 pixels"), "{error}");
    }
}
