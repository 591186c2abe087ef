-- Whoever's turn it is in a waiting list has tickets in their cart until the time that they were told; and what a cart keeps that
-- long, it keeps because it is its owner's turn.
select 'offer ' || w.id || ' without tickets' as breach
from waiting_entries w
where w.status = 'offered' and w.offered_until > now() and not exists (
    select from cart_items c join holds h on h.cart_item_id = c.id
    where c.user_id = w.user_id and c.ticket_type_id = w.ticket_type_id and c.offered_until = w.offered_until
      and h.expires_at = w.offered_until)
union all
select 'cart row ' || c.id || ' without an offer'
from cart_items c
where c.offered_until > now() and exists (select from holds h where h.cart_item_id = c.id) and not exists (
    select from waiting_entries w
    where w.user_id = c.user_id and w.ticket_type_id = c.ticket_type_id and w.status = 'offered'
      and w.offered_until = c.offered_until)
