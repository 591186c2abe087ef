-- Buyers without an account. Each guest checkout is a row of its own, so whoever types somebody's address gets to see nothing of
-- them; an account that proves the same address can claim what its guests bought. Guests have no password and were not asked
-- for their age.
alter table users add column is_guest boolean not null default false;
alter table users drop constraint users_age_check;
alter table users add constraint users_age_check check (age between 1 and 150 or is_guest and age = 0);

drop index users_email_key;
create unique index users_email_key on users (lower(email)) where not is_guest;
create index users_guest_email_idx on users (lower(email)) where is_guest;
