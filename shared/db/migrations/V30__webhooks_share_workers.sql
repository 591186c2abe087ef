-- Somebody tries the delivery until then: how many tries of one endpoint are under way.
alter table webhook_deliveries add column leased_until timestamptz;
create index webhook_deliveries_leased_idx on webhook_deliveries (endpoint_id, leased_until) where leased_until is not null;

-- What is due is looked for by endpoint.
create index webhook_deliveries_endpoint_due_idx on webhook_deliveries (endpoint_id, due_at, id) where state = 'pending';
drop index webhook_deliveries_due_idx;
create index webhook_deliveries_state_idx on webhook_deliveries (endpoint_id, state, id);
create index webhook_deliveries_tests_idx on webhook_deliveries (endpoint_id, created_at) where event = 'webhook.test';
