-- How far the reconciler has come: the last event whose user it has checked, and the user after whom a sweep over all
-- users goes on (null: no sweep is due). Without a row, all is still to be done.
create table usage_reconciliation (
  one boolean primary key default true check (one),
  checked_at timestamptz not null,
  checked_id uuid not null,
  sweep_after text
);

create index usage_events_recorded_at on usage_events (recorded_at, id);
