//! Charts to SVG text and PNG files.

use plotters::prelude::{BitMapBackend, DrawingBackend, IntoDrawingArea, SVGBackend};

use super::canvas::{Canvas, Face, register};
use super::draw::draw;
use super::picture::{Chart, Size};
use crate::error::{Error, ReportError, Result};
use crate::report::inert::inert;

/// SVG units per pixel: plotters writes whole numbers, which would make curves jagged.
const SVG_FINENESS: u32 = 8;
/// Pixels drawn per pixel kept, each way, to smooth edges that plotters leaves hard.
const OVERSAMPLING: u32 = 4;
/// Height of the page in page units.
const PAGE_HEIGHT: f64 = 500.0;
/// Narrowest page, so that a tall picture keeps room for its legend.
const PAGE_WIDTH: f64 = 620.0;
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

fn draw_on<DB: DrawingBackend>(
    backend: DB,
    chart: &Chart,
    size: Size,
    fineness: u32,
    face: Face,
) -> Result<()> {
    register();
    let (width, height) = (f64::from(size.width), f64::from(size.height));
    let per_unit = (height / PAGE_HEIGHT).min(width / PAGE_WIDTH);
    let area = backend.into_drawing_area();
    let scale = per_unit * f64::from(fineness);
    let canvas = Canvas { area: &area, chart: chart.name, scale, face };
    draw(&canvas, chart, (width / per_unit, height / per_unit))?;
    area.present().map_err(|e| failed(chart, e))
}

/// The chart as one SVG element, fit for a file and for inlining in HTML.
///
/// # Errors
/// [`ReportError::Size`] for a size out of range, [`ReportError::Draw`] when the back end fails.
pub fn render_svg(chart: &Chart, size: Size) -> Result<String> {
    check(chart, size)?;
    let fine = (size.width * SVG_FINENESS, size.height * SVG_FINENESS);
    let mut text = String::new();
    draw_on(SVGBackend::with_string(&mut text, fine), chart, size, SVG_FINENESS, Face::SVG)?;
    // XML has no place for what a name may hold.
    let text = inert(&text);
    let body = text
        .split_once('>')
        .map(|(_, body)| body)
        .ok_or_else(|| failed(chart, "the SVG has no head"))?;
    let label = escaped(&inert(&format!("{}. {}", chart.title, chart.caption)));
    Ok(format!(
        concat!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="{}" height="{}" "#,
            r#"viewBox="0 0 {} {}" stroke-linejoin="round" role="img" aria-label="{}">{}"#
        ),
        size.width, size.height, fine.0, fine.1, label, body
    ))
}

/// The chart as PNG bytes; the font is built in.
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
    let k = OVERSAMPLING as usize;
    let (width, height) = (size.width as usize, size.height as usize);
    let mut fine = vec![0_u8; 3 * k * width * k * height];
    let fine_size = (size.width * OVERSAMPLING, size.height * OVERSAMPLING);
    let backend = BitMapBackend::with_buffer(&mut fine, fine_size);
    draw_on(backend, chart, size, OVERSAMPLING, Face::BITMAP)?;
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

/// Text safe in an XML attribute.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            other => out.push(other),
        }
    }
    out
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
