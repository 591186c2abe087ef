-- Which API key somebody's system used; rows from before do not say. Nothing refers to the key: the log outlives it.
alter table audit_log add column actor_key_id bigint;
alter table audit_log add constraint audit_log_actor_key_check check (actor_key_id is null or actor_via = 'api_key');
