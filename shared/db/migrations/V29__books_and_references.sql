-- Money that comes in, or is taken back, after a payment in a wrong amount was booked corrects the books.
alter table ledger_postings drop constraint ledger_postings_kind_check;
alter table ledger_postings add constraint ledger_postings_kind_check
    check (kind in ('charge', 'refund', 'reversal', 'correction'));
drop index ledger_postings_once_idx;
create unique index ledger_postings_once_idx on ledger_postings (payment_id, kind) where kind in ('charge', 'reversal');

-- A bank is named as its organizer likes, so the name of it does not tell transfers apart; nor does the case of a reference.
drop index transfers_reference_key;
create unique index transfers_reference_key on transfers (organizer_id, account_number, lower(reference));
