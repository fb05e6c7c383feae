-- A key counts once, for ever. Most events have none, so the index holds only those that do.
alter table usage_events add column idempotency_key text;
create unique index usage_events_idempotency_key on usage_events (idempotency_key) where idempotency_key is not null;
