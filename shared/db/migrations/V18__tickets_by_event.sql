-- Calling an event off looks for the tickets that are still good.
create index issued_tickets_live_idx on issued_tickets (event_id, order_item_id) where status <> 'void';
