-- The sale of seats, apart from what they are called. A seat is a narrow row that says itself who has it, so whoever takes it writes
-- this row and nothing else: a hold in a row of its own cost as much again as the seat. And it says itself where it is, so whoever
-- looks for the best reads these rows and nothing else.
create table seat_stock (
    ticket_type_id  bigint      not null,
    number          int         not null,
    section_no      smallint    not null,
    row_no          smallint    not null,
    -- The numbers of its row, which follow each other.
    row_first       int         not null,
    row_last        int         not null,
    -- Neighbours have places that differ by one.
    place           int         not null,
    -- Hundredths of the width of a seat: how far from the best seats; the lower the better.
    cost            int         not null,
    -- Kept for people who need it.
    accessible      boolean     not null,
    -- Who holds it: a row of a cart or a line of an order. Without foreign keys, which would lock that row and read an index at
    -- each claim; the triggers below keep a holder from going instead.
    holder_id       bigint,
    holder_is_order boolean     not null default false,
    held_until      timestamptz,
    sold            boolean     not null default false,
    primary key (ticket_type_id, number),
    -- One check for all, because the server reads each of them again for every claim.
    constraint seat_stock_one_owner check ((holder_id is null) = (held_until is null) and (holder_id is null or not sold))
) with (fillfactor = 50);

insert into seat_stock (ticket_type_id, number, section_no, row_no, row_first, row_last, place, cost, accessible, holder_id,
                        holder_is_order, held_until, sold)
select s.ticket_type_id, s.number, s.section_no, s.row_no, min(s.number) over line, max(s.number) over line, s.place, s.cost,
       s.accessible, coalesce(h.cart_item_id, h.order_item_id), h.order_item_id is not null, h.expires_at, k.sold > 0
from seats s
join ticket_stock k on k.ticket_type_id = s.ticket_type_id and k.stripe = s.number
left join holds h on h.ticket_type_id = s.ticket_type_id and h.stripe = s.number and h.is_seat
window line as (partition by s.ticket_type_id, s.section_no, s.row_no);

delete from holds where is_seat;
alter table holds drop column is_seat;
alter table seats drop constraint seats_ticket_type_id_number_fkey;
delete from ticket_stock k using seats s where k.ticket_type_id = s.ticket_type_id and k.stripe = s.number;
alter table seats drop column section_no, drop column row_no, drop column place, drop column cost, drop column accessible;
alter table seats add foreign key (ticket_type_id) references ticket_types (id) on delete cascade;
alter table seat_stock add foreign key (ticket_type_id, number) references seats (ticket_type_id, number) on delete cascade;

-- Only what is held now is in it, so it also finds what carts have held for too long.
create index seat_stock_holder_idx on seat_stock (holder_id) where holder_id is not null;
-- The best free seats first, whatever is sold already.
create index seat_stock_free_idx on seat_stock (ticket_type_id, cost) where held_until is null and not sold;

create function seats_keep_their_holder() returns trigger language plpgsql as $$
begin
    if exists (select from seat_stock where holder_id = old.id and holder_is_order = (tg_table_name = 'order_items')) then
        raise foreign_key_violation using message = format('%s %s holds seats', tg_table_name, old.id);
    end if;
    return null;
end
$$;
create trigger cart_items_keep_seats after delete on cart_items for each row execute function seats_keep_their_holder();
create trigger order_items_keep_seats after delete on order_items for each row execute function seats_keep_their_holder();

-- What there is of ticket types, of either kind.
create view stock as
    select ticket_type_id, capacity, held, sold from ticket_stock
    union all
    select ticket_type_id, 1, num_nonnulls(holder_id), sold::int from seat_stock;
