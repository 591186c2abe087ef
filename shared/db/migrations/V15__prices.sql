-- What an organizer adds to the price of an event's tickets: rupiah per ticket that costs something, and a tax in hundredths
-- of a percent on price and fee.
alter table events add column service_fee bigint not null default 0 check (service_fee between 0 and 1000000);
alter table events add column tax_rate int not null default 0 check (tax_rate between 0 and 5000);

-- What a line is charged is computed by the database, so that no program can write another sum.
alter table order_items add column discount bigint not null default 0 check (discount >= 0);
alter table order_items add column fee bigint not null default 0 check (fee >= 0);
alter table order_items add column tax bigint not null default 0 check (tax >= 0);
alter table order_items add column charged bigint not null
    generated always as (unit_price * quantity - discount + fee + tax) stored;
alter table order_items add constraint order_items_discount_within_price check (discount <= unit_price * quantity);

alter table orders add column fee bigint not null default 0 check (fee >= 0);
alter table orders add column tax bigint not null default 0 check (tax >= 0);
alter table orders drop constraint orders_check;
alter table orders add constraint orders_total_check
    check (total >= 0 and discount <= subtotal and total = subtotal - discount + fee + tax);
