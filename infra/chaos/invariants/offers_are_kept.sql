-- Whoever's turn it is in a waiting list has tickets in their cart until the time that they were told; and what a cart keeps that
-- long, it keeps because it is its owner's turn.
select 'offer ' || w.id || ' without tickets' as breach
from waiting_entries w
where w.status = 'offered' and w.offered_until > now() and not exists (
    select from cart_items c
    where c.user_id = w.user_id and c.ticket_type_id = w.ticket_type_id and c.offered_until = w.offered_until
      and (exists (select from holds h where h.cart_item_id = c.id and h.expires_at = w.offered_until)
        or exists (select from seat_stock k
                   where k.holder_id = c.id and not k.holder_is_order and k.held_until = w.offered_until)))
union all
select 'cart row ' || c.id || ' without an offer'
from cart_items c
where c.offered_until > now()
  and (exists (select from holds h where h.cart_item_id = c.id)
    or exists (select from seat_stock k where k.holder_id = c.id and not k.holder_is_order)) and not exists (
    select from waiting_entries w
    where w.user_id = c.user_id and w.ticket_type_id = c.ticket_type_id and w.status = 'offered'
      and w.offered_until = c.offered_until)
