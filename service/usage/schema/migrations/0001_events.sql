-- Every accepted event, once. The system that this one replaces has this table already: it is taken over as it is.
create table if not exists usage_events (
  id uuid primary key,
  user_id text not null,
  usage numeric(19, 6) not null check (usage >= 0),
  recorded_at timestamptz not null default now()
);
