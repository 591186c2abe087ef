use crate::Language;
use crate::letter::{BillLine, Block};
use domain::Rupiah;

/// What an order costs.
pub struct Bill {
    /// What is bought.
    pub lines: Vec<Line>,
    /// Taken off the sum of the lines.
    pub discount: Rupiah,
    /// Service fees.
    pub fee: Rupiah,
    /// Taxes.
    pub tax: Rupiah,
    /// What is charged.
    pub total: Rupiah,
}

/// One line of an order.
pub struct Line {
    /// What the ticket is called.
    pub ticket: String,
    /// What its event is called.
    pub event: String,
    /// How many.
    pub quantity: u32,
    /// Price of all of them.
    pub price: Rupiah,
}

impl Bill {
    /// The bill as a block of a letter.
    pub(super) fn block(self, language: Language) -> Block {
        let mut sums = Vec::new();
        if self.discount > Rupiah::ZERO {
            sums.push((
                language.pick("Potongan", "Discount"),
                format!("−{}", self.discount),
            ));
        }
        let added = [
            (language.pick("Biaya layanan", "Service fee"), self.fee),
            (language.pick("Pajak", "Tax"), self.tax),
        ];
        for (name, amount) in added {
            if amount > Rupiah::ZERO {
                sums.push((name, amount.to_string()));
            }
        }
        sums.push(("Total", self.total.to_string()));
        let lines = self.lines.into_iter().map(|line| BillLine {
            what: format!("{} × {}", line.quantity, line.ticket),
            of: line.event,
            price: line.price.to_string(),
        });
        Block::Bill {
            lines: lines.collect(),
            sums,
        }
    }
}
