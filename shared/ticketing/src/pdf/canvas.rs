//! A page to draw on: shapes, and lines of text that are measured with the font that draws them, broken between words and made
//! smaller until they fit. Lengths are in points from the upper left corner.

use super::font::{Face, Font};
use super::{PAGE, PdfError};
use pdf_writer::{Content, Str};

/// Distance of two lines, in sizes.
const LEADING: f32 = 1.3;

/// Red, green and blue.
#[derive(Debug, Clone, Copy)]
pub(super) struct Color(pub(super) u8, pub(super) u8, pub(super) u8);

impl Color {
    fn parts(self) -> [f32; 3] {
        [self.0, self.1, self.2].map(|part| f32::from(part) / 255.0)
    }
}

/// A rectangle.
#[derive(Debug, Clone, Copy)]
pub(super) struct Area {
    /// Its left side …
    pub(super) x: f32,
    /// … and its upper one.
    pub(super) y: f32,
    /// How wide it is.
    pub(super) width: f32,
    /// How high it is.
    pub(super) height: f32,
}

/// How a text is set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting {
    /// In which font.
    pub(super) face: Face,
    /// How long a line may be.
    pub(super) width: f32,
    /// How many lines there may be.
    pub(super) lines: usize,
    /// Size …
    pub(super) size: f32,
    /// … down to which it shrinks if it does not fit.
    pub(super) least: f32,
}

/// Lines that fit.
#[derive(Debug)]
pub(super) struct Lines {
    face: Face,
    size: f32,
    lines: Vec<String>,
}

/// The fonts of a document.
pub(super) struct Fonts {
    regular: Font,
    bold: Font,
}

impl Fonts {
    /// The fonts that are compiled in.
    pub(super) fn load() -> Result<Self, PdfError> {
        Ok(Self {
            regular: Font::load(Face::Regular)?,
            bold: Font::load(Face::Bold)?,
        })
    }

    /// One of them.
    pub(super) const fn get(&self, face: Face) -> &Font {
        match face {
            Face::Regular => &self.regular,
            Face::Bold => &self.bold,
        }
    }

    const fn get_mut(&mut self, face: Face) -> &mut Font {
        match face {
            Face::Regular => &mut self.regular,
            Face::Bold => &mut self.bold,
        }
    }

    /// Width of lines in points.
    pub(super) fn width(&self, lines: &Lines) -> f32 {
        let font = self.get(lines.face);
        lines
            .lines
            .iter()
            .map(|line| font.width(line) * lines.size)
            .fold(0.0, f32::max)
    }

    /// Sets a text. What does not fit even at its smallest is cut off.
    pub(super) fn set(&self, text: &str, how: Setting) -> Lines {
        let (font, mut size) = (self.get(how.face), how.size);
        let mut lines = broken(font, text, how.width / size);
        while lines.len() > how.lines && size > how.least {
            size = (size - 0.5).max(how.least);
            lines = broken(font, text, how.width / size);
        }
        if lines.len() > how.lines {
            lines.truncate(how.lines);
            if let Some(last) = lines.last_mut() {
                cut(font, last, how.width / size);
            }
        }
        Lines {
            face: how.face,
            size,
            lines,
        }
    }
}

impl Lines {
    /// Height in points.
    pub(super) fn height(&self) -> f32 {
        self.lines.iter().map(|_| self.size * LEADING).sum()
    }
}

/// Breaks a text into lines of at most this width, in sizes.
fn broken(font: &Font, text: &str, width: f32) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        if let Some(line) = lines.last_mut() {
            let longer = format!("{line} {word}");
            if font.width(&longer) <= width {
                *line = longer;
                continue;
            }
        }
        // A word that is longer than a line is broken where the line ends.
        let mut line = String::new();
        for letter in word.chars() {
            line.push(letter);
            if font.width(&line) > width && line.len() > letter.len_utf8() {
                line.pop();
                lines.push(std::mem::replace(&mut line, letter.to_string()));
            }
        }
        lines.push(line);
    }
    lines
}

/// Ends a line that is not the last of its text.
fn cut(font: &Font, line: &mut String, width: f32) {
    while !line.is_empty() && font.width(&format!("{line}…")) > width {
        line.pop();
    }
    line.push('…');
}

/// A page.
pub(super) struct Canvas<'a> {
    fonts: &'a mut Fonts,
    content: Content,
}

impl<'a> Canvas<'a> {
    /// A white page.
    pub(super) fn new(fonts: &'a mut Fonts) -> Self {
        Self {
            fonts,
            content: Content::new(),
        }
    }

    /// The fonts, to set text with.
    pub(super) const fn fonts(&self) -> &Fonts {
        self.fonts
    }

    /// Fills areas with a colour.
    pub(super) fn fill(&mut self, color: Color, areas: impl IntoIterator<Item = Area>) {
        let [red, green, blue] = color.parts();
        self.content.set_fill_rgb(red, green, blue);
        for area in areas {
            self.path(area);
        }
        self.content.fill_nonzero();
    }

    /// Draws a thin line around an area.
    pub(super) fn outline(&mut self, color: Color, area: Area) {
        let [red, green, blue] = color.parts();
        self.content.set_stroke_rgb(red, green, blue).set_line_width(1.0);
        self.path(area);
        self.content.stroke();
    }

    // PDF counts from the lower left corner.
    fn path(&mut self, area: Area) {
        let bottom = PAGE.1 - area.y - area.height;
        self.content.rect(area.x, bottom, area.width, area.height);
    }

    /// Writes lines, the upper left corner of the first one here.
    pub(super) fn write(&mut self, color: Color, lines: &Lines, x: f32, y: f32) {
        let [red, green, blue] = color.parts();
        let font = self.fonts.get_mut(lines.face);
        self.content.set_fill_rgb(red, green, blue).begin_text();
        self.content.set_font(lines.face.resource(), lines.size);
        self.content.next_line(x, PAGE.1 - y - lines.size);
        for line in &lines.lines {
            self.content.show(Str(&font.encode(line)));
            self.content.next_line(0.0, -lines.size * LEADING);
        }
        self.content.end_text();
    }

    /// What was drawn.
    pub(super) fn finish(self) -> Vec<u8> {
        self.content.finish().into_vec()
    }
}
