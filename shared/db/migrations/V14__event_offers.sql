-- What an event offers, kept on its row: a list of events restricted by price or category is read along an index of events
-- until the page is full, instead of looking at every ticket type first.
alter table events
    add column min_price bigint,
    add column max_price bigint,
    add column category_ids bigint[] not null default '{}';

create index events_min_price_idx on events (min_price);
create index events_max_price_idx on events (max_price);
create index events_category_ids_idx on events using gin (category_ids);

-- A trigger, so that whoever writes ticket types keeps them true. The row is locked by a statement of its own: the one after
-- it sees what others committed while this one waited.
create function offer_of_event(changed bigint) returns void language plpgsql as $$
begin
    perform 1 from events where id = changed for no key update;
    update events
    set min_price = offer.min_price, max_price = offer.max_price, category_ids = offer.category_ids
    from (select min(price) as min_price, max(price) as max_price,
                 coalesce(array_agg(distinct category_id), '{}') as category_ids
          from ticket_types where event_id = changed) offer
    where id = changed
      and (events.min_price, events.max_price, events.category_ids)
          is distinct from (offer.min_price, offer.max_price, offer.category_ids);
end
$$;

create function ticket_types_offer() returns trigger language plpgsql as $$
begin
    if tg_op <> 'INSERT' then
        perform offer_of_event(old.event_id);
    end if;
    if tg_op = 'INSERT' or new.event_id is distinct from old.event_id then
        perform offer_of_event(new.event_id);
    end if;
    return null;
end
$$;
create trigger ticket_types_offer after insert or delete or update of event_id, category_id, price on ticket_types
    for each row execute function ticket_types_offer();

select offer_of_event(event_id) from (select distinct event_id from ticket_types) types;
