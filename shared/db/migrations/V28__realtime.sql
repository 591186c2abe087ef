-- What opens one WebSocket: browsers cannot send their token along with the handshake, and a token does not belong into an
-- address that is written into logs. Kept as a hash, good once and for a minute.
create table socket_tickets (
    token_hash bytea       primary key,
    session_id bigint      not null references sessions (id) on delete cascade,
    expires_at timestamptz not null
);
create index socket_tickets_session_idx on socket_tickets (session_id, expires_at);

-- Notices for people who follow something over a WebSocket.
alter table outbox drop constraint outbox_queue_check;
alter table outbox add constraint outbox_queue_check
    check (queue in ('payment-notifications', 'mail', 'media', 'refunds', 'webhooks', 'notices'));

-- Whoever writes a notification tells those who follow theirs. The id follows from the notification's, so that whoever wrote
-- it can publish at once what is written here.
create function tell_followers() returns trigger language plpgsql as $$
begin
    insert into outbox (id, queue, body, created_at)
    values (lpad(to_hex(new.id), 32, '0'), 'notices',
            json_build_object('id', lpad(to_hex(new.id), 32, '0'),
                              'body', json_build_object('kind', 'told', 'notification', new.id))::text,
            new.created_at);
    return null;
end
$$;
create trigger notifications_tell_followers after insert on notifications
    for each row execute function tell_followers();
