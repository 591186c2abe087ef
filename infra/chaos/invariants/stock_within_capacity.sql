-- No stripe has more held and sold than there is.
select ticket_type_id || '/' || stripe || ': ' || held || ' held and ' || sold || ' sold of ' || capacity as breach
from ticket_stock
where ticket_type_id > $1 and ticket_type_id <= $2 and (held < 0 or sold < 0 or held + sold > capacity)
