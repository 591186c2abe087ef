//! The fonts of a document: what is compiled in, measured, and embedded as far as it is used.

use super::PdfError;
use pdf_writer::types::{CidFontType, FontFlags, SystemInfo, UnicodeCmap};
use pdf_writer::{Filter, Finish as _, Name, Pdf, Rect, Ref, Str};
use std::collections::BTreeMap;
use subsetter::GlyphRemapper;
use ttf_parser::{Face as Tables, GlyphId};

/// What stands for a character that the fonts do not have.
const UNKNOWN: char = '\u{fffd}';

const IDENTITY: SystemInfo<'_> = SystemInfo {
    registry: Str(b"Adobe"),
    ordering: Str(b"Identity"),
    supplement: 0,
};

/// A font.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Face {
    /// For running text.
    Regular,
    /// For what matters.
    Bold,
}

impl Face {
    /// Both.
    pub(super) const ALL: [Self; 2] = [Self::Regular, Self::Bold];

    const fn bytes(self) -> &'static [u8] {
        match self {
            Self::Regular => include_bytes!("../../fonts/NotoSans-Regular.ttf"),
            Self::Bold => include_bytes!("../../fonts/NotoSans-Bold.ttf"),
        }
    }

    /// What pages call it.
    pub(super) const fn resource(self) -> Name<'static> {
        match self {
            Self::Regular => Name(b"R"),
            Self::Bold => Name(b"B"),
        }
    }

    // Six letters tell one subset of a font from others; there is one of each here.
    const fn name(self) -> Name<'static> {
        match self {
            Self::Regular => Name(b"GIGGLR+NotoSans-Regular"),
            Self::Bold => Name(b"GIGGLB+NotoSans-Bold"),
        }
    }
}

/// A font and what of it is used.
pub(super) struct Font {
    face: Face,
    tables: Tables<'static>,
    used: GlyphRemapper,
    /// Character of each glyph that is used, by its number in the subset.
    letters: BTreeMap<u16, char>,
}

impl Font {
    /// The font that is compiled in.
    pub(super) fn load(face: Face) -> Result<Self, PdfError> {
        Ok(Self {
            face,
            tables: Tables::parse(face.bytes(), 0).map_err(|_| PdfError::Font)?,
            used: GlyphRemapper::new(),
            letters: BTreeMap::new(),
        })
    }

    fn glyph(&self, c: char) -> GlyphId {
        let known = self.tables.glyph_index(c);
        known
            .or_else(|| self.tables.glyph_index(UNKNOWN))
            .unwrap_or_default()
    }

    fn advance(&self, glyph: GlyphId) -> f32 {
        f32::from(self.tables.glyph_hor_advance(glyph).unwrap_or_default())
            / f32::from(self.tables.units_per_em())
    }

    /// Width of a text, in sizes.
    pub(super) fn width(&self, text: &str) -> f32 {
        text.chars().map(|c| self.advance(self.glyph(c))).sum()
    }

    /// The numbers of a text's glyphs as pages name them: two bytes each.
    pub(super) fn encode(&mut self, text: &str) -> Vec<u8> {
        text.chars()
            .flat_map(|c| {
                let number = self.used.remap(self.glyph(c).0);
                let known = self.tables.glyph_index(c).is_some();
                self.letters
                    .entry(number)
                    .or_insert(if known { c } else { UNKNOWN });
                number.to_be_bytes()
            })
            .collect()
    }

    /// Writes what is used of the font, with the characters of its glyphs, so that readers can search and copy.
    pub(super) fn embed(
        &self,
        pdf: &mut Pdf,
        id: Ref,
        next: &mut impl FnMut() -> Ref,
    ) -> Result<(), PdfError> {
        let (descendant, descriptor, file, letters) = (next(), next(), next(), next());
        let name = self.face.name();
        pdf.type0_font(id)
            .base_font(name)
            .encoding_predefined(Name(b"Identity-H"))
            .descendant_font(descendant)
            .to_unicode(letters);

        let mut font = pdf.cid_font(descendant);
        font.subtype(CidFontType::Type2)
            .base_font(name)
            .system_info(IDENTITY)
            .font_descriptor(descriptor)
            .cid_to_gid_map_predefined(Name(b"Identity"));
        let widths = self
            .used
            .remapped_gids()
            .map(|old| self.advance(GlyphId(old)) * 1_000.0);
        font.widths().consecutive(0, widths);
        font.finish();

        let scale = 1_000.0 / f32::from(self.tables.units_per_em());
        let scaled = |units: i16| f32::from(units) * scale;
        let bounds = self.tables.global_bounding_box();
        pdf.font_descriptor(descriptor)
            .name(name)
            .flags(FontFlags::SYMBOLIC)
            .bbox(Rect::new(
                scaled(bounds.x_min),
                scaled(bounds.y_min),
                scaled(bounds.x_max),
                scaled(bounds.y_max),
            ))
            .italic_angle(0.0)
            .ascent(scaled(self.tables.ascender()))
            .descent(scaled(self.tables.descender()))
            .cap_height(scaled(self.tables.capital_height().unwrap_or_default()))
            .stem_v(match self.face {
                Face::Regular => 80.0,
                Face::Bold => 140.0,
            })
            .font_file2(file);

        let subset = subsetter::subset(self.face.bytes(), 0, &self.used).map_err(|_| PdfError::Font)?;
        let packed = super::pack(&subset)?;
        let mut stream = pdf.stream(file, &packed);
        stream.filter(Filter::FlateDecode);
        // Readers ask for the length of the font as it is unpacked.
        stream.pair(Name(b"Length1"), i32::try_from(subset.len()).unwrap_or(i32::MAX));
        stream.finish();

        let mut map = UnicodeCmap::new(Name(b"Custom"), IDENTITY);
        for (number, letter) in &self.letters {
            map.pair(*number, *letter);
        }
        let map = map.finish();
        pdf.cmap(letters, map.as_slice())
            .name(Name(b"Custom"))
            .system_info(IDENTITY);
        Ok(())
    }
}
