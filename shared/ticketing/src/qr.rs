//! QR codes as pictures: black on white, error correction M (a scan survives 15 % of damage), with the quiet zone of
//! four modules that the standard asks for.

use qrcode::{Color, EcLevel, QrCode};
use std::fmt::Write as _;

/// Modules of white around the code.
const QUIET: usize = 4;

/// A PNG is at least this many pixels wide, and less than one module per row of the code wider.
const WIDTH: usize = 400;

/// Why a text has no QR code.
#[derive(Debug, thiserror::Error)]
pub enum QrError {
    /// It is longer than the 2,331 bytes that a QR code of this error correction holds.
    #[error("failed to fit {0} bytes into a QR code")]
    TooLong(usize),
    /// The picture could not be written.
    #[error("failed to encode the QR code as PNG")]
    Png(#[from] png::EncodingError),
}

/// The code as a PNG of one bit per pixel, 400 to 600 pixels wide: sharp on paper and on any screen, a few hundred bytes.
///
/// # Errors
/// If the text is too long for a QR code; a ticket's token never is.
pub fn png(text: &str) -> Result<Vec<u8>, QrError> {
    let code = Matrix::of(text)?;
    let scale = WIDTH.div_ceil(code.size);
    let width = code.size * scale;
    let mut pixels = Vec::with_capacity(width * width.div_ceil(8));
    for y in 0..code.size {
        let row: Vec<u8> = code
            .row(y)
            .flat_map(|dark| std::iter::repeat_n(dark, scale))
            .collect::<Vec<_>>()
            .chunks(8)
            .map(|bits| {
                bits.iter()
                    .zip((0..8).rev())
                    .fold(0, |byte, (dark, bit)| byte | u8::from(!dark) << bit)
            })
            .collect();
        (0..scale).for_each(|_| pixels.extend_from_slice(&row));
    }
    let mut file = Vec::new();
    // A token's code is at most some hundred modules wide, so the cast cannot cut anything off.
    let side = u32::try_from(width).unwrap_or(u32::MAX);
    let mut encoder = png::Encoder::new(&mut file, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    encoder.set_compression(png::Compression::High);
    encoder.write_header()?.write_image_data(&pixels)?;
    Ok(file)
}

/// The code as an SVG element without a fixed size: it fills what it is put into. Dark modules are one path, so no gaps
/// show between them.
///
/// # Errors
/// If the text is too long for a QR code; a ticket's token never is.
pub fn svg(text: &str) -> Result<String, QrError> {
    let rows = rows(text)?;
    let size = rows.len();
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h{size}v{size}H0z"/><path d=""##
    );
    for (y, row) in rows.iter().enumerate() {
        let mut x = 0;
        for run in row.chunk_by(|a, b| a == b) {
            let length = run.len();
            if run.first() == Some(&true) {
                let _ = write!(svg, "M{x} {y}h{length}v1h-{length}z");
            }
            x += length;
        }
    }
    svg.push_str(r#""/></svg>"#);
    Ok(svg)
}

/// The modules of the code with its quiet zone, row by row; dark ones are `true`.
///
/// # Errors
/// If the text is too long for a QR code; a ticket's token never is.
pub fn rows(text: &str) -> Result<Vec<Vec<bool>>, QrError> {
    let code = Matrix::of(text)?;
    Ok((0..code.size).map(|y| code.row(y).collect()).collect())
}

/// The modules of a code with its quiet zone.
struct Matrix {
    code: QrCode,
    size: usize,
}

impl Matrix {
    fn of(text: &str) -> Result<Self, QrError> {
        let code = QrCode::with_error_correction_level(text, EcLevel::M)
            .map_err(|_| QrError::TooLong(text.len()))?;
        let size = code.width() + 2 * QUIET;
        Ok(Self { code, size })
    }

    /// Which modules of a row are dark.
    fn row(&self, y: usize) -> impl Iterator<Item = bool> {
        let inner = QUIET..self.size - QUIET;
        (0..self.size).map(move |x| {
            inner.contains(&x) && inner.contains(&y) && self.code[(x - QUIET, y - QUIET)] == Color::Dark
        })
    }
}
