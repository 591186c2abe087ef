-- Promotional mails to many people: who writes what to whom, and how far it is. `organizer_id` is who writes; null for the
-- platform. `last_user` is the last of the audience who was looked at, and commits with the recipients of their part.
create table mailings (
    id                 bigint generated always as identity primary key,
    organizer_id       bigint      references users (id),
    audience           text        not null check (audience in ('past_buyers', 'followers', 'everybody')),
    past_event_id      bigint      references events (id),
    event_id           bigint      references events (id),
    promo_id           bigint      references promo_codes (id),
    indonesian_subject text        check (length(indonesian_subject) between 1 and 120),
    indonesian_text    text        check (length(indonesian_text) between 1 and 5000),
    english_subject    text        check (length(english_subject) between 1 and 120),
    english_text       text        check (length(english_text) between 1 and 5000),
    status             text        not null
        check (status in ('draft', 'scheduled', 'sending', 'paused', 'sent', 'cancelled')),
    send_at            timestamptz,
    last_user          bigint      not null default 0,
    started_at         timestamptz,
    selected_at        timestamptz,
    finished_at        timestamptz,
    created_at         timestamptz not null,
    updated_at         timestamptz not null,
    check ((indonesian_subject is null) = (indonesian_text is null)),
    check ((english_subject is null) = (english_text is null)),
    check (num_nonnulls(indonesian_subject, english_subject) >= 1),
    check (audience = 'past_buyers' or past_event_id is null),
    check (audience <> 'followers' or event_id is not null),
    check (audience <> 'everybody' or organizer_id is null),
    check (status in ('draft', 'cancelled') or send_at is not null),
    check (status <> 'sending' or started_at is not null),
    check ((status in ('sent', 'cancelled')) = (finished_at is not null))
);
create index mailings_organizer_idx on mailings (organizer_id, id);
create index mailings_open_idx on mailings (send_at, id) where status in ('scheduled', 'sending');
create index mailings_event_idx on mailings (event_id);
create index mailings_past_event_idx on mailings (past_event_id);
create index mailings_promo_idx on mailings (promo_id);

-- Everybody of the audience as the part with them was looked at: who does not get the mail, and why, stands here, too. A row is
-- also what tells the queue about it: one that is `waiting` is announced until somebody has decided about it.
create table mailing_recipients (
    mailing_id      bigint      not null references mailings (id),
    user_id         bigint      not null references users (id),
    state           text        not null check (state in ('waiting', 'sending', 'sent', 'skipped')),
    reason          text        check (reason in ('left', 'unverified', 'unwanted', 'bounced', 'complained', 'too_many',
                                                  'offer_over', 'refused', 'failed')),
    announced_until timestamptz,
    announcements   int         not null default 0,
    decided_at      timestamptz,
    primary key (mailing_id, user_id),
    check ((state = 'skipped') = (reason is not null)),
    check ((state = 'waiting') = (decided_at is null))
);
create index mailing_recipients_open_idx on mailing_recipients (mailing_id, user_id) where state in ('waiting', 'sending');
create index mailing_recipients_announced_idx on mailing_recipients (announced_until)
    where state in ('waiting', 'sending') and announced_until is not null;
create index mailing_recipients_user_idx on mailing_recipients (user_id, decided_at) where state in ('sending', 'sent');

-- Audiences are read in parts, by the number of the account.
create index issued_tickets_audience_idx on issued_tickets (event_id, holder_id) where status <> 'void';
create index preferences_promotions_idx on preferences (user_id) where mail_promotions;
drop index followed_categories_category_idx;
create index followed_categories_category_idx on followed_categories (category_id, user_id);

-- Why somebody gets no promotional mail; null if they may get one.
create view promotion_refusals as
select u.id as user_id,
       case when u.deleted_at is not null then 'left'
            when u.is_guest or not u.is_verified then 'unverified'
            when not coalesce(p.mail_promotions, false) then 'unwanted'
            when s.bounced_at is not null then 'bounced'
            when s.complained_at is not null then 'complained' end as reason
from users u
left join preferences p on p.user_id = u.id
left join mail_suppressions s on s.address_hash = sha256(convert_to(lower(u.email), 'UTF8'));

-- The next of an audience after an account, in the order of their numbers. `organizer` is whose events were bought, null for
-- anybody's; `past_event` is the only one of them that counts; followers are those of the categories of `event`.
create function mailing_audience(audience text, organizer bigint, past_event bigint, event bigint, after bigint, most bigint)
    returns table (user_id bigint) stable language plpgsql as $$
begin
    case
    when audience = 'followers' then
        return query
            select distinct f.user_id from followed_categories f
            where f.category_id in (select unnest(e.category_ids) from events e where e.id = event) and f.user_id > after
            order by 1 limit most;
    when audience = 'everybody' then
        return query
            select p.user_id from preferences p where p.mail_promotions and p.user_id > after order by 1 limit most;
    when past_event is not null then
        return query
            select distinct t.holder_id from issued_tickets t
            where t.event_id = past_event and t.status <> 'void' and t.holder_id > after
            order by 1 limit most;
    when organizer is not null then
        return query
            select distinct h.holder_id from events e cross join lateral (
                select distinct t.holder_id from issued_tickets t
                where t.event_id = e.id and t.status <> 'void' and t.holder_id > after
                order by 1 limit most
            ) h
            where e.organizer_id = organizer
            order by 1 limit most;
    else
        return query
            select u.id from users u
            where u.id > after and exists (select from issued_tickets t where t.holder_id = u.id and t.status <> 'void')
            order by 1 limit most;
    end case;
end
$$;

alter table audit_log drop constraint audit_log_subject_kind_check;
alter table audit_log add constraint audit_log_subject_kind_check
    check (subject_kind in ('event', 'ticket_type', 'category', 'user', 'payment', 'promo', 'promo_campaign', 'notification',
                            'review', 'webhook', 'mailing'));
