-- Finding events: words in Indonesian and English, parts of words, and words with typing errors.
create extension if not exists pg_trgm;

alter table events add column city text check (length(city) between 1 and 100);

alter table events add column haystack text
    generated always as (lower(name || ' ' || location || ' ' || coalesce(city, ''))) stored;
alter table events add column words tsvector generated always as (
    setweight(to_tsvector('indonesian', name), 'A') || setweight(to_tsvector('english', name), 'A')
    || setweight(to_tsvector('simple', location || ' ' || coalesce(city, '')), 'B')
    || setweight(to_tsvector('indonesian', coalesce(description, '')), 'C')
    || setweight(to_tsvector('english', coalesce(description, '')), 'C')
) stored;

create index events_words_idx on events using gin (words);
create index events_haystack_idx on events using gin (haystack gin_trgm_ops);
create index events_newest_idx on events (created_at desc, id desc);
create index events_soonest_idx on events (date, id);
create index events_city_idx on events (lower(city), created_at desc, id desc);
drop index events_public_idx;

create index ticket_types_category_event_idx on ticket_types (category_id, event_id);
drop index ticket_types_category_idx;
