-- A message leaves within minutes of its cause.
select id || ' (' || queue || '): since ' || created_at as breach from outbox
where published_at is null and created_at < now() - interval '10 minutes'
